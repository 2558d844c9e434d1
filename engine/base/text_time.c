/* Calendar time by arithmetic alone. libc's functions depend on TZ, know leap seconds or not, and
 * mktime guesses: none of that may touch a stored day number. The civil algorithms are Howard
 * Hinnant's: years start in March, so that the leap day is the last of its year. */
#include "engine/base/text.h"

#include "engine/base/check.h"

#define DAYS_PER_ERA  146097    /* 400 years */
#define DAYS_TO_EPOCH 719468    /* 0000-03-01 to 1970-01-01 */
#define DAY_MIN       (-719528) /* 0000-01-01 */
#define DAY_MAX       2932896   /* 9999-12-31 */

int32_t day_from_civil(struct civil c)
{
    int64_t y = (int64_t)c.year - (c.month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month = c.month > 2 ? (int64_t)c.month - 3 : (int64_t)c.month + 9;
    int64_t day_of_year = (153 * month + 2) / 5 + (int64_t)c.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int32_t)(era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH);
}

struct civil civil_from_day(int32_t day)
{
    int64_t z = (int64_t)day + DAYS_TO_EPOCH;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t doe = z - era * DAYS_PER_ERA; /* day of the era */
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t month = (5 * doy + 2) / 153; /* 0 is March */
    return (struct civil){
        .year = (int32_t)(yoe + era * 400 + (month >= 10)),
        .month = (uint32_t)(month < 10 ? month + 3 : month - 9),
        .day = (uint32_t)(doy - (153 * month + 2) / 5 + 1),
    };
}

static uint32_t days_in_month(int32_t year, uint32_t month)
{
    if (month == 2)
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Exactly n digits at the front of *s, which is moved behind them. */
static bool take_digits(struct str *s, size_t n, uint32_t *out)
{
    if (s->n < n)
        return false;
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)(uint8_t)s->p[i] - '0';
        if (digit > 9)
            return false;
        v = v * 10 + digit;
    }
    *s = (struct str){s->p + n, s->n - n};
    *out = v;
    return true;
}

static bool take_char(struct str *s, char want)
{
    if (s->n == 0 || s->p[0] != want)
        return false;
    *s = (struct str){s->p + 1, s->n - 1};
    return true;
}

static bool take_date(struct str *s, int32_t *day)
{
    uint32_t year, month, mday;
    if (!take_digits(s, 4, &year) || !take_char(s, '-') || !take_digits(s, 2, &month) ||
        !take_char(s, '-') || !take_digits(s, 2, &mday))
        return false;
    if (month < 1 || month > 12 || mday < 1 || mday > days_in_month((int32_t)year, month))
        return false;
    *day = day_from_civil((struct civil){(int32_t)year, month, mday});
    return true;
}

/* "hh:mm:ss" and an optional fraction, cut to ms. Second 60 is the last ms before the minute. */
static bool take_clock(struct str *s, int64_t *ms)
{
    uint32_t hour, minute, second;
    if (!take_digits(s, 2, &hour) || !take_char(s, ':') || !take_digits(s, 2, &minute) ||
        !take_char(s, ':') || !take_digits(s, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    uint32_t frac_ms = 0;
    if (take_char(s, '.')) {
        uint32_t digit;
        uint32_t scale = 100;
        if (!take_digits(s, 1, &digit))
            return false;
        do {
            frac_ms += digit * scale;
            scale /= 10;
        } while (take_digits(s, 1, &digit));
    }
    if (second == 60) {
        second = 59;
        frac_ms = 999;
    }
    *ms = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + frac_ms;
    return true;
}

static bool take_offset(struct str *s, int64_t *ms)
{
    *ms = 0;
    if (take_char(s, 'Z') || take_char(s, 'z'))
        return true;
    bool east = take_char(s, '+');
    if (!east && !take_char(s, '-'))
        return false;
    uint32_t hour, minute;
    if (!take_digits(s, 2, &hour) || !take_char(s, ':') || !take_digits(s, 2, &minute))
        return false;
    if (hour > 23 || minute > 59)
        return false;
    int64_t offset_ms = ((int64_t)hour * 60 + minute) * 60000;
    *ms = east ? offset_ms : -offset_ms;
    return true;
}

enum status day_parse(struct str s, int32_t *out)
{
    int32_t day;
    if (!take_date(&s, &day) || s.n != 0)
        return ST_INVALID;
    *out = day;
    return ST_OK;
}

enum status time_parse(struct str s, int64_t *out_ms)
{
    int32_t day;
    int64_t clock_ms, offset_ms;
    if (!take_date(&s, &day) || !(take_char(&s, 'T') || take_char(&s, 't')))
        return ST_INVALID;
    if (!take_clock(&s, &clock_ms) || !take_offset(&s, &offset_ms) || s.n != 0)
        return ST_INVALID;
    *out_ms = day * MS_PER_DAY + clock_ms - offset_ms;
    return ST_OK;
}

/* n digits of v, right to left, ending before end. */
static char *digits_before(char *end, uint32_t v, unsigned n)
{
    for (; n > 0; n--, v /= 10)
        *--end = (char)('0' + v % 10);
    return end;
}

const char *day_format(int32_t day, char buf[static 11])
{
    day = day < DAY_MIN ? DAY_MIN : day > DAY_MAX ? DAY_MAX : day;
    struct civil c = civil_from_day(day);
    memcpy(buf, "0000-00-00", 11);
    digits_before(buf + 4, (uint32_t)c.year, 4);
    digits_before(buf + 7, c.month, 2);
    digits_before(buf + 10, c.day, 2);
    return buf;
}

const char *time_format(int64_t ms, char buf[static 25])
{
    const int64_t min_ms = DAY_MIN * MS_PER_DAY;
    const int64_t max_ms = (DAY_MAX + 1) * MS_PER_DAY - 1;
    ms = ms < min_ms ? min_ms : ms > max_ms ? max_ms : ms;
    int32_t day = day_of_ms(ms);
    uint32_t in_day = (uint32_t)(ms - day * MS_PER_DAY);
    day_format(day, buf);
    memcpy(buf + 10, "T00:00:00.000Z", 15);
    digits_before(buf + 13, in_day / 3600000, 2);
    digits_before(buf + 16, in_day / 60000 % 60, 2);
    digits_before(buf + 19, in_day / 1000 % 60, 2);
    digits_before(buf + 23, in_day % 1000, 3);
    return buf;
}
