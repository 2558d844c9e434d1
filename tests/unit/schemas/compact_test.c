/* The compact form says the same as the map form, and its fast path says the same as the general
 * one: random events, made from a seed, in all three. */
#include "tests/unit/schemas/frame_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "schemas/compact.h"
#include "schemas/event_read.h"
#include "schemas/out.h"

#define SEED UINT64_C(0x9e3779b97f4a7c15)

static uint64_t next_random(uint64_t *state)
{
    *state += SEED;
    return hash_mix(*state);
}

/* One of n choices. */
static uint64_t pick(uint64_t *r, uint64_t n)
{
    return next_random(r) % n;
}

/* Numbers of every width, often at the edges of it. */
static uint64_t pick_number(uint64_t *r, uint64_t max)
{
    unsigned bits = (unsigned)pick(r, 54);
    uint64_t edge = (UINT64_C(1) << bits) - pick(r, 3) + 1;
    uint64_t n = pick(r, 2) ? edge : next_random(r) & ((UINT64_C(1) << bits) - 1);
    return n <= max ? n : max;
}

/* A plain event's seven items; nil where the value is UINT64_MAX. */
struct plain {
    uint64_t item[7];
    uint32_t n;
};

static struct plain random_plain(uint64_t *r)
{
    struct plain p = {.n = 5 + (uint32_t)pick(r, 3)};
    bool api = pick(r, 2);
    p.item[0] = api ? EV_API_CALL : EV_RECORD_CREATED + pick(r, 6);
    for (int i = 1; i <= 3; i++)
        p.item[i] = pick_number(r, WIRE_INT_MAX);
    if (api) {
        p.item[4] = METHOD_GET + pick(r, METHOD_N - 1);
        p.item[5] = 100 + pick(r, 500);
    } else {
        p.item[4] = pick_number(r, WIRE_INT_MAX);
        p.item[5] = pick(r, 3) == 0 ? UINT64_MAX : pick_number(r, WIRE_INT_MAX);
    }
    p.item[6] = pick(r, 4) == 0 ? UINT64_MAX : 1 + pick_number(r, 999999999);
    /* Now and then something that is not allowed. */
    if (pick(r, 8) == 0)
        p.item[pick(r, 7)] = pick_number(r, WIRE_INT_MAX);
    if (pick(r, 32) == 0)
        p.item[pick(r, 7)] = WIRE_INT_MAX + 1;
    if (pick(r, 32) == 0)
        p.item[pick(r, 7)] = UINT64_MAX;
    if (p.item[0] != EV_API_CALL && p.item[0] - EV_RECORD_CREATED > 5)
        p.item[0] = 2; /* no kind, rather than one of other fields */
    return p;
}

/* Written with `extra` nils behind it: more than 7 items are not for the fast path. */
static void put_compact(struct out *to, const struct plain *p, uint32_t extra)
{
    out_array(to, p->n + extra);
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->item[i] == UINT64_MAX)
            out_null(to);
        else
            out_u64(to, p->item[i]);
    }
    for (uint32_t i = 0; i < extra; i++)
        out_null(to);
    out_end(to);
}

static void put_map_value(struct out *to, const struct plain *p, uint32_t i)
{
    char text[40];
    if (p->item[i] == UINT64_MAX || i >= p->n) {
        out_null(to);
    } else if (i == 4 && p->item[0] == EV_API_CALL && p->item[i] - 1 < METHOD_N - 1) {
        out_z(to, http_method_name((unsigned)p->item[i]));
    } else if (i == 4 && p->item[0] != EV_API_CALL && p->item[i] <= WIRE_INT_MAX) {
        text_fmt(text, sizeof text, "0-%llu", (unsigned long long)p->item[i]);
        out_z(to, text);
    } else {
        out_u64(to, p->item[i]);
    }
}

static void put_map(struct out *to, const struct plain *p)
{
    static const char *const api[] = {"account", "app", "time", "method", "status", "count"};
    static const char *const rec[] = {"account", "app", "time", "object_type", "record", "count"};
    const char *type = p->item[0] < EV_KIND_MAX ? event_type_name((unsigned)p->item[0]) : NULL;
    out_map(to, 7);
    out_pair_z(to, "type", type);
    for (uint32_t i = 1; i < 7; i++) {
        out_key(to, p->item[0] == EV_API_CALL ? api[i - 1] : rec[i - 1]);
        put_map_value(to, p, i);
    }
    out_end(to);
}

