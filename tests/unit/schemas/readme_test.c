/* The tables of schemas/README.md are those of event.def and status.def. Each stands between
 * "<!-- table: NAME -->" and "<!-- end -->"; README_WRITE=1 writes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/bytes.h"
#include "schemas/ack.h"
#include "schemas/field.h"
#include "schemas/request.h"
#include "schemas/view.h"

#define README "schemas/README.md"

static void put_codes(struct buf *to)
{
    buf_fmt(to, "| code | HTTP | retry | meaning |\n|---|---|---|---|\n");
    for (unsigned st = 0; st < ST_N; st++) {
        const struct status_row *row = status_row((enum status)st);
        if (row->wire != NULL && st != ST_OK)
            buf_fmt(to, "| `%s` | %d | %s | %s |\n", row->wire, row->http,
                    row->retry ? "yes" : "no", row->text);
    }
}

static const char *group_title(enum event_group group)
{
    static const char *const titles[GROUP_N] = {
        [GROUP_API] = "api",
        [GROUP_RECORD] = "record",
        [GROUP_APP] = "app",
        [GROUP_SYNC] = "sync",
        [GROUP_PERMISSION] = "permission",
        [GROUP_ACTION] = "action",
        [GROUP_REMOVED] = "removed",
        [GROUP_CATALOG_APP] = "catalog.app",
        [GROUP_CATALOG_ACADEMY] = "catalog.academy",
        [GROUP_DIRECTORY_USER] = "directory.user",
        [GROUP_DIRECTORY_TEAM] = "directory.team",
        [GROUP_ACCOUNT_PLAN] = "account.plan",
        [GROUP_ACCOUNT_SETTINGS] = "account.settings",
        [GROUP_COMMON] = "every event",
    };
    return titles[group];
}

static void put_kinds(struct buf *to)
{
    buf_fmt(to, "| kind | type | fields | app |\n|---|---|---|---|\n");
    for (unsigned kind = 1; kind < EV_KIND_MAX; kind++) {
        if (event_type_name(kind) == NULL)
            continue;
        buf_fmt(to, "| %u | `%s` | %s | %s |\n", kind, event_type_name(kind),
                group_title(event_group(kind)),
                field_app_required((enum event_kind)kind) ? "required" : "optional");
    }
}

static void put_field_type(struct buf *to, const struct field_row *row)
{
    unsigned long long min = row->min;
    unsigned long long max = row->max;
    switch (row->type) {
    case FT_UINT:
        buf_fmt(to, max == WIRE_INT_MAX ? "integer" : "integer %llu..%llu", min, max);
        break;
    case FT_STRING:
        buf_fmt(to, "string, %llu..%llu bytes", min, max);
        break;
    case FT_METHOD:
        buf_fmt(to, "method");
        break;
    case FT_OBJECT:
        buf_fmt(to, "object type");
        break;
    case FT_RECORD:
        buf_fmt(to, "integer, or string of %llu..%llu bytes", min, max);
        break;
    case FT_WAY:
        buf_fmt(to, "`\"sent\"` or `\"received\"`");
        break;
    case FT_STRINGS:
        buf_fmt(to, "list of at most %llu strings, each at most 256 bytes", max);
        break;
    case FT_UINTS:
        buf_fmt(to, "list of at most %llu integers", max);
        break;
    case FT_BOOL:
        buf_fmt(to, "true or false");
        break;
    case FT_APP_KIND:
        buf_fmt(to, "`\"marketplace\"`, `\"private\"` or `\"built-in\"`");
        break;
    case FT_N:
        break;
    }
}

static void put_fields(struct buf *to)
{
    buf_fmt(to, "| fields of | field | | value | meaning |\n|---|---|---|---|---|\n");
    for (unsigned f = 0; f < F_N; f++) {
        const struct field_row *row = &field_rows[f];
        buf_fmt(to, "| %s | `%s` | %s | ", group_title(row->group), row->key.p,
                row->required ? "required" : "");
        put_field_type(to, row);
        buf_fmt(to, " | %s |\n", row->text);
    }
}

static void put_compact(struct buf *to)
{
    buf_fmt(to, "| fields | elements 4, 5, ... |\n|---|---|\n");
    for (unsigned g = GROUP_API; g < GROUP_COMMON; g++) {
        struct field_slots slots = field_slots_of((enum event_group)g);
        buf_fmt(to, "| %s | ", group_title((enum event_group)g));
        for (uint32_t i = 0; i < slots.n; i++)
            buf_fmt(to, "%s`%s`", i == 0 ? "" : ", ", field_rows[slots.field[i]].key.p);
        buf_fmt(to, " |\n");
    }
}

static void put_object_types(struct buf *to)
{
    bool first = true;
    for (object_type_id n = 0; n < 1000; n++) {
        char buf[32];
        struct str name = object_type_text(n << 2, (struct str){0}, buf);
        if (name.p[0] == '0')
            continue;
        buf_fmt(to, "%s`0-%u` %.*s", first ? "" : " · ", (unsigned)n, (int)name.n, name.p);
        first = false;
    }
    buf_fmt(to, "\n");
}

static void put_methods(struct buf *to)
{
    for (unsigned m = METHOD_GET; m < METHOD_N; m++)
        buf_fmt(to, "%s%u `%s`", m == METHOD_GET ? "" : " · ", m, http_method_name(m));
    buf_fmt(to, "\n");
}

static void put_limits(struct buf *to)
{
    const struct frame_limits *l = &frame_limits_default;
    buf_fmt(to, "| limit | default |\n|---|---|\n");
    buf_fmt(to, "| events in a batch | %u |\n", l->batch_events_max);
    buf_fmt(to, "| bytes of an event, as it was sent | %u |\n", l->event_bytes_max);
    buf_fmt(to, "| bytes of a string | %u |\n", l->string_bytes_max);
    buf_fmt(to, "| items of a list in an event | %u |\n", l->scopes_max);
    buf_fmt(to, "| nesting of maps and arrays, the outermost counted | %u |\n", l->depth_max);
    buf_fmt(to, "| maps and arrays in a frame | %u |\n", containers_max(l));
    buf_fmt(to, "| fields of an event | %d |\n", EVENT_PAIRS_MAX);
    buf_fmt(to, "| rejected events listed in an ack | %d |\n", ACK_REJECTED_MAX);
    buf_fmt(to, "| parameters of a request | %d |\n", REQUEST_PARAMS_MAX);
    buf_fmt(to, "| values of a parameter | %d |\n", REQUEST_VALUES_MAX);
}

static const struct {
    const char *name;
    void (*put)(struct buf *to);
} tables[] = {
    {"codes", put_codes},     {"kinds", put_kinds},     {"fields", put_fields},
    {"compact", put_compact}, {"methods", put_methods}, {"object types", put_object_types},
    {"limits", put_limits},
};

static void read_readme(struct buf *to)
{
    uint8_t chunk[4096];
    FILE *f = fopen(README, "re");
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(to, chunk, n);
    (void)fclose(f); /* it was only read */
    buf_u8(to, 0);
    to->n--;
}

