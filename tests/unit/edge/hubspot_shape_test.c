/* HubSpot's shapes, byte for byte: the expectations stand in tests/data/hubspot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/edge/hubspot_shape.h"

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct request row(const char *line)
{
    struct request r;
    assert_true(hubspot_row(str_of(line), &arena, &r));
    return r;
}

/* Against tests/data/hubspot/NAME.json; GOLDEN_WRITE=1 writes it. */
static void expect(const char *name, struct buf *have)
{
    char path[512];
    static char want[16384];
    text_fmt(path, sizeof(path), "tests/data/hubspot/%s.json", name);
    assert_false(have->bad);
    buf_u8(have, '\n');
    bool write = getenv("GOLDEN_WRITE") != NULL;
    FILE *f = fopen(path, write ? "w" : "r");
    assert_non_null(f);
    if (write) {
        assert_int_equal(fwrite(have->p, 1, have->n, f), have->n);
    } else {
        size_t n = fread(want, 1, sizeof(want), f);
        assert_int_equal(n, have->n);
        assert_memory_equal(want, have->p, n);
    }
    assert_int_equal(fclose(f), 0);
    buf_fini(have);
}

/* ---- usage ---- */

static void test_usage(void **state)
{
    (void)state;
    struct buf b = buf_of(4096);
    struct hubspot_usage u = {.collected_ms = 1765578310655};
    struct request r = row("{\"day\":\"2025-12-12\",\"daily_limit\":1000000,\"calls\":2,"
                           "\"resets\":1765602000000,\"tier\":null}");
    hubspot_usage_read(&r, &u);
    hubspot_usage_put(&u, &b);
    expect("usage", &b);
    b = buf_of(4096);
    hubspot_limit_put(&u, &b);
    expect("limit", &b);
}

static void test_usage_at_its_edges(void **state)
{
    (void)state;
    struct buf b = buf_of(4096);
    struct hubspot_usage u = {.collected_ms = 1765578310655, .stale = true};
    struct request r = row("{\"daily_limit\":9007199254740991,\"calls\":9007199254740991,"
                           "\"resets\":1765602000000}");
    hubspot_usage_read(&r, &u);
    hubspot_limit_put(&u, &b); /* counts are int32 there */
    expect("limit-large-and-stale", &b);
    b = buf_of(4096);
    r = row("{\"daily_limit\":null,\"calls\":7,\"resets\":1765602000000}");
    hubspot_usage_read(&r, &u);
    hubspot_usage_put(&u, &b);
    expect("usage-without-limit", &b);
}

/* ---- activities ---- */

static const char *const activities[] = {
    "{\"time\":1795428000123,\"position\":31,\"type\":\"app.uninstalled\",\"app\":45,\"user\":6,"
    "\"reason\":\"no \\\"use\\\"\",\"code\":null}",
    "{\"time\":1795427000000,\"position\":30,\"type\":\"permission.granted\",\"app\":45,"
    "\"user\":null,\"scopes\":\"contacts oauth\",\"feature\":\"sync\"}",
    "{\"time\":1795426000000,\"position\":29,\"type\":\"sync.changed\",\"app\":45,\"user\":6,"
    "\"setting\":\"direction\",\"from\":\"one\",\"to\":\"two\"}",
    "{\"time\":1795425000000,\"position\":28,\"type\":\"action.reconnect\",\"app\":9,\"user\":5,"
    "\"by\":6}",
    "{\"time\":1795424000000,\"position\":27,\"type\":\"app.installed\",\"app\":45,\"user\":6}",
};

static void page_of(struct hubspot_page *page, const uint32_t *which, uint32_t n)
{
    static struct request rows[N_OF(activities)], users[2];
    for (uint32_t i = 0; i < n; i++)
        rows[i] = row(activities[which[i]]);
    users[0] = row("{\"user\":5,\"name\":\"B\",\"email\":null}");
    users[1] = row("{\"user\":6,\"name\":\"A\",\"email\":\"ann@example.org\"}");
    *page = (struct hubspot_page){.rows = rows, .rows_n = n, .users = users, .users_n = 2};
}

