/* text.h - numbers and times as reports print them. Private to perf/. */
#ifndef RL_TEXT_H
#define RL_TEXT_H

#include "perf/bench.h"

#include <locale.h>

enum { RL_TEXT_MAX = 32 };

/* The shortest decimal that reads back as the same double; "" for what is not finite. */
const char *rl_text_number(char out[RL_TEXT_MAX], double x);

/* Three to six digits and a prefix: "41.2G", "12.5Ki" with base 1024, "250n". */
const char *rl_text_human(char out[RL_TEXT_MAX], double x, bool binary);

/* A time in ten columns, as Google Benchmark's console aligns it. */
const char *rl_text_time(char out[RL_TEXT_MAX], double t);

const char *rl_unit_name(rl_time_unit unit);
double rl_unit_per_second(rl_time_unit unit); /* RL_NS: 1e9 */

/* Decimal points are points in between, whatever locale the program has set: in flags and in reports. */
typedef struct {
    locale_t plain, before;
} rl_locale;
rl_locale rl_locale_enter(void);
void rl_locale_leave(rl_locale l);

/* "2026-08-22T10:00:00+02:00" */
const char *rl_text_date(char out[RL_TEXT_MAX]);

#endif
