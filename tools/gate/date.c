/* date.c - the calendar of RFC 3339. */
#include "gate/date.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

/* Takes `digits` of them that make a number in [least, most]. */
static bool take(const char **at, int digits, int least, int most, int *number)
{
    *number = 0;
    for (; digits > 0; digits--, (*at)++) {
        if (!isdigit((unsigned char)**at)) return false;
        *number = *number * 10 + (**at - '0');
    }
    return *number >= least && *number <= most;
}

static bool take_mark(const char **at, char mark)
{
    if (**at != mark) return false;
    (*at)++;
    return true;
}

static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

/* Days from the year 0 to the first of January; only differences of it mean anything. */
static int64_t days_before(int year)
{
    const int past = year - 1;
    return (int64_t)365 * year + past / 4 - past / 100 + past / 400;
}

static bool take_day(const char **at, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!take(at, 4, 1970, 9999, &year) || !take_mark(at, '-') || !take(at, 2, 1, 12, &month) ||
        !take_mark(at, '-') || !take(at, 2, 1, lengths[month - 1] + (month == 2 && is_leap(year)), &day))
        return false;
    *days = days_before(year) - days_before(1970) + day - 1;
    for (int m = 1; m < month; m++) *days += lengths[m - 1] + (m == 2 && is_leap(year));
    return true;
}

/* "Z" or "+02:00": how far ahead of UTC, in seconds. */
static bool take_zone(const char **at, int64_t *ahead)
{
    int hour, minute;
    *ahead = 0;
    if (take_mark(at, 'Z')) return true;
    const int sign = **at == '-' ? -1 : 1;
    if (!take_mark(at, sign < 0 ? '-' : '+') || !take(at, 2, 0, 23, &hour) || !take_mark(at, ':') ||
        !take(at, 2, 0, 59, &minute))
        return false;
    *ahead = sign * (hour * 3600 + minute * 60);
    return true;
}

bool rl_date_read(const char *text, int64_t *seconds)
{
    int64_t days, ahead;
    int hour, minute, second;
    if (!take_day(&text, &days)) return false;
    *seconds = days * RL_DATE_DAY;
    if (*text == '\0') return true;
    if (!take_mark(&text, 'T') || !take(&text, 2, 0, 23, &hour) || !take_mark(&text, ':') ||
        !take(&text, 2, 0, 59, &minute) || !take_mark(&text, ':') || !take(&text, 2, 0, 60, &second) ||
        !take_zone(&text, &ahead) || *text != '\0')
        return false;
    *seconds += hour * 3600 + minute * 60 + second - ahead;
    return true;
}

const char *rl_date_text(int64_t seconds, char out[RL_DATE_MAX])
{
    const time_t t = (time_t)seconds;
    struct tm utc;
    if (gmtime_r(&t, &utc) == NULL || strftime(out, RL_DATE_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, RL_DATE_MAX, "unknown");
    return out;
}
