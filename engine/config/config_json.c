/* The JSON file: one object, names to strings, integers or truth values. The one file here that
 * knows jansson.
 *
 * jansson keeps no line of a value, but it keeps the order of an object's members. So the text,
 * known to be valid by then, is walked once more and the n-th member gets the line on which the
 * n-th name stands. */
#include "engine/base/check.h"
#include "engine/config/assign.h"

#include <jansson.h>

#include <errno.h>
#include <stdlib.h>

#define FILE_BYTES_MAX ((size_t)1 << 20)

/* Whole file into *text (owned by the caller; also on failure, then maybe NULL). */
static bool file_read(const char *path, char **text, size_t *n, struct config_report *r)
{
    *text = NULL;
    *n = 0;
    FILE *f = fopen(path, "re");
    char *p = f != NULL ? malloc(FILE_BYTES_MAX + 1) : NULL;
    if (p != NULL) {
        errno = 0;
        *n = fread(p, 1, FILE_BYTES_MAX + 1, f);
    }
    bool ok = p != NULL && !ferror(f);
    if (!ok)
        report_add(r, CONFIG_EXIT_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
    if (ok && *n > FILE_BYTES_MAX) {
        report_add(r, CONFIG_EXIT_CONFIG, "%s: longer than the %zu bytes a configuration may have",
                   path, FILE_BYTES_MAX);
        ok = false;
    }
    if (f != NULL)
        (void)fclose(f); /* it was only read */
    *text = p;
    return ok;
}

/* Walks valid JSON text and stops at the names of the outermost object's members. */
struct walk {
    const char *p;
    const char *end;
    uint32_t line;
    uint32_t depth;
    bool name_next; /* the next string at depth 1 is a name */
};

static void skip_string(struct walk *w)
{
    for (w->p++; w->p < w->end && *w->p != '"'; w->p++)
        w->p += *w->p == '\\';
    w->p++;
}

/* The line of the next member's name; 0 at the end. */
static uint32_t next_name_line(struct walk *w)
{
    while (w->p < w->end) {
        char c = *w->p;
        if (c == '"') {
            bool is_name = w->depth == 1 && w->name_next;
            skip_string(w);
            w->name_next = false;
            if (is_name)
                return w->line;
            continue;
        }
        w->line += c == '\n';
        w->depth += c == '{' || c == '[';
        w->depth -= c == '}' || c == ']';
        if (c == ',' || c == '{')
            w->name_next = true;
        w->p++;
    }
    return 0;
}

static const char *kind_of(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a number";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a truth value";
    case JSON_NULL:
        return "null";
    }
    return "nothing known";
}

/* The value as the text that the other places would give; p == NULL: not of the option's type. */
static struct str value_text(const json_t *v, enum option_type type, char *buf, size_t cap)
{
    if (json_is_string(v))
        return (struct str){json_string_value(v), json_string_length(v)};
    if (json_is_integer(v) && type == OPTION_UINT)
        return (struct str){buf,
                            text_fmt(buf, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(v))};
    if (json_is_boolean(v) && type == OPTION_BOOL)
        return json_is_true(v) ? STR("true") : STR("false");
    return (struct str){NULL, 0};
}

static void member(const struct assign *a, const char *name, const json_t *v)
{
    char buf[32], allowed[256], where[CONFIG_TEXT_MAX + 32];
    enum option_id id = option_find(str_of(name));
    if (id == OPTION_N) {
        assign_named(a, str_of(name), STR(""));
        return;
    }
    struct str text = value_text(v, option_row(id)->type, buf, sizeof(buf));
    if (text.p != NULL) {
        assign_named(a, str_of(name), text);
        return;
    }
    option_allowed(id, allowed, sizeof(allowed));
    assign_where(a->config, a->origin, where, sizeof(where));
    report_add(a->report, CONFIG_EXIT_CONFIG,
               "%s: %s: %s is not a value of this option; allowed: %s", where, option_row(id)->name,
               kind_of(v), allowed);
}

static void members(json_t *root, struct str text, struct config *c, struct config_report *r)
{
    struct walk w = {.p = text.p, .end = text.p + text.n, .line = 1};
    for (void *it = json_object_iter(root); it != NULL; it = json_object_iter_next(root, it)) {
        struct assign a = {c, r, {FROM_FILE, next_name_line(&w)}};
        member(&a, json_object_iter_key(it), json_object_iter_value(it));
    }
}

void config_json_read(struct config *c, struct config_report *r)
{
    char *text;
    size_t n;
    json_t *root = NULL;
    json_error_t fault;
    if (!file_read(c->file, &text, &n, r))
        goto out;
    root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL) {
        report_add(r, CONFIG_EXIT_CONFIG, "%s:%d: not JSON: %s", c->file, fault.line, fault.text);
        goto out;
    }
    if (!json_is_object(root)) {
        report_add(r, CONFIG_EXIT_CONFIG, "%s:1: %s instead of one object {\"option\": value, ...}",
                   c->file, kind_of(root));
        goto out;
    }
    members(root, (struct str){text, n}, c, r);
out:
    json_decref(root);
    free(text);
}