enum { EVENTS = 400 };

enum form { COMPACT, COMPACT_LONG, MAP };

static void decode_as(const struct plain *events, enum form form, struct buf *buf,
                      struct arena *arena, struct batch *out)
{
    struct out to = out_to(form == MAP ? ENCODING_JSON : ENCODING_MSGPACK, buf);
    buf_reset(buf);
    out_array(&to, EVENTS);
    for (uint32_t i = 0; i < EVENTS; i++) {
        if (form == MAP)
            put_map(&to, &events[i]);
        else
            put_compact(&to, &events[i], form == COMPACT_LONG ? 8 - events[i].n : 0);
    }
    out_end(&to);
    assert_false(buf->bad);
    frame_decode(buf->p, buf->n, &frame_limits_default, arena, out);
    assert_int_equal(out->status, ST_OK);
}

static void test_all_forms_say_the_same(void **state)
{
    (void)state;
    uint64_t random = SEED;
    struct arena arena = {0};
    struct buf buf[3] = {buf_of(1 << 20), buf_of(1 << 20), buf_of(1 << 20)};
    unsigned good = 0;
    unsigned bad = 0;
    print_message("seed %llx\n", (unsigned long long)SEED);
    for (int round = 0; round < 200; round++) {
        struct plain events[EVENTS];
        struct batch fast, general, map;
        for (int i = 0; i < EVENTS; i++)
            events[i] = random_plain(&random);
        decode_as(events, COMPACT, &buf[0], &arena, &fast);
        decode_as(events, COMPACT_LONG, &buf[1], &arena, &general);
        decode_as(events, MAP, &buf[2], &arena, &map);
        const char *why = help_batch_differs(&fast, &general);
        if (why != NULL)
            fail_msg("round %d: fast and general differ: %s", round, why);
        why = help_batch_differs(&fast, &map);
        if (why != NULL)
            fail_msg("round %d: compact and map differ: %s", round, why);
        bad += fast.rejects_n;
        good += fast.n - fast.rejects_n;
        arena_reset(&arena);
    }
    assert_true(bad > 1000); /* both paths were walked */
    assert_true(good > 40000);
    arena_fini(&arena);
    for (int i = 0; i < 3; i++)
        buf_fini(&buf[i]);
}

/* The fast path really takes plain events; else the test above would compare the general path with
 * itself. */
static void test_plain_events_take_the_fast_path(void **state)
{
    (void)state;
    static const uint8_t frame[] = {
        0x97, 0x01, 0x05, 0x06, 0xcd, 0x01, 0x00, 0x01, 0xcc, 0xc8, 0x03, /* call */
        0x97, 0x0a, 0x05, 0x06, 0xcd, 0x01, 0x00, 0x01, 0xcf, 0,    0,    0,
        0,    0,    0,                                                    /* record */
        0x01, 0x00, 0xc0, 0x95, 0x0b, 0x05, 0x06, 0xcd, 0x01, 0x00, 0x02, /* record */
        0x96, 0x14, 0x05, 0x06, 0x07, 0x08, 0xc0,                         /* app */
        0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
        0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
        0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
        0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
        0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
    };
    struct mp m = mp_of(frame, sizeof frame, &frame_limits_default);
    struct event ev[4] = {{0}};
    assert_int_equal(compact_run(&m, 4, ev), 3);
    assert_int_equal(*m.p, 0x96);
    assert_int_equal(ev[0].kind, EV_API_CALL);
    assert_int_equal(ev[0].time_ms, 256);
    assert_int_equal(ev[0].method, METHOD_GET);
    assert_int_equal(ev[0].status, 200);
    assert_int_equal(ev[0].count, 3);
    assert_int_equal(ev[1].kind, EV_RECORD_CREATED);
    assert_int_equal(ev[1].object_type, 1 << 2);
    assert_int_equal(ev[1].record_hash, record_hash_number(256));
    assert_int_equal(ev[1].count, 1);
    assert_int_equal(ev[2].record_hash, 0);
}

