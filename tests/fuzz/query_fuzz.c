/* Questions: any frame, and (behind the byte 0xc1, which begins no frame) any payload of a cursor,
 * sealed for one of the questions below. Holds: there is always a whole answer in the encoding of
 * the question, with `ok`, and a refusal has a code and a text; a page keeps its limits; work keeps
 * its budget. */
#include "aggregators/days_test.h"
#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/query/cursor.h"
#include "engine/query/query.h"
#include "engine/query/question.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TODAY  20780
#define NOW_MS (TODAY * MS_PER_DAY + 36000000)

static struct engine {
    char dir[64];
    struct store *days;
    struct generation *active;
    struct query *query;
    struct arena arena;
    struct buf answer;
    struct query_context context;
} * engine;

static void no_status(void *arg, struct query_status *out)
{
    (void)arg;
    out->version = "0";
}

static enum status some_rejected(void *arg, uint64_t before,
                                 bool (*fn)(void *fn_arg, const struct query_rejected *r),
                                 void *fn_arg)
{
    (void)arg;
    for (uint64_t i = before < 50 ? before : 50; i-- > 0;) {
        const struct query_rejected r = {.number = i, .code = ST_INVALID, .transport = "zmq"};
        if (!fn(fn_arg, &r))
            break;
    }
    return ST_OK;
}

static const struct query_source source = {.status = no_status, .rejected = some_rejected};

static void fold_some(struct generation *g)
{
    for (unsigned i = 0; i < 400; i++) {
        const uint8_t verdict = 0;
        const unsigned kinds[] = {EV_API_CALL, EV_RECORD_CREATED + i % 6, EV_APP_INSTALLED + i % 9};
        const struct event e = {.account = 1,
                                .app = i % 7,
                                .time_ms = (TODAY - (int)(i % 31)) * MS_PER_DAY + i,
                                .object_type = i % 5 << 2,
                                .record_hash = i % 11,
                                .user = i % 3,
                                .count = 1,
                                .kind = kinds[i % 3] & 255,
                                .method = METHOD_GET,
                                .has_user = 1,
                                .status = 200};
        generation_fold(g, &(struct fold){&e, &verdict, 1, i, NOW_MS});
        generation_advance(g, i + 1);
    }
}

/* Reference data as decoding stores it: {"name": "A", "kind": "marketplace", "title": "T", "link":
 * "L"}, which serves every kind. */
static void fold_reference(struct generation *g)
{
    static const unsigned kinds[] = {EV_CATALOG_APP, EV_CATALOG_ACADEMY, EV_DIRECTORY_USER,
                                     EV_DIRECTORY_TEAM};
    const struct str fields = STR("\x84\xa4name\xa1"
                                  "A\xa4kind\xabmarketplace\xa5title\xa1T\xa4link\xa1L");
    for (unsigned i = 0; i < 200; i++) {
        const uint8_t verdict = 0;
        char key[24];
        text_fmt(key, sizeof key, "%u", i / 4);
        const struct event_more more = {.reference_key = str_of(key), .reference_fields = fields};
        const struct event e = {.account = i % 3 == 0,
                                .time_ms = NOW_MS - 1000 + i,
                                .kind = kinds[i % 4] & 255,
                                .count = 1,
                                .more = &more};
        const uint64_t position = generation_end(g);
        generation_fold(g, &(struct fold){&e, &verdict, 1, position, NOW_MS});
        generation_advance(g, position + 1);
    }
}

