/* Daybook itself, as the others are measured: the same batches over tcp loopback, numbered, each
 * acknowledged when it is on the disk and counted; then until a checkpoint covers the last event.
 * where: DAYBOOKD:DIR. Every account is asked for; of a million accounts every hundredth. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "bench/ask.h"
#include "bench/daemon.h"
#include "bench/publisher.h"
#include "bench/report.h"
#include "bench/rivals/rival.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "schemas/event.h"

#define SAMPLED_ABOVE 100000 /* accounts */
#define ONE_IN        100

/* One daemon a program. */
static struct {
    struct daemon daemon;
    char binary[512];
    void *zmq;
    struct ask ask;
    uint32_t accounts, one_in;
} engine = {.one_in = 1};

static void must(enum status st, const char *what)
{
    if (st != ST_OK)
        rival_die("%s: %s (%s)", what, status_row(st)->text, engine.daemon.log_path);
}

static void prepare(const char *where)
{
    text_fmt(engine.binary, sizeof engine.binary, "%.*s", (int)strcspn(where, ":"), where);
    engine.daemon.binary = engine.binary;
    engine.daemon.dir = where + strcspn(where, ":") + 1;
    engine.zmq = zmq_ctx_new();
    daemon_wipe(&engine.daemon);
    must(daemon_start(&engine.daemon), "daybookd");
    must(ask_open(&engine.ask, engine.zmq, engine.daemon.query), "query socket");
}

static void whole(struct rival_run *run)
{
    struct publisher *p = calloc(1, sizeof *p);
    struct engine_status s;
    CHECK(p);
    const struct publisher_options o = {.zmq = engine.zmq,
                                        .endpoint = engine.daemon.ingest,
                                        .workload = run->workload,
                                        .window = PUBLISHER_WINDOW,
                                        .now_ms = run->now_ms};
    uint64_t start = clock_mono_ns();
    must(publisher_open(p, &o), p->why);
    must(publisher_run(p, run->batches, 0, 0), p->why);
    run->acked_s = (double)(p->last_ack_ns - start) / 1e9;
    must(ask_until_covered(&engine.ask, &s), "checkpoint");
    report_latency("  ack latency, window of 1,024 full", "-", &p->latency);
    publisher_close(p);
    free(p);
    engine.accounts = workload_accounts(run->workload);
    engine.one_in = engine.accounts > SAMPLED_ABOVE ? ONE_IN : 1;
    rival_sample(engine.one_in);
}

static uint64_t number(const json_t *row, const char *column)
{
    return (uint64_t)json_integer_value(json_object_get(row, column));
}

static void have_row(uint64_t account, const json_t *row, bool records)
{
    int32_t day = 0;
    object_type_id type = 0;
    unsigned kind = EV_API_CALL;
    must(day_parse(str_of(json_string_value(json_object_get(row, "day"))), &day), "a day");
    if (records) {
        char name[64];
        const char *action = json_string_value(json_object_get(row, "action"));
        must(object_type_parse(str_of(json_string_value(json_object_get(row, "object_type"))),
                               &type),
             "an object type");
        text_fmt(name, sizeof name, "record.%s", action);
        kind = event_kind_of(str_of(name));
    }
    rival_have(rival_key(account, number(row, "app"), (uint64_t)day, kind, type >> 2),
               number(row, records ? "count" : "calls"));
}

static void dump_view(uint64_t account, bool records)
{
    char question[512], cursor[300] = "";
    do {
        json_t *answer = NULL, *row;
        size_t i;
        text_fmt(question, sizeof question,
                 "{\"view\": \"%s\", \"account\": %llu, %s\"limit\": 10000%s%s%s}",
                 records ? "records" : "api_usage", (unsigned long long)account,
                 records ? "" : "\"kind\": \"all\", ", *cursor ? ", \"cursor\": \"" : "", cursor,
                 *cursor ? "\"" : "");
        must(ask_json(&engine.ask, question, &answer), question);
        const json_t *rows = json_object_get(json_object_get(answer, "data"), "rows");
        json_array_foreach(rows, i, row) have_row(account, row, records);
        const char *next = json_string_value(json_object_get(answer, "cursor"));
        text_fmt(cursor, sizeof cursor, "%s", next ? next : "");
        json_decref(answer);
    } while (*cursor);
}

static void dump(const char *where)
{
    (void)where;
    for (uint64_t account = 1; account <= engine.accounts; account++) {
        if (account % engine.one_in != 0)
            continue;
        dump_view(account, false);
        dump_view(account, true);
    }
    ask_close(&engine.ask);
    zmq_ctx_term(engine.zmq);
    (void)daemon_end(&engine.daemon, SIGTERM);
}

const struct rival rival_this = {
    .name = "daybook", .prepare = prepare, .whole = whole, .dump = dump};
