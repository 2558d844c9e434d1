/* Ask the engine for a view: parameters as key=value, one page after the other. */
#ifndef CLIENTS_DAYBOOK_ASK_H
#define CLIENTS_DAYBOOK_ASK_H

#include <jansson.h>

#include "clients/daybook/command.h"
#include "schemas/query_table.h"

struct ask {
    struct cli *cli;
    struct daybook_query *q; /* owned */
    json_t *request;         /* owned: view and parameters */
    enum query_view_id view; /* VIEW_N: not one that this program knows */
    int timeout_ms;
};

/* Open a handle on the endpoint. Returns 0 or an exit code, after a message. */
int ask_open(struct ask *a, struct cli *cli, const char *endpoint, int timeout_ms);
void ask_close(struct ask *a);

/* Begin a request for a view. */
int ask_view(struct ask *a, const char *view);

/* Add "key=value" or "key=v1,v2"; refuses, with the nearest name, what the view's table lacks. */
int ask_param(struct ask *a, const char *pair);
int ask_set(struct ask *a, const char *key, const char *value); /* as it is */
int ask_set_number(struct ask *a, const char *key, uint64_t value);

/* Ask. On 0 *answer is owned by the caller; otherwise a message was written. */
int ask_answer(struct ask *a, json_t **answer);

/* The rows of an answer (borrowed); NULL: it has none. */
json_t *ask_rows(const json_t *answer);

/* Move the request to the page after answer. False: that was the last. */
bool ask_next_page(struct ask *a, const json_t *answer);

#endif
