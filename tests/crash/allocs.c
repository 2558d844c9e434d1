/* Every k-th allocation fails.
 *
 * jansson's own allocations do not fail here: 2.14 frees twice when they do.
 *
 *  - decoding a frame: the same as without, or "no memory"; nothing else, and nothing leaks
 *  - answering a query: the same rows, if on more pages, or a refusal; and the next one is as good
 * as ever; or an end of the process (CHECK), where memory of aggregators/ runs out
 *  - a life of an engine: the fold and the start end the process when there is no memory (CHECK),
 *    which is an end like any other: after a restart every batch counts once */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/query/query.h"
#include "tests/crash/alloc.h"
#include "tests/crash/life.h"

#define BATCHES        24
#define EVENTS         40
#define LIVES          120 /* the allocations that fail are spread over the life */
#define DEADLINE_S     60
#define QUESTION_BYTES 512
#define CURSOR_N       13 /* bytes between the rows and the cursor of an answer */
#define DONE           2  /* exit code: no allocation was left to fail */

static uint32_t runs, bad, aborts;

static void wrong(const char *what, uint32_t nth, const char *why)
{
    printf("%s, allocation %u: %s\n", what, nth, why);
    bad++;
}

/* ---- frames ---- */

static void decode_each(const char *what, struct str frame)
{
    static const struct frame_limits limits = {10000, 65536, 256, 8, 256};
    struct batch clean, b;
    struct arena a = {0}, clean_arena = {0};

    frame_decode(frame.p, frame.n, &limits, &clean_arena, &clean);
    for (uint32_t nth = 1;; nth++, runs++) {
        alloc_fail(nth);
        frame_decode(frame.p, frame.n, &limits, &a, &b);
        bool done = alloc_fail_end() < nth;
        if (b.status == clean.status
                ? b.n != clean.n || (b.n > 0 && memcmp(b.verdict, clean.verdict, b.n) != 0)
                : b.status != ST_NO_MEMORY)
            wrong(what, nth, status_row(b.status)->name);
        arena_fini(&a);
        if (done)
            break;
    }
    arena_fini(&clean_arena);
}

static const char msgpack_frame[] =
    "\x84\xa8producer\xa1p\xa5"
    "epoch\x01\xa3seq\x01\xa6"
    "events\x93"
    "\x98\x01\x07\x02\xcf\x00\x00\x01\x9a\xb3\xff\x30\x00\x01\xcc\xc8\x03\xc0"
    "\x98\x0b\x07\x02\xcf\x00\x00\x01\x9a\xb3\xff\x30\x00\xa8"
    "contacts\xc0\x03\xc0"
    "\x95\x14\x07\x02\xcf\x00\x00\x01\x9a\xb3\xff\x30\x00\x05";

static void frames(const struct life *l)
{
    decode_each("msgpack frame", (struct str){msgpack_frame, sizeof msgpack_frame - 1});
    decode_each("a frame cut short", (struct str){msgpack_frame, sizeof msgpack_frame / 2});
    decode_each("a broken frame", STR("{\"events\":[{\"type\":\"api.call\""));
    for (uint32_t k = 0; k < l->batches_n; k++)
        decode_each("JSON frame", str_of(l->batch[k].frame));
}

/* ---- queries ---- */

static void facts_status(void *arg, struct query_status *out)
{
    (void)arg;
    *out = (struct query_status){.version = "1"};
}

static enum status facts_rejected(void *arg, uint64_t before,
                                  bool (*fn)(void *to, const struct query_rejected *r), void *to)
{
    (void)arg, (void)before, (void)fn, (void)to;
    return ST_OK;
}

static void ask(const struct query_context *c, struct str text, struct buf *out)
{
    struct arena a = {0};
    struct request r;

    request_decode(text.p, text.n, &a, &r);
    query_answer(c, &r, out);
    arena_fini(&a);
}

