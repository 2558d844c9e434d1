/* Zones against Python's zoneinfo, names that must not be opened, and files that are none. */
#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define SAMPLES_N 400

/* Ask the twin and hold every line of it against the zones in `dir`. */
static void against_the_twin(const char *dir)
{
    struct timespec now;
    char command[256], name[80];
    long long ms, start_ms;
    int offset_s, day;
    unsigned lines_n = 0;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const unsigned seed = (unsigned)now.tv_nsec;
    print_message("seed %u\n", seed);
    text_fmt(command, sizeof command, "/usr/bin/python3 -B tests/unit/base/zone_twin.py %u %u %s",
             seed, SAMPLES_N, dir ? dir : "");
    FILE *twin = popen(command, "re");
    assert_non_null(twin);
    while (fscanf(twin, "%79s %lld %d %d %lld", name, &ms, &offset_s, &day, &start_ms) == 5) {
        struct zone *z = NULL;
        if (zone_read(dir, str_of(name), &z) != ST_OK)
            fail_msg("%s cannot be read", name);
        if (zone_offset_s(z, ms) != offset_s || zone_day(z, ms) != day ||
            zone_day_start_ms(z, day) != start_ms)
            fail_msg("%s at %lld: offset %d day %d start %lld, and the twin says %d, %d, %lld",
                     name, ms, zone_offset_s(z, ms), zone_day(z, ms),
                     (long long)zone_day_start_ms(z, day), offset_s, day, start_ms);
        zone_free(&z);
        lines_n++;
    }
    assert_int_equal(pclose(twin), 0);
    assert_true(lines_n >= SAMPLES_N);
}

static void zones_say_what_python_says(void **state)
{
    (void)state;
    against_the_twin(NULL);
}

static void slim_files_say_the_same(void **state)
{
    (void)state;
    char dir[] = "/tmp/daybook-zone-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    against_the_twin(dir);
    text_fmt(command, sizeof command, "rm -r %s", dir);
    FILE *rm = popen(command, "re");
    assert_non_null(rm);
    assert_int_equal(pclose(rm), 0);
}

static void the_process_zone_plays_no_part(void **state)
{
    (void)state;
    struct zone *z = NULL;
    assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
    tzset();
    assert_int_equal(zone_read(NULL, STR("America/New_York"), &z), ST_OK);
    assert_int_equal(zone_offset_s(z, INT64_C(1795435200000)), -5 * 3600); /* 2026-11-23 */
    assert_int_equal(zone_offset_s(z, INT64_C(1782864000000)), -4 * 3600); /* 2026-07-01 */
    zone_free(&z);
    assert_int_equal(unsetenv("TZ"), 0);
}

/* Days follow each other without gap or overlap, whatever the clock does. */
static void days_partition_time(void **state)
{
    (void)state;
    static const char *const names[] = {"America/Sao_Paulo", "America/St_Johns", "Pacific/Apia",
                                        "Africa/Cairo",      "Asia/Kathmandu",   "UTC",
                                        "Pacific/Kiritimati"};
    for (size_t i = 0; i < N_OF(names); i++) {
        struct zone *z = NULL;
        assert_int_equal(zone_read(NULL, str_of(names[i]), &z), ST_OK);
        int64_t before = zone_day_start_ms(z, 9999);
        for (int32_t day = 10000; day < 22000; day++) {
            const int64_t start = zone_day_start_ms(z, day);
            assert_true(start >= before && start - before <= 27 * 3600000);
            if (zone_day_start_ms(z, day + 1) > start) /* else a day that was skipped */
                assert_int_equal(zone_day(z, start), day);
            assert_true(zone_day(z, start - 1) < day);
            before = start;
        }
        zone_free(&z);
    }
}

static void names_that_are_not_opened(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "/etc/passwd",
        "../../../etc/passwd",
        "Europe/../Europe/Berlin",
        "Europe/.hidden",
        "Europe//Berlin",
        "Europe/",
        "Europe/-x",
        "localtime",
        "posixrules",
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
        "zone.tab",
        "tzdata.zi",
        "Europe/Berlin\n",
        "Europe\\Berlin",
        "Europe/Berl%6en",
        "A234567890123456789012345678901234567890123456789012345678901"
        "2345"};
    for (size_t i = 0; i < N_OF(bad); i++) {
        struct zone *z = NULL;
        if (zone_name_ok(str_of(bad[i])))
            fail_msg("\"%s\" is taken for a name", bad[i]);
        assert_int_equal(zone_read(NULL, str_of(bad[i]), &z), ST_NOT_FOUND);
        assert_null(z);
    }
    assert_false(zone_name_ok((struct str){"Europe/B\0rlin", 13}));
    assert_true(zone_name_ok(STR("America/Argentina/Buenos_Aires")));
    assert_true(zone_name_ok(STR("Etc/GMT+5")));
    assert_true(zone_name_ok(STR("America/Port-au-Prince")));
}

static void names_without_a_zone(void **state)
{
    (void)state;
    static const char *const absent[] = {"Mars/Olympus", "Europe", "Europe/Berlin/Mitte",
                                         "Europe/Atlantis"};
    for (size_t i = 0; i < N_OF(absent); i++) {
        struct zone *z = NULL;
        assert_int_equal(zone_read(NULL, str_of(absent[i]), &z), ST_NOT_FOUND);
    }
    struct zone *z = NULL;
    assert_int_equal(zone_read("/usr/share/zoneinfo/right", STR("Europe/Berlin"), &z),
                     ST_NOT_FOUND); /* counts leap seconds */
}