static void remove_files(void)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner.lock"};
    char path[96];
    generation_free(&engine->active);
    query_free(&engine->query);
    store_close(&engine->days);
    arena_fini(&engine->arena);
    buf_fini(&engine->answer);
    for (size_t i = 0; i < N_OF(files); i++) {
        text_fmt(path, sizeof path, "%s/%s", engine->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(engine->dir);
    free(engine);
}

static void open_engine(void)
{
    char why[256];
    uint64_t position;
    struct merge_stats stats;
    const struct days_limits limits = {.activity_rows_max = 1000};
    engine = calloc(1, sizeof *engine);
    CHECK(engine != NULL);
    text_fmt(engine->dir, sizeof engine->dir, "/tmp/daybook-fuzz-XXXXXX");
    CHECK(mkdtemp(engine->dir) != NULL);
    const struct store_options o = {.dir = engine->dir,
                                    .tables = days_table_names,
                                    .tables_n = DAYS_TABLES_N,
                                    .map_bytes = 1 << 26};
    CHECK(store_open(&o, &engine->days, why) == ST_OK);
    CHECK(days_prepare(engine->days, &position, why) == ST_OK);
    engine->active = generation_new(0);
    fold_some(engine->active);
    fold_reference(engine->active);
    CHECK(days_merge_whole(engine->days, engine->active, &limits, &stats) == ST_OK);
    generation_reset(engine->active, generation_end(engine->active));
    CHECK(query_new(&engine->query) == ST_OK);
    engine->context = (struct query_context){.query = engine->query,
                                             .days = engine->days,
                                             .gens = {engine->active},
                                             .gens_n = 1,
                                             .now_ms = NOW_MS,
                                             .floor_day = TODAY - 1000,
                                             .page_rows_max = 20,
                                             .source = &source};
    CHECK(atexit(remove_files) == 0);
}

/* ---- what an answer must be ---- */

static void check_json(const struct buf *b)
{
    json_error_t error;
    json_t *a = json_loadb((const char *)b->p, b->n, JSON_REJECT_DUPLICATES, &error);
    CHECK(json_is_object(a));
    if (json_is_true(json_object_get(a, "ok"))) {
        json_t *data = json_object_get(a, "data");
        CHECK(json_is_object(data));
        CHECK(json_array_size(json_object_get(data, "rows")) <= 20);
    } else {
        CHECK(json_is_false(json_object_get(a, "ok")));
        CHECK(json_string_length(json_object_get(a, "code")) > 0);
        CHECK(json_string_length(json_object_get(a, "message")) > 0);
    }
    json_decref(a);
}

static void check_msgpack(const struct buf *b)
{
    msgpack_unpacked u;
    size_t at = 0;
    msgpack_unpacked_init(&u);
    CHECK(msgpack_unpack_next(&u, (const char *)b->p, b->n, &at) == MSGPACK_UNPACK_SUCCESS);
    CHECK(at == b->n);
    CHECK(u.data.type == MSGPACK_OBJECT_MAP);
    CHECK(u.data.via.map.size >= 4);
    msgpack_unpacked_destroy(&u);
}

static void ask(const void *frame, size_t n)
{
    struct request r;
    arena_reset(&engine->arena);
    request_decode(frame, n, &engine->arena, &r);
    query_answer(&engine->context, &r, &engine->answer);
    CHECK(!engine->answer.bad);
    if (r.encoding == ENCODING_JSON)
        check_json(&engine->answer);
    else
        check_msgpack(&engine->answer);
}

/* ---- cursors ---- */

static const char *const questions[] = {
    "{\"view\":\"records\",\"account\":1}",
    "{\"view\":\"records\",\"account\":1,\"group_by\":[]}",
    "{\"view\":\"records\",\"account\":1,\"group_by\":\"day\"}",
    "{\"view\":\"records\",\"account\":1,\"group_by\":\"app\"}",
    "{\"view\":\"records\",\"account\":1,\"group_by\":[\"object_type\",\"action\"]}",
    "{\"view\":\"records\",\"account\":1,\"fill\":true}",
    "{\"view\":\"records\",\"account\":1,\"app\":[1,2,3]}",
    "{\"view\":\"api_usage\",\"account\":1}",
    "{\"view\":\"api_usage\",\"account\":1,\"slot\":\"quarter\",\"kind\":\"all\",\"fill\":true}",
    "{\"view\":\"distinct_records\",\"account\":1}",
    "{\"view\":\"distinct_records\",\"account\":1,\"total\":\"range\"}",
    "{\"view\":\"distinct_records\",\"account\":1,\"group_by\":[\"action\"]}",
    "{\"view\":\"activity\",\"account\":1}",
    "{\"view\":\"activity\",\"account\":1,\"order\":\"arrival\"}",
    "{\"view\":\"apps\",\"account\":1}",
    "{\"view\":\"apps\",\"account\":1,\"app\":[1,2,3]}",
    "{\"view\":\"connections\",\"account\":1,\"app\":1}",
    "{\"view\":\"rejected\"}",
    "{\"view\":\"schema\"}",
    "{\"view\":\"accounts\"}",
    "{\"view\":\"conservation\"}",
    "{\"view\":\"conservation\",\"account\":1}",
    "{\"view\":\"attention\",\"account\":1,\"state\":\"all\"}",
    "{\"view\":\"attention\",\"account\":1,\"app\":1}",
    "{\"view\":\"my_apps\",\"account\":1,\"viewer\":1}",
    "{\"view\":\"other_apps\",\"account\":1,\"viewer\":9}",
    "{\"view\":\"recommendations\",\"account\":1}",
    "{\"view\":\"permissions\",\"account\":1,\"app\":1}",
    "{\"view\":\"academy\",\"account\":1}",
    "{\"view\":\"catalog\",\"account\":1}",
    "{\"view\":\"users\",\"account\":1}",
    "{\"view\":\"teams\",\"account\":1}",
    "{\"view\":\"usage\",\"account\":1}",
    "{\"view\":\"usage\",\"account\":1,\"zone\":\"Pacific/Kiritimati\",\"app\":[1,2]}",
    "{\"view\":\"usage_alerts\",\"account\":1}",
    "{\"view\":\"record_alerts\",\"account\":1}",
    "{\"view\":\"api_usage\",\"account\":1,\"zone\":\"Asia/Kathmandu\"}",
    "{\"view\":\"api_usage\",\"account\":1,\"zone\":\"Asia/Kathmandu\",\"fill\":true}",
    "{\"view\":\"api_usage\",\"account\":1,\"zone\":\"Asia/Kathmandu\",\"group_by\":\"day\"}",
};

static void ask_at(const char *question, const uint8_t *payload, size_t n)
{
    struct question q;
    struct request r;
    char why[512];
    struct buf raw = buf_of(1 << 20), text = buf_of(1 << 20);
    arena_reset(&engine->arena);
    request_decode(question, strlen(question), &engine->arena, &r);
    CHECK(question_read(&r, &engine->arena, &q, why) == ST_OK);
    buf_put(&raw, payload, n);
    const struct str cursor = cursor_seal(question_hash(&q), &raw, &engine->arena);
    buf_put(&text, question, strlen(question) - 1);
    buf_put(&text, ",\"cursor\":\"", 11);
    buf_put(&text, cursor.p, cursor.n);
    buf_put(&text, "\"}", 2);
    CHECK(!text.bad);
    ask(text.p, text.n);
    buf_fini(&raw);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!engine)
        open_engine();
    engine->context.scan_max = 0;
    if (n < 3 || data[0] != 0xc1) {
        ask(data, n);
        return 0;
    }
    engine->context.scan_max = data[2] < 128 ? 0 : 1u << (data[2] % 16);
    if (n < 4096)
        ask_at(questions[data[1] % N_OF(questions)], data + 3, n - 3);
    return 0;
}