/* Add the rows of an answer; where it ends early, *next is the question for the rest. */
static bool take_rows(const struct buf *answer, const char *question, struct buf *rows, char *next)
{
    if (answer->bad || answer->n == 0)
        return false;
    const char *from = memmem(answer->p, answer->n, "\"rows\":[", 8);
    const char *cursor = memmem(answer->p, answer->n, "]},\"cursor\":\"", CURSOR_N);
    const char *end = (const char *)answer->p + answer->n;

    if (from == NULL)
        return false;
    const char *last = cursor != NULL ? cursor : end - 3; /* ]}} */
    if (rows->n > 0 && last > from + 8)
        buf_put(rows, ",", 1);
    buf_put(rows, from + 8, (size_t)(last - from - 8));
    next[0] = '\0';
    if (cursor != NULL)
        text_fmt(next, QUESTION_BYTES, "%.*s,\"cursor\":\"%.*s}", (int)strlen(question) - 1,
                 question, (int)(end - cursor - CURSOR_N - 1), cursor + CURSOR_N);
    return true;
}

/* The first page with the nth allocation failing, the others without. False: there was a refusal.
 */
static bool all_rows(struct query_context *c, const char *question, uint32_t nth, struct buf *rows)
{
    struct buf out = buf_of(1 << 20);
    char next[QUESTION_BYTES];

    text_fmt(next, sizeof next, "%s", question);
    alloc_fail(nth);
    bool ok = true;
    for (uint32_t page = 0; ok && next[0] != '\0'; page++) {
        CHECK(page < 1000);
        ask(c, str_of(next), &out);
        if (page == 0 && alloc_fail_end() < nth)
            _exit(DONE);
        ok = take_rows(&out, question, rows, next);
        if (!ok && nth == 0)
            printf("%.*s\n", (int)out.n, out.n > 0 ? (const char *)out.p : "");
    }
    buf_fini(&out);
    return ok;
}

static bool query_once(struct query_context *c, const char *text, const struct buf *clean,
                       uint32_t nth)
{
    struct buf rows = buf_of(1 << 20), again = buf_of(1 << 20);

    if (all_rows(c, text, nth, &rows) &&
        (rows.n != clean->n || memcmp(rows.p, clean->p, rows.n) != 0))
        return false;
    return all_rows(c, text, 0, &again) && again.n == clean->n &&
           memcmp(again.p, clean->p, again.n) == 0;
}

/* Each in a process of its own: some allocations of aggregators/ end it. */
static void query_each(struct query_context *c, const char *text)
{
    struct buf clean = buf_of(1 << 20);
    int status = 0;

    if (!all_rows(c, text, 0, &clean)) {
        wrong(text, 0, "no answer");
        return;
    }
    query_free(&c->query);
    CHECK(query_new(&c->query) == ST_OK); /* without memory kept from before */
    for (uint32_t nth = 1; !WIFEXITED(status) || WEXITSTATUS(status) != DONE; nth++, runs++) {
        (void)fflush(stdout);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            CHECK(freopen("/dev/null", "w", stderr) != NULL);
            _exit(query_once(c, text, &clean, nth) ? 0 : 1);
        }
        CHECK(waitpid(child, &status, 0) == child);
        aborts += WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
        if (WIFEXITED(status) ? WEXITSTATUS(status) == 1 : WTERMSIG(status) != SIGABRT)
            wrong(text, nth, "another answer, or a crash");
    }
    buf_fini(&clean);
}