/* ---- files made here ---- */

struct file {
    struct buf b;
    uint32_t leap_n, type_n;
    const char *footer;
    bool version_1, disorder, bad_type;
    int32_t off;
};

static void head(struct buf *b, const struct file *f, uint32_t time_n)
{
    buf_put(b, "TZif", 4);
    buf_u8(b, f->version_1 ? 0 : '2');
    for (unsigned i = 0; i < 15; i++)
        buf_u8(b, 0);
    const uint32_t counts[] = {0, 0, f->leap_n, time_n, f->type_n, 4};
    for (size_t i = 0; i < N_OF(counts); i++)
        buf_be(b, counts[i], 4);
}

static enum status parse(const struct file *given, struct zone **out)
{
    struct file f = *given;
    f.b = buf_of(4096);
    for (unsigned times = 4; times <= 8; times += 4) {
        head(&f.b, &f, 2);
        buf_be(&f.b, f.disorder ? 200 : 100, times);
        buf_be(&f.b, 200, times);
        buf_u8(&f.b, 0);
        buf_u8(&f.b, f.bad_type ? 7 : 0);
        for (uint32_t i = 0; i < f.type_n; i++) {
            buf_be(&f.b, (uint32_t)f.off, 4);
            buf_be(&f.b, 0, 2);
        }
        buf_put(&f.b, "XXX", 4);
        for (uint32_t i = 0; i < f.leap_n; i++)
            buf_put(&f.b, "\0\0\0\0\0\0\0\0\0\0\0\1", times + 4);
    }
    buf_put(&f.b, f.footer, strlen(f.footer));
    const enum status st = zone_parse(f.b.p, f.b.n, out);
    if (st == ST_OK) /* what is cut short anywhere is none */
        for (size_t n = 0; n < f.b.n; n++) {
            struct zone *z = NULL;
            uint8_t *cut = malloc(n ? n : 1);
            assert_non_null(cut);
            memcpy(cut, f.b.p, n);
            assert_int_equal(zone_parse(cut, n, &z), ST_INVALID);
            free(cut);
        }
    buf_fini(&f.b);
    return st;
}

static void files_that_are_no_zones(void **state)
{
    (void)state;
    struct zone *z = NULL;
    const struct file good = {.type_n = 1, .footer = "\n<-03>3\n", .off = -10800};
    assert_int_equal(parse(&good, &z), ST_OK);
    zone_free(&z);
    struct file bad[] = {good, good, good, good, good, good, good, good, good, good, good};
    bad[0].leap_n = 1;
    bad[1].type_n = 0;
    bad[2].type_n = 300;
    bad[3].version_1 = true;
    bad[4].disorder = true;
    bad[5].bad_type = true;
    bad[6].off = 27 * 3600;
    bad[7].footer = "\nCET-1CEST\n";
    bad[8].footer = "\nCET-1CEST,M3.6.0,M10.5.0\n";
    bad[9].footer = "\nCET-1x\n";
    bad[10].footer = "\nCET-99\n";
    for (size_t i = 0; i < N_OF(bad); i++)
        if (parse(&bad[i], &z) != ST_INVALID)
            fail_msg("file %zu is taken for a zone", i);
}

/* Rules of every form, at instants worked out by hand. */
static void rules_of_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *footer;
        int64_t s;
        int32_t off;
    } rows[] = {
        {"\n<-03>3\n", 4000000000, -10800},
        {"\nCET-1CEST,M3.5.0,M10.5.0/3\n", 1774746000, 7200}, /* 2026-03-29T01:00Z */
        {"\nCET-1CEST,M3.5.0,M10.5.0/3\n", 1774745999, 3600},
        {"\nIST-1GMT0,M10.5.0,M3.5.0/1\n", 1774745999, 0}, /* winter time is the other */
        {"\nIST-1GMT0,M10.5.0,M3.5.0/1\n", 1774746000, 3600},
        {"\nA3B,J60,J300\n", 1772323200 + 5 * 3600, -7200}, /* 2026-03-01T02:00-03 */
        {"\nA3B,J60,J300\n", 1772323200 + 5 * 3600 - 1, -10800},
        {"\nA3B,J60,J300\n", 1835481600 + 5 * 3600, -7200}, /* 2028-03-01T02:00-03 */
        {"\nA3B,J60,J300\n", 1835481600 + 5 * 3600 - 1, -10800},
        {"\nA3B,59,300/0:30:15\n", 1835395200 + 5 * 3600, -7200}, /* 2028-02-29T02:00-03 */
        {"\nXXX3EDT4,0/0,J365/23\n", 1767236400, -14400},         /* always the other */
        {"\n\n", 4000000000, 3600},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct zone *z = NULL;
        const struct file f = {.type_n = 1, .footer = rows[i].footer, .off = 3600};
        assert_int_equal(parse(&f, &z), ST_OK);
        if (zone_offset_s(z, rows[i].s * 1000) != rows[i].off)
            fail_msg("row %zu: %d", i, zone_offset_s(z, rows[i].s * 1000));
        zone_free(&z);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_say_what_python_says),     cmocka_unit_test(slim_files_say_the_same),
        cmocka_unit_test(the_process_zone_plays_no_part), cmocka_unit_test(days_partition_time),
        cmocka_unit_test(names_that_are_not_opened),      cmocka_unit_test(names_without_a_zone),
        cmocka_unit_test(files_that_are_no_zones),        cmocka_unit_test(rules_of_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
