/* Golden frames: tests/data/frames holds frames of both encodings and all forms, made by encoders
 * that are not ours, and what each of them must come out as. All forms of one name share one
 * expectation. GOLDEN_WRITE=1 writes the expectations instead; read them before you commit them. */
#include "tests/unit/schemas/frame_help.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "schemas/ack.h"

#define FOLDER "tests/data/frames"

static bool read_file(const char *name, const char *ending, struct buf *to)
{
    char path[512];
    uint8_t chunk[4096];
    text_fmt(path, sizeof path, FOLDER "/%s%s", name, ending);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(to, chunk, n);
    (void)fclose(f); /* it was only read */
    return true;
}

static void write_file(const char *name, const char *ending, const struct buf *from)
{
    char path[512];
    text_fmt(path, sizeof path, FOLDER "/%s%s", name, ending);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(from->p, 1, from->n, f), from->n);
    assert_int_equal(fclose(f), 0);
}

static void put(struct buf *to, const char *text)
{
    buf_put(to, text, strlen(text));
}

static void put_number(struct buf *to, const char *name, uint64_t n)
{
    char text[64];
    text_fmt(text, sizeof text, " %s=%llu", name, (unsigned long long)n);
    put(to, text);
}

/* "ok" or the refusal, the envelope, then a line for each event. Messages of malformed frames are
 * those of their encoding and are left out. */
static void list(const struct batch *b, struct buf *to)
{
    put(to, status_wire(b->status));
    if (b->has_envelope)
        put(to, " envelope");
    if (b->has_seq)
        put(to, " numbered");
    if (b->producer.p != NULL) {
        put(to, " producer=");
        buf_put(to, b->producer.p, b->producer.n);
    }
    if (b->epoch_given)
        put_number(to, "epoch", b->epoch);
    if (b->seq_given)
        put_number(to, "seq", b->seq);
    if (b->request.type == TOKEN_INT)
        put_number(to, "request", b->request.number);
    if (b->request.type == TOKEN_STR) {
        put(to, " request=");
        buf_put(to, b->request.text.p, b->request.text.n);
    }
    if (b->status != ST_OK && b->status != ST_MALFORMED) {
        put(to, "\n");
        buf_put(to, b->message.p, b->message.n);
    }
    put(to, "\n");
    for (uint32_t i = 0; i < b->n; i++) {
        help_event_text(b, i, to);
        put(to, "\n");
    }
    for (uint32_t i = 0; i < b->unknown_n; i++) {
        put(to, "unknown ");
        buf_put(to, b->unknown[i].name.p, b->unknown[i].name.n);
        put_number(to, "n", b->unknown[i].n);
        put(to, "\n");
    }
}

static void expect_listing(const char *name, const char *form, const struct buf *frame)
{
    struct arena arena = {0};
    struct batch b;
    struct buf got = buf_of(1 << 20);
    struct buf want = buf_of(1 << 20);
    frame_decode(frame->p, frame->n, &frame_limits_default, &arena, &b);
    list(&b, &got);
    if (getenv("GOLDEN_WRITE") != NULL)
        write_file(name, ".expect", &got);
    assert_true(read_file(name, ".expect", &want));
    if (want.n != got.n || memcmp(want.p, got.p, got.n) != 0)
        fail_msg("%s%s decodes to\n%.*s", name, form, (int)got.n, (const char *)got.p);
    buf_fini(&got);
    buf_fini(&want);
    arena_fini(&arena);
}

/* One form of a name, if it exists. */
static unsigned check_form(const char *name, const char *form, bool hex)
{
    struct buf file = buf_of(1 << 20);
    struct buf frame = buf_of(1 << 20);
    bool there = read_file(name, form, &file);
    if (there) {
        if (hex)
            assert_true(help_unhex((struct str){(const char *)file.p, file.n}, &frame));
        else
            buf_put(&frame, file.p, file.n);
        expect_listing(name, form, &frame);
    }
    buf_fini(&file);
    buf_fini(&frame);
    return there;
}

