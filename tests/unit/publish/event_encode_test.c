/* What is encoded here must be what the engine's decoder reads, field by field. */
#include "clients/publish/envelope.h"
#include "clients/publish/event_encode.h"
#include "engine/base/check.h"
#include "schemas/frame.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define NOW_MS INT64_C(1763900000000)

struct decoded {
    struct arena arena;
    struct buf body;
    struct batch batch;
};

static void decode(const struct daybook_event *e, struct decoded *d)
{
    struct event_encoder enc;
    struct daybook_error error = {.text = ""};
    event_encoder_init(&enc);
    *d = (struct decoded){.body = buf_of(1 << 20)};
    buf_u8(&d->body, 0x91);
    enum daybook_status st = event_encode(&enc, e, NOW_MS, &d->body, &error);
    if (st != DAYBOOK_OK)
        print_message("%s\n", error.text);
    assert_int_equal(st, DAYBOOK_OK);
    frame_decode(d->body.p, d->body.n, &frame_limits_default, &d->arena, &d->batch);
    if (d->batch.rejects_n > 0)
        print_message("%.*s\n", (int)d->batch.rejects[0].message.n, d->batch.rejects[0].message.p);
    assert_int_equal(d->batch.status, ST_OK);
    assert_int_equal(d->batch.n, 1);
    assert_int_equal(d->batch.rejects_n, 0);
    assert_int_equal(d->batch.unknown_n, 0);
    assert_int_equal(d->batch.ev[0].kind, e->kind);
    assert_int_equal(d->batch.ev[0].account, e->account);
    assert_int_equal(d->batch.ev[0].app, e->app);
    assert_int_equal(d->batch.ev[0].time_ms, e->time_ms != 0 ? e->time_ms : NOW_MS);
}

static void done(struct decoded *d)
{
    arena_fini(&d->arena);
    buf_fini(&d->body);
}

static void assert_str(struct str s, const char *z)
{
    assert_int_equal(s.n, strlen(z));
    assert_memory_equal(s.p, z, s.n);
}

static void api_call(void **state)
{
    (void)state;
    struct decoded d;
    const struct daybook_event e = {.kind = DAYBOOK_API_CALL,
                                    .account = 9007199254740991,
                                    .app = 70000,
                                    .time_ms = NOW_MS - 5,
                                    .id = "an-id",
                                    .has_user = true,
                                    .user = 0,
                                    .direction = DAYBOOK_RECEIVED,
                                    .method = DAYBOOK_PATCH,
                                    .status = 429,
                                    .count = 1000000000,
                                    .endpoint = "/crm/v3/objects/{type}",
                                    .has_latency = true,
                                    .latency_ms = 12};
    decode(&e, &d);
    const struct event *ev = d.batch.ev;
    assert_int_equal(ev->method, METHOD_PATCH);
    assert_int_equal(ev->status, 429);
    assert_int_equal(ev->count, 1000000000);
    assert_int_equal(ev->direction, DIRECTION_RECEIVED);
    assert_true(ev->has_user && ev->user == 0);
    assert_true(ev->has_id);
    assert_str(ev->more->id, "an-id");
    assert_str(ev->more->endpoint, e.endpoint);
    assert_int_equal(ev->more->latency_ms, 12);
    done(&d);
    const struct daybook_event bare = {
        .kind = DAYBOOK_API_CALL, .account = 1, .app = 2, .method = DAYBOOK_GET, .status = 200};
    decode(&bare, &d);
    assert_int_equal(d.batch.ev->count, 1);
    assert_false(d.batch.ev->has_user || d.batch.ev->has_id);
    assert_true(d.body.n <= 20); /* absent fields at the end take no room */
    done(&d);
}

