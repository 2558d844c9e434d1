#include "tests/unit/query/help.h"

#include <msgpack.h>
#include <unistd.h>

#include "aggregators/days_test.h"
#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "tests/draw.h"

uint64_t help_seed = 1;

uint64_t rnd(uint64_t below)
{
    return draw(&help_seed, below);
}

/* ---- the engine ---- */

void engine_open(struct engine *t)
{
    char why[256];
    *t = (struct engine){0};
    text_fmt(t->dir, sizeof t->dir, "/tmp/daybook-query-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    const struct store_options o = {.dir = t->dir,
                                    .tables = days_table_names,
                                    .tables_n = DAYS_TABLES_N,
                                    .map_bytes = 1ull << 30};
    assert_int_equal(store_open(&o, &t->days, why), ST_OK);
    assert_int_equal(days_prepare(t->days, &t->position, why), ST_OK);
    t->active = generation_new(0);
    assert_int_equal(query_new(&t->query), ST_OK);
    t->answer = buf_of(0);
    t->context = (struct query_context){.query = t->query,
                                        .days = t->days,
                                        .now_ms = NOW_MS,
                                        .floor_day = TODAY - 1000,
                                        .source = &t->source};
}

void engine_close(struct engine *t)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner.lock"};
    char path[96];
    query_free(&t->query);
    generation_free(&t->frozen);
    generation_free(&t->active);
    store_close(&t->days);
    arena_fini(&t->arena);
    buf_fini(&t->answer);
    free(t->twin);
    for (size_t i = 0; i < N_OF(files); i++) {
        text_fmt(path, sizeof path, "%s/%s", t->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(t->dir);
}

void engine_fold(struct engine *t, const struct event *e, const struct event_more *more)
{
    const uint8_t verdict = ST_OK;
    struct event copy = *e;
    const int64_t received_ms = e->time_ms > NOW_MS ? NOW_MS : e->time_ms + 1000;
    if (t->twin_n == t->twin_cap) {
        t->twin_cap = t->twin_cap ? t->twin_cap * 2 : 1024;
        t->twin = realloc(t->twin, t->twin_cap * sizeof *t->twin);
        assert_non_null(t->twin);
    }
    struct twin_event *twin = &t->twin[t->twin_n++];
    *twin = (struct twin_event){.e = *e, .position = t->position, .received_ms = received_ms};
    if (more)
        twin->more = *more;
    copy.more = more;
    generation_fold(t->active, &(struct fold){&copy, &verdict, 1, t->position, received_ms});
    t->position++;
    generation_advance(t->active, t->position);
}

void engine_freeze(struct engine *t)
{
    assert_null(t->frozen);
    t->frozen = t->active;
    t->active = generation_new(generation_end(t->frozen));
}

void engine_merge(struct engine *t)
{
    const struct days_limits limits = {.activity_rows_max = 1000000};
    struct merge_stats stats;
    if (!t->frozen)
        engine_freeze(t);
    assert_int_equal(days_merge_whole(t->days, t->frozen, &limits, &stats), ST_OK);
    generation_free(&t->frozen);
}

/* ---- msgpack to and from JSON, by libraries that are not ours ---- */

static void pack(msgpack_packer *k, json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        msgpack_pack_map(k, json_object_size(v));
        json_object_foreach(v, key, item)
        {
            msgpack_pack_str(k, strlen(key));
            msgpack_pack_str_body(k, key, strlen(key));
            pack(k, item);
        }
        break;
    case JSON_ARRAY:
        msgpack_pack_array(k, json_array_size(v));
        json_array_foreach(v, i, item) pack(k, item);
        break;
    case JSON_STRING:
        msgpack_pack_str(k, json_string_length(v));
        msgpack_pack_str_body(k, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(k, json_integer_value(v));
        break;
    case JSON_TRUE:
        msgpack_pack_true(k);
        break;
    case JSON_FALSE:
        msgpack_pack_false(k);
        break;
    case JSON_NULL:
        msgpack_pack_nil(k);
        break;
    case JSON_REAL:
        fail_msg("no floats on this wire");
    }
}

static json_t *unpack(const msgpack_object *o)
{
    json_t *to;
    switch ((int)o->type) {
    case MSGPACK_OBJECT_MAP:
        to = json_object();
        for (uint32_t i = 0; i < o->via.map.size; i++) {
            const msgpack_object *k = &o->via.map.ptr[i].key;
            assert_int_equal(k->type, MSGPACK_OBJECT_STR);
            json_object_setn_new(to, k->via.str.ptr, k->via.str.size,
                                 unpack(&o->via.map.ptr[i].val));
        }
        assert_int_equal(json_object_size(to), o->via.map.size);
        return to;
    case MSGPACK_OBJECT_ARRAY:
        to = json_array();
        for (uint32_t i = 0; i < o->via.array.size; i++)
            json_array_append_new(to, unpack(&o->via.array.ptr[i]));
        return to;
    case MSGPACK_OBJECT_STR:
        return json_stringn(o->via.str.ptr, o->via.str.size);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return json_integer((json_int_t)o->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(o->via.i64);
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(o->via.boolean);
    case MSGPACK_OBJECT_NIL:
        return json_null();
    }
    fail_msg("a type that the wire does not have");
    return NULL;
}

/* ---- asking ---- */

static void answer(struct engine *t, const void *frame, size_t bytes)
{
    struct request r;
    t->context.gens_n = 0;
    if (t->frozen)
        t->context.gens[t->context.gens_n++] = t->frozen;
    t->context.gens[t->context.gens_n++] = t->active;
    arena_reset(&t->arena);
    request_decode(frame, bytes, &t->arena, &r);
    query_answer(&t->context, &r, &t->answer);
    assert_false(t->answer.bad);
}

static json_t *ask_msgpack(struct engine *t, json_t *question)
{
    msgpack_sbuffer sb;
    msgpack_packer k;
    msgpack_unpacked u;
    size_t at = 0;
    msgpack_sbuffer_init(&sb);
    msgpack_packer_init(&k, &sb, msgpack_sbuffer_write);
    pack(&k, question);
    answer(t, sb.data, sb.size);
    msgpack_sbuffer_destroy(&sb);
    msgpack_unpacked_init(&u);
    assert_int_equal(msgpack_unpack_next(&u, (const char *)t->answer.p, t->answer.n, &at),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, t->answer.n);
    json_t *to = unpack(&u.data);
    msgpack_unpacked_destroy(&u);
    return to;
}

static json_t *ask_text(struct engine *t, const char *text)
{
    json_error_t error;
    json_t *question = json_loads(text, 0, &error);
    if (!question)
        fail_msg("bad question in the test: %s: %s", error.text, text);
    answer(t, text, strlen(text));
    json_t *a = json_loadb((const char *)t->answer.p, t->answer.n, JSON_REJECT_DUPLICATES, &error);
    if (!a)
        fail_msg("bad answer: %s: %.*s", error.text, (int)t->answer.n, (const char *)t->answer.p);
    json_t *b = ask_msgpack(t, question);
    /* A page may be shorter in the longer encoding: then the rows of one begin like the other's. */
    if (!json_equal(a, b) && !t->context.answer_bytes_max)
        fail_msg("encodings differ for %s", text);
    json_decref(b);
    json_decref(question);
    return a;
}

static char *question_of(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static char *question_of(const char *fmt, va_list ap)
{
    char *text = malloc(1 << 20);
    assert_non_null(text);
    const int n = vsnprintf(text, 1 << 20, fmt, ap);
    assert_in_range(n, 1, (1 << 20) - 1);
    for (int i = 0; i < n; i++)
        if (text[i] == '\'')
            text[i] = '"';
    return text;
}

void engine_publish(struct engine *t, const char *fmt, ...)
{
    va_list ap;
    struct arena a = {0};
    struct batch b;
    va_start(ap, fmt);
    char *text = question_of(fmt, ap);
    va_end(ap);
    frame_decode(text, strlen(text), &frame_limits_default, &a, &b);
    if (b.status != ST_OK || b.rejects_n)
        fail_msg("%s: %.*s", text, (int)(b.rejects_n ? b.rejects[0].message : b.message).n,
                 (b.rejects_n ? b.rejects[0].message : b.message).p);
    generation_fold(t->active, &(struct fold){b.ev, b.verdict, b.n, t->position, NOW_MS});
    t->position += b.n;
    generation_advance(t->active, t->position);
    arena_fini(&a);
    free(text);
}

json_t *ask(struct engine *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = question_of(fmt, ap);
    va_end(ap);
    json_t *a = ask_text(t, text);
    free(text);
    return a;
}

json_t *ask_ok(struct engine *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = question_of(fmt, ap);
    va_end(ap);
    json_t *a = ask_text(t, text);
    if (!json_is_true(json_object_get(a, "ok")))
        fail_msg("%s refused: %.*s", text, (int)t->answer.n, (const char *)t->answer.p);
    free(text);
    return a;
}

void ask_refused(struct engine *t, const char *code, const char *words, const char *question)
{
    json_t *a = ask(t, "%s", question);
    if (!json_is_false(json_object_get(a, "ok")))
        fail_msg("not refused: %s", question);
    const char *message = json_string_value(json_object_get(a, "message"));
    assert_string_equal(json_string_value(json_object_get(a, "code")), code);
    if (!strstr(message, words))
        fail_msg("\"%s\" does not say \"%s\"", message, words);
    json_decref(a);
}

json_t *ask_all(struct engine *t, const char *question, unsigned *pages)
{
    json_t *all = json_array();
    char *cursor = NULL;
    *pages = 0;
    do {
        json_t *a = cursor ? ask_ok(t, "%s, 'cursor': '%s'}", question, cursor)
                           : ask_ok(t, "%s}", question);
        json_array_extend(all, rows_of(a));
        free(cursor);
        const char *next = json_string_value(json_object_get(a, "cursor"));
        cursor = next ? strdup(next) : NULL;
        json_decref(a);
        if (++*pages > 100000)
            fail_msg("the pages do not end: %s", question);
    } while (cursor);
    return all;
}

json_t *rows_of(json_t *a)
{
    json_t *rows = json_object_get(json_object_get(a, "data"), "rows");
    assert_true(json_is_array(rows));
    return rows;
}

int64_t int_of(json_t *row, const char *key)
{
    json_t *v = json_object_get(row, key);
    if (!json_is_integer(v))
        fail_msg("%s is no integer", key);
    return json_integer_value(v);
}

const char *text_of(json_t *row, const char *key)
{
    json_t *v = json_object_get(row, key);
    if (!json_is_string(v))
        fail_msg("%s is no text", key);
    return json_string_value(v);
}

/* ---- events ---- */

struct event random_event(struct event_more *more)
{
    struct event e = {0};
    *more = (struct event_more){0};
    e.account = 1 + rnd(3) * 300;
    e.app = rnd(12) == 0 ? 0 : 1 + rnd(e.account == 1 ? 40 : 5);
    const int32_t day = rnd(3) ? TODAY - (int32_t)rnd(3) : TODAY - (int32_t)rnd(33);
    e.time_ms = day * MS_PER_DAY + (int64_t)rnd(day == TODAY ? 36000000 : MS_PER_DAY);
    e.count = (uint32_t)(1 + (rnd(5) ? 0 : rnd(1000)));
    e.has_user = rnd(2) & 1;
    e.user = e.has_user ? rnd(5) : 0;
    switch (rnd(4)) {
    case 0:
    case 1:
        e.kind = EV_API_CALL;
        e.method = (METHOD_GET + rnd(6)) & 15;
        e.status = (uint16_t)(rnd(4) ? 200 : rnd(2) ? 429 : 500);
        break;
    case 2:
        e.kind = (EV_RECORD_CREATED + rnd(6)) & 255;
        e.object_type = rnd(3) ? (1 + rnd(5)) << 2 : (rnd(20) << 2 | 1);
        if (rnd(3))
            e.record_hash = hash_mix(1 + rnd(60));
        break;
    default:
        e.kind = (rnd(2) ? EV_APP_INSTALLED + rnd(9) : EV_SYNC_ENABLED + rnd(3)) & 255;
        e.app = 1 + rnd(6);
        e.has_user = 1;
        e.user = rnd(5);
        more->reason = rnd(2) ? STR("because \"it\" broke") : (struct str){0};
        more->code = rnd(2) ? STR("E42") : (struct str){0};
    }
    return e;
}
