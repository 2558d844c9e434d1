#include "bench/ask.h"

#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "bench/report.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define ANSWER_MS         30000
#define LOOK_EVERY_US     5000
#define COVER_DEADLINE_NS UINT64_C(120000000000)

enum status ask_open(struct ask *a, void *zmq, const char *endpoint)
{
    int linger = 0, wait_ms = ANSWER_MS;
    a->socket = zmq_socket(zmq, ZMQ_DEALER);
    if (a->socket && zmq_setsockopt(a->socket, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
        zmq_setsockopt(a->socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms) == 0 &&
        zmq_connect(a->socket, endpoint) == 0)
        return ST_OK;
    ask_close(a);
    return ST_IO_ERROR;
}

void ask_close(struct ask *a)
{
    if (a->socket)
        zmq_close(a->socket);
    a->socket = NULL;
}

static enum status ask_raw(struct ask *a, const char *question, zmq_msg_t *answer)
{
    if (zmq_send(a->socket, question, strlen(question), 0) < 0)
        return ST_IO_ERROR;
    return zmq_msg_recv(answer, a->socket, 0) < 0 ? ST_AGAIN : ST_OK;
}

enum status ask_json(struct ask *a, const char *question, json_t **answer)
{
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    enum status st = ask_raw(a, question, &msg);
    json_t *root = NULL;
    if (st == ST_OK)
        root = json_loadb(zmq_msg_data(&msg), zmq_msg_size(&msg), 0, NULL);
    if (st == ST_OK && !json_is_true(json_object_get(root, "ok"))) {
        report_note("%s -> %.*s", question, (int)zmq_msg_size(&msg), (char *)zmq_msg_data(&msg));
        json_decref(root);
        root = NULL;
        st = ST_BAD_PARAMETER;
    }
    zmq_msg_close(&msg);
    if (st == ST_OK)
        *answer = root;
    return st;
}

enum status ask_timed(struct ask *a, const char *question, struct histogram *h)
{
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    uint64_t start = clock_mono_ns();
    enum status st = ask_raw(a, question, &msg);
    if (st == ST_OK)
        histogram_add(h, clock_mono_ns() - start);
    zmq_msg_close(&msg);
    return st;
}

static uint64_t number(const json_t *o, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

static bool is(const json_t *o, const char *key, const char *value)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s && strcmp(s, value) == 0;
}

static void read_stores(const json_t *data, struct engine_status *out)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(data, "stores"), i, row)
    {
        out->file_bytes += number(row, "file_bytes");
        if (is(row, "store", "days")) {
            out->days_file_bytes = number(row, "file_bytes");
            out->days_used_bytes = number(row, "used_bytes");
        }
    }
    json_array_foreach(json_object_get(data, "tables"), i, row)
    {
        if (is(row, "table", "sheet")) {
            out->sheet_entries = number(row, "entries");
            out->sheet_bytes = number(row, "leaf_bytes") + number(row, "branch_bytes") +
                               number(row, "overflow_bytes");
        }
    }
}

enum status ask_status(struct ask *a, struct engine_status *out)
{
    json_t *answer = NULL;
    enum status st = ask_json(a, "{\"view\": \"status\"}", &answer);
    if (st != ST_OK)
        return st;
    const json_t *data = json_object_get(answer, "data");
    *out = (struct engine_status){
        .journal_position = number(data, "journal_position"),
        .checkpoint_position = number(data, "checkpoint_position"),
        .checkpoints = number(data, "checkpoints"),
        .journal_bytes = number(data, "journal_bytes"),
        .accepted = number(data, "accepted"),
        .duplicate = number(data, "duplicate"),
        .received = number(data, "received"),
        .pending_bytes = number(data, "pending_bytes"),
        .commit_p50_us = number(data, "commit_p50_us"),
        .commit_p99_us = number(data, "commit_p99_us"),
        .merge_p50_us = number(data, "merge_p50_us"),
        .merge_p99_us = number(data, "merge_p99_us"),
    };
    read_stores(data, out);
    json_decref(answer);
    return ST_OK;
}

enum status ask_until_covered(struct ask *a, struct engine_status *out)
{
    uint64_t start = clock_mono_ns();
    enum status st = ask_status(a, out);
    uint64_t wanted = out->journal_position;
    while (st == ST_OK && out->checkpoint_position < wanted) {
        if (clock_mono_ns() - start > COVER_DEADLINE_NS)
            return ST_AGAIN;
        usleep(LOOK_EVERY_US);
        st = ask_status(a, out);
    }
    return st;
}
