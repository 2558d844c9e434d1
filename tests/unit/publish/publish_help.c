#include "tests/unit/publish/publish_help.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/text.h"

#define PATIENCE_NS UINT64_C(30000000000)

static void on_ack(void *context, const struct daybook_ack *ack)
{
    struct heard *h = context;
    CHECK(ack->seq > h->last_seq);
    h->last_seq = ack->seq;
    h->acks_n++;
    h->implied_n += ack->implied;
    h->refused_n += ack->refused;
    if (ack->refused) {
        (void)text_fmt(h->code, sizeof h->code, "%s", ack->code);
        (void)text_fmt(h->message, sizeof h->message, "%s", ack->message);
    }
    h->rejections_n += ack->rejections_n;
    if (ack->rejections_n > 0) {
        (void)text_fmt(h->code, sizeof h->code, "%s", ack->rejections[0].code);
        (void)text_fmt(h->message, sizeof h->message, "%s", ack->rejections[0].message);
    }
    if (h->call_back != NULL)
        h->called = daybook_poll(h->call_back, 0);
}

static void on_lost(void *context, const struct daybook_lost *lost)
{
    struct heard *h = context;
    h->lost_calls_n++;
    h->lost_n += lost->to_seq + 1 - lost->from_seq;
    h->lost = *lost;
    h->last_seq = 0; /* numbers begin anew */
}

struct daybook_publisher_options test_options(const struct fake_engine *f, struct heard *heard)
{
    memset(heard, 0, sizeof *heard);
    return (struct daybook_publisher_options){.endpoint = f->endpoint,
                                              .producer = "test",
                                              .probe_ms = 50,
                                              .ack_timeout_ms = 20000,
                                              .context = heard,
                                              .on_ack = on_ack,
                                              .on_lost = on_lost};
}

struct daybook_publisher *test_open(const struct daybook_publisher_options *options)
{
    struct daybook_publisher *p = NULL;
    struct daybook_error error;
    enum daybook_status st = daybook_publisher_open(options, &p, &error);
    if (st != DAYBOOK_OK)
        (void)fprintf(stderr, "open: %s\n", error.text);
    CHECK(st == DAYBOOK_OK);
    return p;
}

size_t test_body(uint64_t value, uint8_t body[static 16])
{
    body[0] = 0x91; /* an array of one number of 32 bits */
    body[1] = 0xce;
    put_be(body + 2, value, 4);
    return 6;
}

void test_publish(struct daybook_publisher *p, uint64_t from, uint64_t end)
{
    uint8_t body[16];
    for (uint64_t value = from; value < end; value++)
        CHECK(daybook_publish_raw(p, body, test_body(value, body), NULL) == DAYBOOK_OK);
}

void test_publish_json(struct daybook_publisher *p, uint64_t value)
{
    char body[32];
    size_t n = text_fmt(body, sizeof body, " [%llu]", (unsigned long long)value);
    CHECK(daybook_publish_raw(p, body, n, NULL) == DAYBOOK_OK);
}

struct daybook_publisher_stats test_stats(const struct daybook_publisher *p)
{
    struct daybook_publisher_stats stats;
    daybook_publisher_stats(p, &stats);
    return stats;
}

void test_poll_until(struct daybook_publisher *p, const _Atomic uint64_t *n, uint64_t at_least)
{
    uint64_t end_ns = clock_mono_ns() + PATIENCE_NS;
    while (*n < at_least) {
        (void)daybook_poll(p, 10);
        CHECK(clock_mono_ns() < end_ns);
    }
}

void test_fill_window(struct daybook_publisher *p, uint64_t in_flight)
{
    uint64_t end_ns = clock_mono_ns() + PATIENCE_NS;
    while (test_stats(p).in_flight < in_flight) {
        (void)daybook_poll(p, 10);
        CHECK(clock_mono_ns() < end_ns);
    }
}

char *test_directory(char path[static 128])
{
    const char *tmp = getenv("TMPDIR");
    (void)text_fmt(path, 128, "%s/daybook-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CHECK(mkdtemp(path) != NULL);
    return path;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_remove(const char *path)
{
    CHECK(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}
