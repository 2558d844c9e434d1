/* Native events, one JSON object a line: what `daybook query --ndjson` and any publisher can write.
 * A line travels as it is, so the engine judges the very bytes; only a moved time is written anew.
 */
#include "collectors/import_format.h"

static bool fill_number(json_t *event, const char *key, bool has, uint64_t value)
{
    return has && json_object_get(event, key) == NULL &&
           json_object_set_new(event, key, json_integer((json_int_t)value)) == 0;
}

/* Put in what the options have and the event lacks. False: the line can travel as it is. */
static bool fill(const struct importer *im, json_t *event)
{
    const struct import_options *o = im->o;
    bool changed = fill_number(event, "account", o->has_account, o->account);
    changed |= fill_number(event, "app", o->has_app, o->app);
    return fill_number(event, "time", o->received_ms > 0, (uint64_t)o->received_ms) || changed;
}

static enum import_step ndjson_next(struct importer *im)
{
    struct str line;
    do {
        if (!import_line(im, &line))
            return STEP_END;
        while (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
            line = (struct str){line.p + 1, line.n - 1};
        while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
            line.n--;
    } while (line.n == 0);
    if (line.n > IMPORT_LINE_BYTES_MAX)
        return import_skip(im, IR_TOO_LONG, (struct str){line.p, 40});
    if (!text_is_utf8(line.p, line.n))
        return import_skip(im, IR_NOT_UTF8, line);
    json_error_t e;
    json_t *object = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (object == NULL)
        return import_skip(im, IR_NOT_JSON, str_of(e.text));
    if (!json_is_object(object)) {
        json_decref(object);
        return import_skip(im, IR_NOT_OBJECT, line);
    }
    im->raw = line;
    if (fill(im, object))
        im->native = object;
    else
        json_decref(object);
    return STEP_EVENT;
}

const struct import_format import_ndjson = {
    .name = "ndjson",
    .summary = "native events, one JSON object a line",
    .help = "One event a line, in the form that schemas/README.md describes:\n"
            "  {\"type\":\"api.call\",\"account\":7,\"app\":42,\"time\":\"2026-11-23T09:00:00Z\","
            "\"method\":\"GET\",\"status\":200}\n"

            "Blank lines are left out; --account and --app fill lines that lack them.",
    .next = ndjson_next,
};