static void records(void **state)
{
    (void)state;
    static const struct {
        const char *object_type;
        const char *record;
        bool has_number;
        uint64_t number;
    } rows[] = {{"contacts", "77", false, 0},
                {"0-1", NULL, true, 77},
                {"2-123", "a record", false, 0},
                {"parrots", NULL, false, 0},
                {"0-136", NULL, true, 9007199254740991}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        for (int kind = DAYBOOK_RECORD_CREATED; kind <= DAYBOOK_RECORD_ASSOCIATED; kind++) {
            struct decoded d;
            const struct daybook_event e = {.kind = (enum daybook_kind)kind,
                                            .account = 1,
                                            .app = 3,
                                            .object_type = rows[i].object_type,
                                            .record = rows[i].record,
                                            .has_record_number = rows[i].has_number,
                                            .record_number = rows[i].number,
                                            .count = 3};
            decode(&e, &d);
            object_type_id id = 0;
            assert_int_equal(object_type_parse(str_of(rows[i].object_type), &id), ST_OK);
            assert_int_equal(d.batch.ev->object_type, id);
            assert_int_equal(d.batch.ev->record_hash != 0,
                             rows[i].record != NULL || rows[i].has_number);
            assert_int_equal(d.batch.ev->count, 3);
            done(&d);
        }
    }
}

static void facts(void **state)
{
    (void)state;
    struct decoded d;
    for (int kind = DAYBOOK_APP_INSTALLED; kind <= DAYBOOK_APP_RECOVERED; kind++) {
        const struct daybook_event e = {.kind = (enum daybook_kind)kind,
                                        .account = 1,
                                        .app = 2,
                                        .has_user = true,
                                        .user = 7,
                                        .reason = "the user's",
                                        .code = "",
                                        .id = "i"};
        decode(&e, &d);
        assert_int_equal(d.batch.ev->user, 7);
        assert_true(d.batch.ev->has_id);
        assert_str(d.batch.ev->more->reason, "the user's");
        done(&d);
    }
    for (int kind = DAYBOOK_SYNC_ENABLED; kind <= DAYBOOK_SYNC_CHANGED; kind++) {
        const struct daybook_event e = {.kind = (enum daybook_kind)kind,
                                        .account = 1,
                                        .app = 2,
                                        .has_user = true,
                                        .user = 7,
                                        .setting = "way",
                                        .to = "both"};
        decode(&e, &d);
        assert_str(d.batch.ev->more->setting, "way");
        assert_null(d.batch.ev->more->from.p);
        assert_str(d.batch.ev->more->to, "both");
        done(&d);
    }
    static const char *const scopes[] = {"crm.objects.contacts.read", "oauth"};
    for (int kind = DAYBOOK_PERMISSION_GRANTED; kind <= DAYBOOK_PERMISSION_REAUTH; kind++) {
        const struct daybook_event e = {.kind = (enum daybook_kind)kind,
                                        .account = 1,
                                        .app = 2,
                                        .scopes = scopes,
                                        .scopes_n = 2,
                                        .feature = "sync"};
        decode(&e, &d);
        assert_int_equal(d.batch.ev->more->list_n, 2);
        assert_str(d.batch.ev->more->list[1], "oauth");
        assert_str(d.batch.ev->more->feature, "sync");
        done(&d);
    }
}