static void test_golden_frames(void **state)
{
    (void)state;
    unsigned names = 0;
    unsigned forms = 0;
    DIR *dir = opendir(FOLDER);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char name[256];
        size_t n = strlen(e->d_name);
        bool ack = strncmp(e->d_name, "ack-", 4) == 0 || strncmp(e->d_name, "refusal-", 8) == 0;
        if (n < 5 || strcmp(e->d_name + n - 4, ".hex") != 0 || ack ||
            strstr(e->d_name, ".compact.") != NULL)
            continue;
        text_fmt(name, sizeof name, "%.*s", (int)(n - 4), e->d_name);
        names++;
        forms += check_form(name, ".hex", true);
        forms += check_form(name, ".json", false);
        forms += check_form(name, ".compact.hex", true);
    }
    (void)closedir(dir);
    assert_true(names >= 30);
    assert_true(forms >= 2 * names);
}

/* ---- answers ---- */

static struct batch answered(enum encoding encoding)
{
    static struct reject rejects[] = {{3, ST_TOO_OLD, STR("time is 40 days old")},
                                      {7, ST_INVALID,
                                       STR("status is 99; allowed: an integer "
                                           "100..599")}};
    return (struct batch){.encoding = encoding,
                          .has_envelope = true,
                          .has_seq = true,
                          .seq_given = true,
                          .epoch_given = true,
                          .producer = STR("billing-eu-1"),
                          .epoch = 1763900000000,
                          .seq = 42,
                          .request = {.type = TOKEN_STR, .text = STR("r-7")},
                          .rejects = rejects,
                          .rejects_n = 2};
}

static void test_golden_answers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct outcome o;
    } rows[] = {
        {"ack-accepted", {.accepted = 497, .duplicate = 1, .rejected = 2}},
        {"ack-duplicate", {.status = ST_DUPLICATE, .duplicate = 500}},
        {"ack-cursor", {.cursor = true, .epoch = 1763900000000, .seq = 41, .rejected = 2}},
        {"refusal-gap", {.status = ST_GAP, .has_expected_seq = true, .expected_seq = 41}},
        {"refusal-stale-epoch",
         {.status = ST_STALE_EPOCH, .has_current_epoch = true, .current_epoch = 1763900000001}},
        {"refusal-busy",
         {.status = ST_BUSY, .has_expected_seq = true, .expected_seq = 42, .retry_after_ms = 250}},
        {"refusal-malformed", {.status = ST_MALFORMED, .message = STR("nested too deep")}},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct buf file = buf_of(1 << 16);
        struct buf json = buf_of(1 << 16);
        struct buf want = buf_of(1 << 16);
        struct buf packed = buf_of(1 << 16);
        struct batch b = answered(ENCODING_JSON);
        ack_encode(&b, &rows[i].o, &json);
        buf_u8(&json, '\n');
        if (getenv("GOLDEN_WRITE") != NULL)
            write_file(rows[i].name, ".json", &json);
        assert_true(read_file(rows[i].name, ".json", &file));
        assert_int_equal(file.n, json.n);
        assert_memory_equal(file.p, json.p, json.n);
        b = answered(ENCODING_MSGPACK);
        ack_encode(&b, &rows[i].o, &packed);
        /* The hex file was made from the JSON file by make.py. */
        buf_reset(&file);
        bool there = read_file(rows[i].name, ".hex", &file);
        if (there) {
            assert_true(help_unhex((struct str){(const char *)file.p, file.n}, &want));
            assert_int_equal(want.n, packed.n);
            assert_memory_equal(want.p, packed.p, packed.n);
        } else if (getenv("GOLDEN_WRITE") == NULL) {
            fail_msg("%s.hex is missing; run make.py", rows[i].name);
        }
        buf_fini(&file);
        buf_fini(&json);
        buf_fini(&want);
        buf_fini(&packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_frames),
        cmocka_unit_test(test_golden_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
