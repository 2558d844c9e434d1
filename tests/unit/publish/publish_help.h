/* Opening publishers against the fake engine, and publishing numbers. */
#ifndef TESTS_UNIT_PUBLISH_PUBLISH_HELP_H
#define TESTS_UNIT_PUBLISH_PUBLISH_HELP_H

#include "clients/publish/daybook.h"
#include "tests/unit/publish/fake_engine.h"

/* What the callbacks were told. */
struct heard {
    uint64_t acks_n;
    uint64_t implied_n;
    uint64_t refused_n;
    _Atomic uint64_t lost_calls_n;
    uint64_t lost_n;          /* batches */
    struct daybook_lost lost; /* the last one */
    uint64_t last_seq;        /* acks come in order */
    uint64_t rejections_n;
    char code[32], message[64];          /* of the last refusal or rejection */
    struct daybook_publisher *call_back; /* call it from the callback */
    enum daybook_status called;
};

/* Options with timeouts that a test can wait for; change them before test_open. */
struct daybook_publisher_options test_options(const struct fake_engine *f, struct heard *heard);

/* Open or fail the test. */
struct daybook_publisher *test_open(const struct daybook_publisher_options *options);

/* Publish values from..end-1, one batch each, as msgpack or JSON. */
void test_publish(struct daybook_publisher *p, uint64_t from, uint64_t end);
void test_publish_json(struct daybook_publisher *p, uint64_t value);

/* Write the batch of one value to body, and its length. */
size_t test_body(uint64_t value, uint8_t body[static 16]);

struct daybook_publisher_stats test_stats(const struct daybook_publisher *p);

/* Poll until *n reaches `at_least`; fail the test after 30 s. */
void test_poll_until(struct daybook_publisher *p, const _Atomic uint64_t *n, uint64_t at_least);

/* Poll until so many batches are in flight. */
void test_fill_window(struct daybook_publisher *p, uint64_t in_flight);

/* A new directory under $TMPDIR or /tmp, and its removal with all it holds. */
char *test_directory(char path[static 128]);
void test_remove(const char *path);

#endif
