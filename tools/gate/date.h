/* date.h - points in time as files have them, compared as seconds since 1970. */
#ifndef RL_DATE_H
#define RL_DATE_H

#include <stdbool.h>
#include <stdint.h>

enum { RL_DATE_MAX = 32, RL_DATE_DAY = 86400 };

/* "2026-08-22" (its first second, UTC), "2026-08-22T10:00:00Z", or with "+02:00" in the place of Z; years
 * from 1970 to 9999. False for anything else. */
bool rl_date_read(const char *text, int64_t *seconds);

/* "2026-08-22T10:00:00Z". Returns out. */
const char *rl_date_text(int64_t seconds, char out[RL_DATE_MAX]);

#endif
