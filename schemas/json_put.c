/* Writing indented JSON. */
#include "schemas/json_put.h"

void json_put(struct json *j, const char *text)
{
    buf_put(j->to, text, strlen(text));
}

void json_quote(struct json *j, struct str s)
{
    json_put(j, "\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            json_put(j, "\\");
        if (s.p[i] == '\n')
            json_put(j, "\\n");
        else
            buf_put(j->to, s.p + i, 1);
    }
    json_put(j, "\"");
}

void json_next(struct json *j)
{
    if (!j->first)
        json_put(j, ",");
    json_put(j, "\n");
    for (unsigned i = 0; i < j->depth; i++)
        json_put(j, "  ");
    j->first = false;
}

void json_key(struct json *j, const char *name)
{
    json_next(j);
    json_quote(j, str_of(name));
    json_put(j, ": ");
}

static void begin(struct json *j, const char *bracket)
{
    json_put(j, bracket);
    j->depth++;
    j->first = true;
}

static void end(struct json *j, const char *bracket)
{
    j->depth--;
    j->first = true;
    json_next(j);
    json_put(j, bracket);
}

void json_open(struct json *j, const char *name)
{
    if (name)
        json_key(j, name);
    begin(j, "{");
}

void json_open_item(struct json *j)
{
    json_next(j);
    begin(j, "{");
}

void json_shut(struct json *j)
{
    end(j, "}");
}

void json_open_list(struct json *j, const char *name)
{
    json_key(j, name);
    begin(j, "[");
}

void json_shut_list(struct json *j)
{
    end(j, "]");
}

void json_pair(struct json *j, const char *name, const char *text)
{
    json_key(j, name);
    json_quote(j, str_of(text));
}

void json_raw(struct json *j, const char *name, const char *json)
{
    json_key(j, name);
    json_put(j, json);
}

void json_number(struct json *j, const char *name, uint64_t n)
{
    char text[24];
    text_fmt(text, sizeof(text), "%llu", (unsigned long long)n);
    json_raw(j, name, text);
}
