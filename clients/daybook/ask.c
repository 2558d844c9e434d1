/* One request of the query socket, in JSON: the engine reads every parameter given as text, too, so
 * nothing has to be guessed here. */
#include "clients/daybook/ask.h"

#include <stdlib.h>
#include <string.h>

int ask_open(struct ask *a, struct cli *cli, const char *endpoint, int timeout_ms)
{
    *a = (struct ask){.cli = cli, .view = VIEW_N, .timeout_ms = timeout_ms};
    struct daybook_query_options o = {.endpoint = endpoint};
    struct daybook_error e;
    enum daybook_status st = daybook_query_open(&o, &a->q, &e);
    if (st != DAYBOOK_OK)
        return command_fault(cli, command_code(st), "%s: %s", endpoint, e.text);
    return 0;
}

void ask_close(struct ask *a)
{
    daybook_query_close(&a->q);
    json_decref(a->request);
    a->request = NULL;
}

int ask_view(struct ask *a, const char *view)
{
    json_decref(a->request);
    a->request = json_pack("{s:s}", "view", view);
    a->view = query_view_find(str_of(view));
    if (a->request == NULL)
        return command_fault(a->cli, EX_OSERR, "out of memory");
    return 0;
}

int ask_set(struct ask *a, const char *key, const char *value)
{
    if (json_object_set_new(a->request, key, json_string(value)) != 0)
        return command_fault(a->cli, EX_USAGE, "%s=%s: not UTF-8", key, value);
    return 0;
}

int ask_set_number(struct ask *a, const char *key, uint64_t value)
{
    if (json_object_set_new(a->request, key, json_integer((json_int_t)value)) != 0)
        return command_fault(a->cli, EX_OSERR, "out of memory");
    return 0;
}

/* "1,2,3" as an array of texts. */
static json_t *split(const char *value)
{
    json_t *list = json_array();
    for (const char *p = value;; p++) {
        size_t n = strcspn(p, ",");
        if (json_array_append_new(list, json_stringn(p, n)) != 0) {
            json_decref(list);
            return NULL;
        }
        p += n;
        if (*p == '\0')
            return list;
    }
}

static int unknown_param(struct ask *a, struct str name)
{
    const char *view = query_views[a->view].name;
    const char *near = query_param_nearest(a->view, name);
    if (near != NULL)
        return command_fault(a->cli, EX_USAGE, "%s has no parameter \"%.*s\"; did you mean \"%s\"?",
                             view, (int)name.n, name.p, near);
    return command_fault(a->cli, EX_USAGE,
                         "%s has no parameter \"%.*s\"; \"daybook query --help %s\" lists them",
                         view, (int)name.n, name.p, view);
}

int ask_param(struct ask *a, const char *pair)
{
    size_t key_n = strcspn(pair, "=");
    if (pair[key_n] != '=' || key_n == 0)
        return command_fault(a->cli, EX_USAGE, "\"%s\": a parameter is written key=value", pair);
    const char *value = pair + key_n + 1;
    bool many = strchr(value, ',') != NULL;
    if (a->view != VIEW_N) {
        enum query_param_id p = query_param_find(a->view, (struct str){pair, key_n});
        if (p == QUERY_PARAMS_N)
            return unknown_param(a, (struct str){pair, key_n});
        many = many && query_params[p].many;
    }
    char key[65];
    text_fmt(key, sizeof key, "%.*s", (int)key_n, pair);
    if (!many)
        return ask_set(a, key, value);
    json_t *list = split(value);
    if (list == NULL || json_object_set_new(a->request, key, list) != 0)
        return command_fault(a->cli, EX_USAGE, "%s: not UTF-8", pair);
    return 0;
}

int ask_answer(struct ask *a, json_t **out)
{
    char *text = json_dumps(a->request, JSON_COMPACT);
    if (text == NULL)
        return command_fault(a->cli, EX_OSERR, "out of memory");
    struct daybook_answer answer;
    enum daybook_status st = daybook_query(a->q, text, strlen(text), a->timeout_ms, &answer);
    free(text);
    if (st == DAYBOOK_TIMEOUT)
        return command_fault(a->cli, EX_UNAVAILABLE,
                             "no answer within %d ms; is daybookd running, and is this its query "
                             "socket? (--query, --timeout)",
                             a->timeout_ms);
    if (st != DAYBOOK_OK)
        return command_fault(a->cli, st == DAYBOOK_REFUSED ? EX_USAGE : command_code(st), "%s",
                             daybook_query_error(a->q));
    json_t *root = json_loadb(answer.bytes, answer.n, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return command_fault(a->cli, EX_DATAERR, "the answer is not a JSON object");
    }
    *out = root;
    return 0;
}

json_t *ask_rows(const json_t *answer)
{
    json_t *rows = json_object_get(json_object_get(answer, "data"), "rows");
    return json_is_array(rows) ? rows : NULL;
}

bool ask_next_page(struct ask *a, const json_t *answer)
{
    json_t *cursor = json_object_get(answer, "cursor");
    return json_is_string(cursor) && json_object_set(a->request, "cursor", cursor) == 0;
}
