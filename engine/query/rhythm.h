/* The rhythm of an app: what a day of a series usually is, and whether a day is far off it.
 *
 * Over the closed days of the series, from the first day with anything on: their median, and as
 * spread the median of their distances from it, at least a tenth of the median and at least 1.
 * A day is HIGH when it is over the median by more than 5 spreads and has at least 100, and LOW
 * when it is closed and under the median by more than 5 spreads and the median is at least 100.
 * Where two or more other closed days of the same weekday are known, the day must also be over
 * twice, or under half, their median: what happens every Sunday is rhythm. Fewer than 7 closed days
 * tell no rhythm. Medians of even numbers are the lower of the middle two: all is integers. */
#ifndef ENGINE_QUERY_RHYTHM_H
#define ENGINE_QUERY_RHYTHM_H

#include <stdbool.h>
#include <stdint.h>

#define RHYTHM_DAYS_MAX   32
#define RHYTHM_CLOSED_MIN 7
#define RHYTHM_COUNT_MIN  100
#define RHYTHM_SPREADS    5

struct rhythm {
    const uint64_t *days; /* borrowed: one count a day */
    uint32_t first;       /* place of the first day with anything on */
    uint32_t closed_end;  /* days below are closed; the rest is today */
    uint32_t end;
    bool known; /* enough closed days */
    uint64_t median, spread;
};

enum rhythm_verdict { RHYTHM_USUAL, RHYTHM_HIGH, RHYTHM_LOW };

/* n <= RHYTHM_DAYS_MAX counts of consecutive days; last_open: the last day is not over. */
void rhythm_of(const uint64_t *days, uint32_t n, bool last_open, struct rhythm *out);

/* How day i is. *expected: the median of the same weekday where that is known, else of all. */
enum rhythm_verdict rhythm_judge(const struct rhythm *r, uint32_t i, uint64_t *expected);

/* The lower median; sorts the values. n >= 1. */
uint64_t rhythm_median(uint64_t *values, uint32_t n);

#endif