static void test_it_never_reads_beyond_the_frame(void **state)
{
    (void)state;
    /* Every cut of a run stands at the very end of its memory; a sanitizer sees the rest. */
    struct plain p = {{1, 1 << 20, 1 << 20, UINT64_C(1) << 40, 1, 200, 1000}, 7};
    struct buf buf = buf_of(1 << 16);
    for (int i = 0; i < 5; i++) {
        struct out to = out_to(ENCODING_MSGPACK, &buf);
        put_compact(&to, &p, 0);
    }
    for (size_t n = 0; n <= buf.n; n++) {
        uint8_t *copy = malloc(n + !n);
        assert_non_null(copy);
        memcpy(copy, buf.p, n);
        struct mp m = mp_of(copy, n, &frame_limits_default);
        struct event ev[5] = {{0}};
        uint32_t done = compact_run(&m, 5, ev);
        assert_true(done <= n / (buf.n / 5));
        assert_int_equal(m.p - copy, done * (buf.n / 5));
        free(copy);
    }
    buf_fini(&buf);
}

/* ---- the whole compact form ---- */

static const struct batch *decode(struct help_twins *t, const char *json)
{
    (void)help_twins_decode(t, str_of(json), &frame_limits_default);
    assert_int_equal(t->msgpack.status, ST_OK);
    return &t->msgpack;
}

