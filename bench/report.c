#include "bench/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* 12,345,678 */
static const char *grouped(double v, char buf[static 32])
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", v);
    char *to = buf;
    for (int i = 0; i < n && to < buf + 30; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return buf;
}

void report(const char *what, const char *of, double v, const char *unit)
{
    char buf[32];
    printf("{\"bench\": \"%s\", \"workload\": \"%s\", \"value\": %.3f, \"unit\": \"%s\"}\n", what,
           of, v, unit);
    fflush(stdout);
    if (v >= 1000)
        fprintf(stderr, "  %-44s %-5s %14s %s\n", what, of, grouped(v, buf), unit);
    else
        fprintf(stderr, "  %-44s %-5s %14.2f %s\n", what, of, v, unit);
}

void report_latency(const char *what, const char *of, const struct histogram *h)
{
    double us[4] = {(double)histogram_quantile(h, .5) / 1e3,
                    (double)histogram_quantile(h, .99) / 1e3,
                    (double)histogram_quantile(h, .999) / 1e3, (double)h->max_ns / 1e3};
    printf("{\"bench\": \"%s\", \"workload\": \"%s\", \"n\": %llu, \"p50_us\": %.1f, \"p99_us\": "
           "%.1f, "
           "\"p999_us\": %.1f, \"max_us\": %.1f}\n",
           what, of, (unsigned long long)h->total, us[0], us[1], us[2], us[3]);
    fflush(stdout);
    fprintf(stderr, "  %-44s %-5s p50 %.0f  p99 %.0f  p99.9 %.0f  max %.0f us (n %llu)\n", what, of,
            us[0], us[1], us[2], us[3], (unsigned long long)h->total);
}

void report_note(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}
