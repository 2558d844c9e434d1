/* A recording in JSON is a sequence of values: one payload, an array of payloads, or one value a
 * line. Each value is parsed whole; after a fault reading goes on at the next line that begins with
 * a bracket in its first column, so that one bad value costs itself and not the rest of the file.
 */
#include "collectors/import_format.h"

static void count_lines(struct importer *im, const char *to)
{
    while (im->at < to) {
        const char *nl = memchr(im->at, '\n', (size_t)(to - im->at));
        if (nl == NULL)
            break;
        im->line++;
        im->at = nl + 1;
    }
    im->at = to;
}

static void resync(struct importer *im)
{
    while (im->at < im->end) {
        const char *nl = memchr(im->at, '\n', (size_t)(im->end - im->at));
        count_lines(im, nl == NULL ? im->end : nl + 1);
        if (im->at < im->end && (im->at[0] == '{' || im->at[0] == '['))
            return;
    }
}

static bool skip_blank(struct importer *im)
{
    const char *p = im->at;
    while (p < im->end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    count_lines(im, p);
    return im->at < im->end;
}

static enum import_step next_value(struct importer *im)
{
    if (!skip_blank(im))
        return STEP_END;
    im->item_line = im->line;
    size_t left = (size_t)(im->end - im->at);
    if (left > IMPORT_VALUE_BYTES_MAX)
        left = IMPORT_VALUE_BYTES_MAX;
    json_error_t e;
    json_t *root = json_loadb(im->at, left, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &e);
    if (root == NULL) {
        bool cut = left == IMPORT_VALUE_BYTES_MAX && (size_t)e.position >= left - 1;
        char what[160];
        text_fmt(what, sizeof what, "line %u: %s",
                 (unsigned)(im->line - 1 + (e.line > 0 ? (uint64_t)e.line : 1)), e.text);
        resync(im);
        return import_skip(im, cut ? IR_TOO_LONG : IR_NOT_JSON, str_of(what));
    }
    count_lines(im, im->at + e.position);
    im->json.root = root;
    im->json.i = 0;
    return STEP_EVENT;
}

enum import_step payload_item(struct importer *im, json_t **out)
{
    for (;;) {
        if (json_is_array(im->json.root) && im->json.i < json_array_size(im->json.root)) {
            json_t *item = json_array_get(im->json.root, im->json.i++);
            if (!json_is_object(item))
                return import_skip(im, IR_NOT_OBJECT, (struct str){0});
            *out = item;
            return STEP_EVENT;
        }
        json_decref(im->json.root);
        im->json.root = NULL;
        enum import_step step = next_value(im);
        if (step != STEP_EVENT)
            return step;
        if (json_is_object(im->json.root)) {
            *out = im->json.root;
            return STEP_EVENT;
        }
    }
}

struct str payload_as_text(const json_t *value)
{
    if (!json_is_string(value))
        return (struct str){0};
    return (struct str){json_string_value(value), json_string_length(value)};
}

bool payload_u64(const json_t *object, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(object, key);
    uint64_t n;
    if (json_is_integer(v)) {
        if (json_integer_value(v) < 0)
            return false;
        n = (uint64_t)json_integer_value(v);
    } else if (text_u64(payload_as_text(v), &n) != ST_OK) {
        return false;
    }
    if (n > WIRE_INT_MAX)
        return false;
    *out = n;
    return true;
}

bool payload_text(const json_t *object, const char *key, struct str *out)
{
    struct str s = payload_as_text(json_object_get(object, key));
    if (s.n == 0)
        return false;
    *out = s;
    return true;
}
