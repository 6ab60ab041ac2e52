/* value.h - a metric's value as people read it. */
#ifndef RL_VALUE_H
#define RL_VALUE_H

enum { RL_VALUE_MAX = 48 };

/* Four significant digits and the unit, scaled where it is one of time or a rate: 41210 "ns" is "41.21 us",
 * 4.12e10 "B/s" "41.2 GB/s". "-" for what is not finite. Returns out. */
const char *rl_value_text(char out[RL_VALUE_MAX], double x, const char *unit);

#endif
