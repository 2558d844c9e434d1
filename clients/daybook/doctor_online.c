/* The doctor at a running engine: its own counters, and the sums of every account and day. */
#include <inttypes.h>
#include <string.h>

#include "clients/daybook/ask.h"
#include "clients/daybook/doctor.h"

static uint64_t number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? (uint64_t)json_integer_value(v) : 0;
}

/* A number, or the sum of a map of numbers. */
static uint64_t number_or_sum(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    const char *name;
    json_t *item;
    uint64_t sum = 0;
    if (!json_is_object(v))
        return number(o, key);
    json_object_foreach((json_t *)v, name, item) sum += (uint64_t)json_integer_value(item);
    return sum;
}

static void check_counts(struct doctor *d, const char *name, const json_t *o)
{
    uint64_t received = number(o, "received");
    uint64_t accepted = number(o, "accepted");
    uint64_t duplicate = number(o, "duplicate");
    uint64_t rejected = number_or_sum(o, "rejected");
    doctor_check(d, received == accepted + duplicate + rejected ? DOCTOR_OK : DOCTOR_FAULT, name,
                 "received %" PRIu64 " = accepted %" PRIu64 " + duplicate %" PRIu64
                 " + rejected %" PRIu64,
                 received, accepted, duplicate, rejected);
}

static void check_flag(struct doctor *d, const json_t *status, const char *key, const char *bad,
                       const char *good)
{
    bool is = json_is_true(json_object_get(status, key));
    doctor_check(d, is ? DOCTOR_FAULT : DOCTOR_OK, key, "%s", is ? bad : good);
}

static void check_status(struct doctor *d, const json_t *s)
{
    const char *version = json_string_value(json_object_get(s, "version"));
    doctor_check(d, DOCTOR_OK, "engine", "version %s, up %" PRIu64 " s, log position %" PRIu64,
                 version != NULL ? version : "?", number(s, "uptime_ms") / 1000,
                 number(s, "journal_position"));
    if (version != NULL && strcmp(version, DAYBOOK_VERSION) != 0)
        doctor_check(d, DOCTOR_FAULT, "versions", "the engine is %s, this program %s", version,
                     DAYBOOK_VERSION);
    check_flag(d, s, "degraded", "a write failed for good: restart it after mending the disk",
               "writes work");
    check_flag(d, s, "clock_suspect", "the wall clock jumped: set it right; batches are refused",
               "the clock is trusted");
    uint64_t missed = number(s, "missed_edges");
    doctor_check(d, missed == 0 ? DOCTOR_OK : DOCTOR_FAULT, "sockets",
                 "%" PRIu64 " missed edges; must be 0", missed);
    check_counts(d, "every event", s);
    const json_t *days = json_object_get(s, "days");
    size_t i;
    json_t *day;
    json_array_foreach(days, i, day)
    {
        char name[40];
        const char *text = json_string_value(json_object_get(day, "day"));
        text_fmt(name, sizeof name, "received %s", text != NULL ? text : "?");
        check_counts(d, name, day);
    }
}

struct sums {
    uint64_t rows, faults, total, calls;
};

static void check_row(struct doctor *d, struct sums *s, const json_t *row)
{
    s->rows++;
    s->total += number(row, "total");
    s->calls += number(row, "calls");
    bool well = number(row, "total") == number(row, "by_app") &&
                number(row, "total") == number(row, "by_type") &&
                number(row, "total") == number(row, "by_action") &&
                number(row, "calls") == number(row, "calls_by_app") &&
                json_is_true(json_object_get(row, "ok"));
    if (well)
        return;
    if (s->faults++ < 10) {
        const char *day = json_string_value(json_object_get(row, "day"));
        doctor_check(d, DOCTOR_FAULT, "conservation",
                     "account %" PRIu64 " on %s: total %" PRIu64 ", by app %" PRIu64
                     ", by type %" PRIu64 ", by action %" PRIu64 "; calls %" PRIu64
                     ", by app %" PRIu64,
                     number(row, "account"), day != NULL ? day : "?", number(row, "total"),
                     number(row, "by_app"), number(row, "by_type"), number(row, "by_action"),
                     number(row, "calls"), number(row, "calls_by_app"));
    }
}

static int check_conservation(struct doctor *d, struct ask *a, uint64_t unsaved)
{
    struct sums s = {0};
    int code = ask_view(a, "conservation");
    bool more = true;
    while (code == 0 && more && !*d->cli->stop) {
        json_t *answer;
        code = ask_answer(a, &answer);
        if (code != 0)
            break;
        size_t i;
        json_t *row;
        json_array_foreach(ask_rows(answer), i, row) check_row(d, &s, row);
        more = ask_next_page(a, answer);
        json_decref(answer);
    }
    if (code == 0 && s.faults > 10)
        doctor_check(d, DOCTOR_FAULT, "conservation", "and %" PRIu64 " more", s.faults - 10);
    if (code == 0 && s.faults == 0 && s.rows == 0 && unsaved > 0)
        doctor_check(d, DOCTOR_SKIPPED, "conservation",
                     "%" PRIu64 " events wait for the first checkpoint; ask again in some seconds",
                     unsaved);
    else if (code == 0 && s.faults == 0)
        doctor_check(d, DOCTOR_OK, "conservation",
                     "%" PRIu64 " days of accounts: %" PRIu64 " record events and %" PRIu64
                     " calls, equal by app, type and action",
                     s.rows, s.total, s.calls);
    return code;
}

int doctor_online(struct doctor *d, const char *endpoint, int timeout_ms)
{
    struct ask a;
    json_t *answer = NULL;
    int code = ask_open(&a, d->cli, endpoint, timeout_ms);
    if (code == 0)
        code = ask_view(&a, "status");
    if (code == 0)
        code = ask_answer(&a, &answer);
    if (code == 0) {
        const json_t *status = json_object_get(answer, "data");
        check_status(d, status);
        code = check_conservation(d, &a, number(status, "events_unsaved"));
    }
    json_decref(answer);
    ask_close(&a);
    return code;
}