/* All fields of the widest kind: its array no longer fits the short header. */
static void reference(void **state)
{
    (void)state;
    static const char *const scopes[] = {"a", "b=c"};
    static const uint64_t apps[] = {1, 9007199254740991};
    static const struct daybook_field catalog[] = {
        {.name = "icon_url", .text = "https://i"},
        {.name = "kind", .text = "private"},
        {.name = "name", .text = "An app"},
        {.name = "developer", .text = "Somebody"},
        {.name = "user_level", .type = DAYBOOK_BOOL, .number = 1},
        {.name = "multi_account", .type = DAYBOOK_BOOL},
        {.name = "shows_status", .type = DAYBOOK_BOOL, .number = 1},
        {.name = "required_scopes", .type = DAYBOOK_TEXTS, .texts = scopes, .n = 1},
        {.name = "optional_scopes", .type = DAYBOOK_TEXTS, .texts = scopes, .n = 2},
        {.name = "marketplace_url", .text = "https://m"},
        {.name = "settings_url", .text = "https://s"}};
    static const struct daybook_field academy[] = {
        {.name = "key", .text = "k"},
        {.name = "title", .text = "t"},
        {.name = "link", .text = "l"},
        {.name = "apps", .type = DAYBOOK_NUMBERS, .numbers = apps, .n = 2}};
    static const struct daybook_field person[] = {{.name = "name", .text = "A Person"},
                                                  {.name = "super_admin", .type = DAYBOOK_BOOL}};
    static const struct daybook_field team[] = {
        {.name = "team", .type = DAYBOOK_NUMBER, .number = 5}, {.name = "name", .text = "Blue"}};
    static const struct daybook_field plan[] = {
        {.name = "tier", .text = "pro"},
        {.name = "daily_limit", .type = DAYBOOK_NUMBER, .number = 250000}};
    static const struct daybook_field settings[] = {
        {.name = "beta", .type = DAYBOOK_BOOL, .number = 1}};
    static const struct daybook_field key[] = {{.name = "key", .text = "k"}};
    static const struct daybook_field id[] = {{.name = "key", .text = "5"}};
    const struct daybook_event rows[] = {
        {.kind = DAYBOOK_CATALOG_APP, .app = 3, .fields = catalog, .fields_n = N_OF(catalog)},
        {.kind = DAYBOOK_CATALOG_APP_REMOVED, .app = 3},
        {.kind = DAYBOOK_CATALOG_ACADEMY, .fields = academy, .fields_n = N_OF(academy)},
        {.kind = DAYBOOK_CATALOG_ACADEMY_REMOVED, .fields = key, .fields_n = 1},
        {.kind = DAYBOOK_DIRECTORY_USER,
         .has_user = true,
         .user = 7,
         .fields = person,
         .fields_n = N_OF(person)},
        {.kind = DAYBOOK_DIRECTORY_USER_REMOVED, .has_user = true, .user = 7},
        {.kind = DAYBOOK_DIRECTORY_TEAM, .fields = team, .fields_n = N_OF(team)},
        {.kind = DAYBOOK_DIRECTORY_TEAM_REMOVED, .fields = id, .fields_n = 1},
        {.kind = DAYBOOK_ACCOUNT_PLAN, .fields = plan, .fields_n = N_OF(plan)},
        {.kind = DAYBOOK_ACCOUNT_PLAN_REMOVED},
        {.kind = DAYBOOK_ACCOUNT_SETTINGS,
         .has_user = true,
         .user = 7,
         .fields = settings,
         .fields_n = N_OF(settings)},
        {.kind = DAYBOOK_ACCOUNT_SETTINGS_REMOVED}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct decoded d;
        struct daybook_event e = rows[i];
        e.account = 12;
        e.id = "i";
        decode(&e, &d);
        assert_true(d.batch.ev->has_id);
        done(&d);
    }
}

static void wrong_events_are_told(void **state)
{
    (void)state;
    static char long_text[300];
    memset(long_text, 'x', sizeof long_text - 1);
    static const char *const bad_scopes[] = {"\xff"};
    static const struct daybook_field twice[] = {{.name = "tier", .text = "a"},
                                                 {.name = "tier", .text = "b"}};
    static const struct daybook_field unknown[] = {{.name = "colour", .text = "a"}};
    static const struct daybook_field mistyped[] = {
        {.name = "tier", .type = DAYBOOK_NUMBER, .number = 1}};
    static const struct daybook_field odd_kind[] = {{.name = "name", .text = "a"},
                                                    {.name = "kind", .text = "odd"}};
    const struct {
        struct daybook_event e;
        const char *says;
    } rows[] = {
        {{.kind = (enum daybook_kind)2}, "no such kind of event: 2"},
        {{.kind = DAYBOOK_API_CALL, .status = 200}, "api.call: method is missing"},
        {{.kind = DAYBOOK_API_CALL, .method = DAYBOOK_GET, .status = 99}, "100..599"},
        {{.kind = DAYBOOK_API_CALL, .method = (enum daybook_method)10, .status = 200}, "1..9"},
        {{.kind = DAYBOOK_API_CALL, .method = DAYBOOK_GET, .status = 200, .count = 1000000001},
         "count is 1000000001"},
        {{.kind = DAYBOOK_API_CALL, .account = UINT64_MAX}, "account is"},
        {{.kind = DAYBOOK_API_CALL, .time_ms = -1}, "before 1970"},
        {{.kind = DAYBOOK_RECORD_CREATED}, "object_type is missing"},
        {{.kind = DAYBOOK_RECORD_CREATED, .object_type = ""}, "object_type has 0 bytes"},
        {{.kind = DAYBOOK_RECORD_CREATED, .object_type = "a\xc3"}, "not UTF-8"},
        {{.kind = DAYBOOK_APP_INSTALLED}, "user is missing"},
        {{.kind = DAYBOOK_APP_INSTALLED, .has_user = true, .reason = long_text}, "0..256"},
        {{.kind = DAYBOOK_PERMISSION_GRANTED, .scopes = bad_scopes, .scopes_n = 1}, "not UTF-8"},
        {{.kind = DAYBOOK_PERMISSION_GRANTED, .scopes = bad_scopes, .scopes_n = 257},
         "at most 256"},
        {{.kind = DAYBOOK_ACCOUNT_PLAN, .fields = twice, .fields_n = 2}, "given twice"},
        {{.kind = DAYBOOK_ACCOUNT_PLAN, .fields = unknown, .fields_n = 1}, "no field colour"},
        {{.kind = DAYBOOK_ACCOUNT_PLAN, .fields = mistyped, .fields_n = 1}, "must be text"},
        {{.kind = DAYBOOK_CATALOG_APP, .fields = odd_kind, .fields_n = 2}, "marketplace"}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct daybook_error error = {.text = ""};
        uint8_t bytes[1024];
        size_t n = 77;
        assert_int_equal(daybook_event_encode(&rows[i].e, bytes, sizeof bytes, &n, &error),
                         DAYBOOK_INVALID);
        assert_int_equal(error.status, DAYBOOK_INVALID);
        if (strstr(error.text, rows[i].says) == NULL)
            fail_msg("row %zu: \"%s\" lacks \"%s\"", i, error.text, rows[i].says);
        assert_int_equal(n, 77);
    }
    size_t n = 0;
    uint8_t small[4];
    const struct daybook_event fine = {
        .kind = DAYBOOK_API_CALL, .method = DAYBOOK_GET, .status = 200};
    assert_int_equal(daybook_event_encode(&fine, small, sizeof small, &n, NULL), DAYBOOK_TOO_LARGE);
    assert_int_equal(daybook_event_encode(NULL, small, sizeof small, &n, NULL), DAYBOOK_INVALID);
}

