/* Instants as recordings write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/import_format.h"
#include "engine/base/check.h"

#define BAD INT64_MIN

static void check_table(enum status (*parse)(struct str, int64_t *), const char *text, int64_t want)
{
    int64_t ms = BAD;
    enum status st = parse(str_of(text), &ms);
    if ((st == ST_OK ? ms : BAD) != want)
        fail_msg("\"%s\": %lld, wanted %lld", text, (long long)ms, (long long)want);
}

static void recorded_instants(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"2015-01-01T01:00:00Z", 1420074000000},
        {"2015/01/01 01:00:00", 1420074000000},
        {"2015-01-01 01:00:00", 1420074000000},
        {"2015-01-01 01:00", 1420074000000},
        {"2015-01-01T01:00:00.250", 1420074000250},
        {"2015-01-01T02:00:00+01:00", 1420074000000},
        {"2015-01-01T02:00:00+0100", 1420074000000},
        {"2015-01-01 02:00:00 +01:00", 1420074000000},
        {"2014-12-31T20:00:00.000-05:00", 1420074000000},
        {"2015-01-01", 1420070400000},
        {"2015/01/01", 1420070400000},
        {"1420074000", 1420074000000},
        {"1420074000000", 1420074000000},
        {"0", 0},
        {"2015-02-29", BAD},
        {"2015-13-01 00:00:00", BAD},
        {"2015-01-01 24:00:00", BAD},
        {"2015-01-01 00:60:00", BAD},
        {"2015-01-01x00:00:00", BAD},
        {"2015-01-01 ", BAD},
        {"2015-01-01T", BAD},
        {"2015-01-01 00:00:00 noon", BAD},
        {"01/02/2015", BAD},
        {"12345678901234567", BAD},
        {"-5", BAD},
        {"1.5", BAD},
        {"", BAD},
        {"2015-01-01 00:00:00.000000000000000000000000000000000000000", BAD},
    };
    for (size_t i = 0; i < N_OF(rows); i++)
        check_table(import_time, rows[i].text, rows[i].want);
}

static void log_instants(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"22/Apr/2009:18:52:51 +1200", 1240383171000}, /* UTC: 22 Apr 06:52:51 */
        {"22/Apr/2009:06:52:51 +0000", 1240383171000},
        {"21/Apr/2009:22:52:51 -0800", 1240383171000},
        {"29/Feb/2024:00:00:00 +0000", 1709164800000},
        {"31/Dec/1999:23:59:59 +0000", 946684799000},
        {"29/Feb/2023:00:00:00 +0000", BAD},
        {"22/apr/2009:18:52:51 +1200", BAD},
        {"22/Foo/2009:18:52:51 +1200", BAD},
        {"22/Apr/2009:18:52:51 1200 ", BAD},
        {"22/Apr/2009 18:52:51 +1200", BAD},
        {"22/Apr/2009:18:52:51", BAD},
        {"2/Apr/2009:18:52:51 +12000", BAD},
    };
    for (size_t i = 0; i < N_OF(rows); i++)
        check_table(import_log_time, rows[i].text, rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_instants),
        cmocka_unit_test(log_instants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