static void test_compact_twins_of_map_events(void **state)
{
    (void)state;
    static const struct {
        const char *compact, *map;
    } rows[] = {
        {"[1,7,8,9,\"POST\",429,3,\"/e\",\"/p\",12,\"id\",5,\"sent\"]",
         "{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,\"method\":\"POST\",\"status\":"
         "429,\"count\":3,\"endpoint\":\"/e\",\"path\":\"/p\",\"latency_ms\":12,\"id\":\"id\","
         "\"user\":5,\"direction\":\"sent\"}"},
        {"[1,7,8,\"1970-01-01T00:00:00.009Z\",3,429,null,null,\"/p\"]",
         "{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,\"method\":\"POST\",\"status\":"
         "429,\"path\":\"/p\"}"},
        {"[12,7,0,9,2,\"42\"]",
         "{\"type\":\"record.deleted\",\"account\":7,\"app\":0,\"time\":9,\"object_type\":"
         "\"companies\",\"record\":42}"},
        {"[12,7,0,9,\"2-5\",\"x\",null,null,1]",
         "{\"type\":\"record.deleted\",\"account\":7,\"app\":0,\"time\":9,\"object_type\":\"2-5\","
         "\"record\":\"x\",\"user\":1}"},
        {"[24,7,8,9,5,\"why\",null,\"id\",\"received\"]",
         "{\"type\":\"app.disconnected\",\"account\":7,\"app\":8,\"time\":9,\"user\":5,\"reason\":"
         "\"why\",\"id\":\"id\",\"direction\":\"received\"}"},
        {"[32,7,8,9,5,\"s\",\"a\",\"b\"]",
         "{\"type\":\"sync.changed\",\"account\":7,\"app\":8,\"time\":9,\"user\":5,\"setting\":"
         "\"s\",\"from\":\"a\",\"to\":\"b\"}"},
        {"[40,7,8,9,[\"s1\",\"s2\"],\"f\",null,5]",
         "{\"type\":\"permission.granted\",\"account\":7,\"app\":8,\"time\":9,\"scopes\":[\"s1\","
         "\"s2\"],\"feature\":\"f\",\"user\":5}"},
        {"[50,7,8,9,\"n\",null,\"private\",true,null,false,[\"s\"]]",
         "{\"type\":\"catalog.app\",\"account\":7,\"app\":8,\"time\":9,\"name\":\"n\",\"kind\":"
         "\"private\",\"user_level\":true,\"shows_status\":false,\"required_scopes\":[\"s\"]}"},
        {"[54,7,null,9,5,\"n\",null,null,null,[1,2]]",
         "{\"type\":\"directory.user\",\"account\":7,\"time\":9,\"user\":5,\"name\":\"n\","
         "\"teams\":[1,2]}"},
        {"[60,7,0,9,true,5]",
         "{\"type\":\"account.settings\",\"account\":7,\"app\":0,\"time\":9,\"beta\":true,"
         "\"user\":5}"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct help_twins a = {0};
        struct help_twins b = {0};
        char frame[1024];
        text_fmt(frame, sizeof frame, "[%s]", rows[i].compact);
        const struct batch *compact = decode(&a, frame);
        const struct batch *map = decode(&b, rows[i].map);
        assert_int_equal(map->verdict[0], ST_OK);
        const char *why = help_batch_differs(compact, map);
        if (why != NULL)
            fail_msg("%s is not %s: %s", rows[i].compact, rows[i].map, why);
        help_twins_fini(&a);
        help_twins_fini(&b);
    }
}

static void test_compact_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *event;
        enum status want;
        const char *word;
    } rows[] = {
        {"[]", ST_UNKNOWN_TYPE, "kind is missing"},
        {"[null]", ST_UNKNOWN_TYPE, "kind is missing"},
        {"[2,7,8,9]", ST_UNKNOWN_TYPE, "kind is 2"},
        {"[0,7,8,9]", ST_UNKNOWN_TYPE, "kind is 0"},
        {"[64,7,8,9]", ST_UNKNOWN_TYPE, "kind is 64"},
        {"[4294967297,7,8,9]", ST_UNKNOWN_TYPE, "kind is 4294967297"},
        {"[\"api.call\",7,8,9]", ST_UNKNOWN_TYPE, "kind is \"api.call\""},
        {"[-1,7,8,9]", ST_UNKNOWN_TYPE, "kind is -1"},
        {"[1]", ST_INVALID, "account is missing"},
        {"[1,7]", ST_INVALID, "app is missing"},
        {"[1,7,8]", ST_INVALID, "time is missing"},
        {"[1,7,8,9]", ST_INVALID, "method is missing"},
        {"[1,7,8,9,1]", ST_INVALID, "status is missing"},
        {"[1,7,8,9,0,200]", ST_INVALID, "method is 0"},
        {"[1,7,8,9,10,200]", ST_INVALID, "method is 10"},
        {"[1,7,8,9,1,99]", ST_INVALID, "status is 99"},
        {"[1,7,8,9,1,600]", ST_INVALID, "status is 600"},
        {"[1,7,8,9,1,200,0]", ST_INVALID, "count is 0"},
        {"[1,7,8,9,1,200,1000000001]", ST_INVALID, "count is 1000000001"},
        {"[1,7,8,9,1,200,1.5]", ST_INVALID, "count is a float"},
        {"[1,7,8,9,1,200,[1]]", ST_INVALID, "count is a list"},
        {"[1,-7,8,9,1,200]", ST_INVALID, "account is -7"},
        {"[1,7,9007199254740992,9,1,200]", ST_INVALID, "app is 9007199254740992"},
        {"[1,7,8,-9,1,200]", ST_INVALID, "time is -9"},
        {"[10,7,8,9]", ST_INVALID, "object_type is missing"},
        {"[10,7,8,9,1,9007199254740992]", ST_INVALID, "record is 9007199254740992"},
        {"[10,7,8,9,9007199254740992]", ST_INVALID, "object_type is 9007199254740992"},
        {"[1,7,8,9,1,200,1,null,null,null,null,null,null]", ST_OK, ""},
        {"[1,7,8,9,1,200,1,null,null,null,null,null,null,null]", ST_INVALID, "14 elements"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct help_twins t = {0};
        char frame[256];
        text_fmt(frame, sizeof frame, "[%s]", rows[i].event);
        const struct batch *b = decode(&t, frame);
        bool good = b->verdict[0] == rows[i].want;
        if (good && rows[i].want != ST_OK)
            good = strstr(b->rejects[0].message.p, rows[i].word) != NULL;
        if (!good)
            fail_msg("%s: %s", rows[i].event, b->rejects_n ? b->rejects[0].message.p : "ok");
        help_twins_fini(&t);
    }
}

/* The bytes that README.md takes apart. */
static void test_example_of_the_readme(void **state)
{
    (void)state;
    static const char frame[] =
        "\x91\x97\x01\xce\x00\x01\x86\xa0\x07\xcf\x00\x00\x01\x9a\xb0\x25\x8d"
        "\x61\x03\xcc\xc9\x05";
    struct arena arena = {0};
    struct batch b;
    frame_decode(frame, sizeof frame - 1, &frame_limits_default, &arena, &b);
    assert_int_equal(b.status, ST_OK);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.verdict[0], ST_OK);
    assert_int_equal(b.ev[0].account, 100000);
    assert_int_equal(b.ev[0].app, 7);
    assert_int_equal(b.ev[0].time_ms, 1763891842401);
    assert_int_equal(b.ev[0].method, METHOD_POST);
    assert_int_equal(b.ev[0].status, 201);
    assert_int_equal(b.ev[0].count, 5);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_forms_say_the_same),
        cmocka_unit_test(test_plain_events_take_the_fast_path),
        cmocka_unit_test(test_it_never_reads_beyond_the_frame),
        cmocka_unit_test(test_compact_twins_of_map_events),
        cmocka_unit_test(test_compact_verdicts),
        cmocka_unit_test(test_example_of_the_readme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