/* The engine reads the envelope, in both encodings, and after renumbering. */
static void envelopes(void **state)
{
    (void)state;
    static const struct str bodies[] = {{"\x91\x93\x01\x02\x03", 5}, {" [ ]", 4}};
    static const char producer[] = "eu-\"1\"\\ \xc3\xa4";
    struct envelope env;
    assert_true(envelope_init(&env, str_of(producer)));
    for (size_t i = 0; i < N_OF(bodies); i++) {
        bool json = envelope_is_json(bodies[i].p, bodies[i].n);
        assert_int_equal(json, i == 1);
        size_t n = envelope_frame_bytes(&env, json, bodies[i].n);
        uint8_t *frame = malloc(n);
        assert_non_null(frame);
        envelope_write(&env, bodies[i], 1, 2, frame);
        const uint64_t numbers[][2] = {{1, 2}, {WIRE_INT_MAX, WIRE_INT_MAX}, {17639, 3}};
        for (size_t k = 0; k < N_OF(numbers); k++) {
            struct arena arena = {0};
            struct batch b;
            if (k > 0)
                assert_true(envelope_renumber(&env, frame, n, numbers[k][0], numbers[k][1]));
            frame_peek(frame, n, &frame_limits_default, &arena, &b);
            assert_true(b.has_envelope && b.has_seq);
            assert_str(b.producer, producer);
            assert_int_equal(b.epoch, numbers[k][0]);
            assert_int_equal(b.seq, numbers[k][1]);
            arena_fini(&arena);
        }
        frame[13]++; /* another producer's */
        assert_false(envelope_renumber(&env, frame, n, 1, 1));
        free(frame);
    }
    struct buf b = buf_of(1024);
    struct arena arena = {0};
    struct batch cursor;
    envelope_cursor(&env, 55, 66, &b);
    frame_decode(b.p, b.n, &frame_limits_default, &arena, &cursor);
    assert_int_equal(cursor.status, ST_OK);
    assert_true(cursor.has_envelope && !cursor.has_seq && cursor.n == 0);
    assert_int_equal(cursor.epoch, 55);
    assert_int_equal(cursor.request.type, TOKEN_INT);
    assert_int_equal(cursor.request.number, 66);
    arena_fini(&arena);
    buf_fini(&b);
    envelope_fini(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(api_call),  cmocka_unit_test(records),
        cmocka_unit_test(facts),     cmocka_unit_test(reference),
        cmocka_unit_test(envelopes), cmocka_unit_test(wrong_events_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