static void test_audit(void **state)
{
    (void)state;
    struct buf b = buf_of(16384);
    struct hubspot_page page;
    page_of(&page, (const uint32_t[]){0, 1, 2, 3, 4}, 5);
    page.after = STR("abc-_");
    page.link = STR("http://localhost:7700/account-info/v3/activity/audit-logs?after=abc-_");
    hubspot_page_put(HUBSPOT_AUDIT, &page, &b);
    expect("audit-logs", &b);
}

static void test_security(void **state)
{
    (void)state;
    struct buf b = buf_of(16384);
    struct hubspot_page page;
    page_of(&page, (const uint32_t[]){0, 4}, 2);
    hubspot_page_put(HUBSPOT_SECURITY, &page, &b);
    expect("security", &b);
}

static void test_events(void **state)
{
    (void)state;
    struct buf b = buf_of(16384);
    struct hubspot_page page;
    page_of(&page, (const uint32_t[]){0, 1, 2, 3, 4}, 5);
    page.after = STR("abc-_");
    hubspot_page_put(HUBSPOT_EVENTS, &page, &b);
    expect("events", &b);
    b = buf_of(16384);
    page.rows_n = 0;
    page.after = (struct str){NULL, 0};
    hubspot_page_put(HUBSPOT_EVENTS, &page, &b);
    expect("events-none", &b);
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
    static const struct {
        unsigned status;
        const char *category;
    } rows[] = {
        {400, "VALIDATION_ERROR"},    {401, "INVALID_AUTHENTICATION"}, {403, "MISSING_SCOPES"},
        {404, "OBJECT_NOT_FOUND"},    {405, "METHOD_NOT_ALLOWED"},     {413, "VALIDATION_ERROR"},
        {503, "SERVICE_UNAVAILABLE"}, {507, "INTERNAL_ERROR"},
    };
    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct buf b = buf_of(4096);
        struct hubspot_refusal r = {.status = rows[i].status, .message = STR("a \"b\"")};
        char want[256];
        for (uint8_t k = 0; k < 16; k++)
            r.correlation[k] = (uint8_t)(0xf0 + k);
        hubspot_refusal_put(&r, &b);
        size_t n = text_fmt(want, sizeof(want),
                            "{\"status\":\"error\",\"message\":\"a \\\"b\\\"\",\"correlationId\":"
                            "\"f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff\",\"category\":\"%s\"}",
                            rows[i].category);
        assert_int_equal(b.n, n);
        assert_memory_equal(b.p, want, n);
        buf_fini(&b);
    }
}

static void test_lines(void **state)
{
    (void)state;
    struct str rest = STR("{\"a\":1}\n{\"a\":2}\n"), line;
    assert_true(hubspot_line(&rest, &line));
    assert_true(str_eq(line, STR("{\"a\":1}")));
    assert_true(hubspot_line(&rest, &line));
    assert_true(str_eq(line, STR("{\"a\":2}")));
    assert_false(hubspot_line(&rest, &line));
    struct request r;
    assert_false(hubspot_row(STR("{\"a\":"), &arena, &r));
    uint64_t n;
    r = row("{\"a\":null,\"b\":[1],\"c\":\"x\"}");
    assert_false(hubspot_number(&r, "a", &n));
    assert_false(hubspot_number(&r, "b", &n));
    assert_false(hubspot_number(&r, "c", &n));
    assert_false(hubspot_number(&r, "d", &n));
    assert_null(hubspot_text(&r, "a").p);
    assert_true(str_eq(hubspot_text(&r, "c"), STR("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),  cmocka_unit_test(test_usage_at_its_edges),
        cmocka_unit_test(test_audit),  cmocka_unit_test(test_security),
        cmocka_unit_test(test_events), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