static void queries(struct life *l)
{
    static const char *const questions[] = {
        "{\"view\":\"api_usage\",\"account\":1}",
        "{\"view\":\"records\",\"account\":2,\"group_by\":[\"day\",\"app\",\"action\"]}",
        "{\"view\":\"activity\",\"account\":3}",
        "{\"view\":\"apps\",\"account\":4}",
        "{\"view\":\"distinct_records\",\"account\":5}",
        "{\"view\":\"schema\"}",
    };
    const struct query_source source = {.status = facts_status, .rejected = facts_rejected};
    struct engine e;
    char why[256];

    engine_new(&e);
    CHECK(life_start(&e, why) == ST_OK);
    for (uint32_t k = 0; k < l->batches_n; k++) {
        life_send(&e, &l->batch[k]);
        engine_settle(&e);
        if (k == l->batches_n / 2)
            engine_checkpoint(&e);
    }
    struct query_context c = {.days = e.days, .now_ms = clock_now().wall_ms, .source = &source};
    c.gens_n = ingest_generations(e.ingest, c.gens);
    CHECK(query_new(&c.query) == ST_OK);
    for (size_t i = 0; i < N_OF(questions); i++)
        query_each(&c, questions[i]);
    query_free(&c.query);
    engine_free(&e);
}

/* ---- lives ---- */

static void live(struct engine *e, struct life *l, bool *acked)
{
    char why[256];

    if (life_start(e, why) != ST_OK)
        return;
    for (uint32_t round = 0, left = 1; round < 100 && left > 0; round++) {
        left = 0;
        for (uint32_t k = 0; k < l->batches_n && left < 4; k++) {
            if (acked[k])
                continue;
            life_send(e, &l->batch[k]);
            left++;
        }
        engine_settle(e);
        for (uint32_t k = 0; k < l->batches_n; k++)
            acked[k] |= l->batch[k].acked;
        loop_turn(e->loop, 1);
    }
    engine_stop(e, true);
}

/* The allocations of a life when nth is 0. */
static int in_child(struct engine *e, struct life *l, bool *acked, uint32_t nth)
{
    int status = 0;
    (void)fflush(stdout);
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        (void)alarm(DEADLINE_S);
        CHECK(freopen("/dev/null", "w", stderr) != NULL);
        alloc_fail(nth);
        live(e, l, acked);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static bool is_told(int status)
{
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static uint32_t one_life(struct life *l, bool *acked, uint32_t nth)
{
    const struct life_state *want = &l->state[l->batches_n];
    struct engine e;
    char why[256] = "";
    uint32_t calls_n = 0;

    engine_new(&e);
    e.options.checkpoint_ms = 10;
    memset(acked, 0, l->batches_n * sizeof *acked);
    for (uint32_t k = 0; k < l->batches_n; k++)
        l->batch[k].acked = false;
    if (nth > 0 && !is_told(in_child(&e, l, acked, nth)))
        wrong("a life", nth, "neither an end nor an abort");
    for (uint32_t k = 0; k < l->batches_n; k++)
        l->batch[k].acked = acked[k];
    alloc_fail(0);
    live(&e, l, acked);
    calls_n = alloc_fail_end();
    bool ok = life_start(&e, why) == ST_OK && life_compare(&e, l, want, false, why);
    engine_stop(&e, true);
    if (!ok || !life_audit(&e, want, why))
        wrong("a life", nth, why);
    engine_free(&e);
    runs++;
    return calls_n;
}

static void lives(struct life *l)
{
    bool *acked = mmap(NULL, l->batches_n * sizeof *acked, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(acked != MAP_FAILED);
    uint32_t calls_n = one_life(l, acked, 0);
    printf("a life makes %u allocations\n", calls_n);
    for (uint32_t i = 1; i <= LIVES; i++)
        (void)one_life(l, acked, 1 + (uint32_t)((uint64_t)calls_n * (i - 1) / LIVES));
    CHECK(munmap(acked, l->batches_n * sizeof *acked) == 0);
}

int main(void)
{
    struct life l;

    life_use_memory();
    log_setup(LOG_ERROR, false);
    life_new(&l, &(struct life_shape){1, BATCHES, EVENTS, false});
    frames(&l);
    printf("frames: %u failures\n", runs);
    queries(&l);
    printf("and queries: %u failures, of which %u end the process\n", runs, aborts);
    lives(&l);
    printf("%u failures, %u violations\n", runs, bad);
    life_free(&l);
    return bad == 0 ? 0 : 1;
}