/* The text with the table of that name replaced by what the def files say. */
static void replace_table(struct buf *text, size_t i)
{
    char head[64];
    struct buf to = buf_of(1 << 20);
    text_fmt(head, sizeof head, "<!-- table: %s -->\n", tables[i].name);
    char *from = strstr((char *)text->p, head);
    if (from == NULL)
        fail_msg("%s has no table \"%s\"", README, tables[i].name);
    from += strlen(head);
    char *end = strstr(from, "<!-- end -->");
    assert_non_null(end);
    buf_put(&to, text->p, (size_t)(from - (char *)text->p));
    tables[i].put(&to);
    buf_put(&to, end, strlen(end) + 1);
    to.n--;
    assert_false(to.bad);
    buf_fini(text);
    *text = to;
}

static void test_tables_of_the_readme(void **state)
{
    (void)state;
    struct buf is = buf_of(1 << 20);
    struct buf should = buf_of(1 << 20);
    read_readme(&is);
    read_readme(&should);
    for (size_t i = 0; i < N_OF(tables); i++)
        replace_table(&should, i);
    if (getenv("README_WRITE") != NULL) {
        FILE *f = fopen(README, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(should.p, 1, should.n, f), should.n);
        assert_int_equal(fclose(f), 0);
    } else {
        assert_string_equal((const char *)is.p, (const char *)should.p);
    }
    buf_fini(&is);
    buf_fini(&should);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables_of_the_readme)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
