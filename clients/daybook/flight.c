/* A window of frames. Nothing new is sent while refused frames wait: the window is first answered
 * to its end, then what was refused goes again in its old order, so that numbered frames of a
 * recording meet the engine in sequence. */
#include "clients/daybook/flight.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"

#define WAIT_MS_DEFAULT 50
#define WAIT_MS_MAX     10000
#define TURN_MS         100

int flight_open(struct flight *f, struct cli *cli, const char *endpoint, uint32_t window,
                int timeout_ms)
{
    *f = (struct flight){
        .cli = cli,
        .endpoint = endpoint,
        .window = window,
        .timeout_ms = timeout_ms,
        .text = buf_of((size_t)16 << 20),
        .quiet_since_ns = clock_mono_ns(),
    };
    struct link_config c = {.endpoint = endpoint, .queue_max = FLIGHT_WINDOW_MAX};
    struct daybook_error e;
    f->frames = calloc(window, sizeof *f->frames);
    if (f->frames == NULL)
        return command_fault(cli, EX_OSERR, "out of memory");
    enum daybook_status st = link_open(&f->link, &c, &e);
    if (st != DAYBOOK_OK)
        return command_fault(cli, command_code(st), "%s: %s", endpoint, e.text);
    return 0;
}

void flight_close(struct flight *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        free(f->frames[i].p);
    free(f->frames);
    f->frames = NULL;
    f->n = 0;
    buf_fini(&f->text);
    if (f->link.socket != NULL)
        link_close(&f->link);
}

static int network_fault(struct flight *f)
{
    return command_fault(f->cli, EX_UNAVAILABLE, "%s: the connection failed", f->endpoint);
}

static int put_on_wire(struct flight *f, const struct flight_frame *frame)
{
    zmq_msg_t msg;
    if (zmq_msg_init_size(&msg, frame->n) != 0)
        return command_fault(f->cli, EX_OSERR, "out of memory");
    memcpy(zmq_msg_data(&msg), frame->p, frame->n);
    enum daybook_status st = link_send(&f->link, &msg);
    while (st == DAYBOOK_AGAIN) {
        st = link_wait(&f->link, true, f->timeout_ms);
        if (st == DAYBOOK_OK)
            st = link_send(&f->link, &msg);
        else
            break;
    }
    (void)zmq_msg_close(&msg); /* empty when it has gone */
    return st == DAYBOOK_OK ? 0 : network_fault(f);
}

static bool take_answer(struct flight *f, const zmq_msg_t *msg)
{
    struct flight_frame *frame = &f->frames[f->answered];
    zmq_msg_t *m = (zmq_msg_t *)msg;
    if (!answer_read(zmq_msg_data(m), zmq_msg_size(m), &f->text, &f->answer))
        return false;
    frame->again = !f->answer.ok && f->answer.retry;
    f->answered++;
    if (frame->again) {
        f->again_n++;
        if (f->answer.retry_after_ms > f->wait_ms)
            f->wait_ms = f->answer.retry_after_ms;
        return true;
    }
    f->done++;
    f->quiet_since_ns = clock_mono_ns();
    f->on_answer(f->context, frame->tag, &f->answer);
    return true;
}

int flight_poll(struct flight *f)
{
    while (f->answered < f->n) {
        zmq_msg_t msg;
        (void)zmq_msg_init(&msg); /* always succeeds */
        enum daybook_status st = link_receive(&f->link, &msg);
        bool good = st != DAYBOOK_OK || take_answer(f, &msg);
        (void)zmq_msg_close(&msg);
        if (!good)
            return command_fault(f->cli, EX_DATAERR,
                                 "%s: an answer cannot be read; is this the "
                                 "ingest socket?",
                                 f->endpoint);
        if (st == DAYBOOK_AGAIN)
            return 0;
        if (st != DAYBOOK_OK)
            return network_fault(f);
    }
    return 0;
}

static void pause_ms(uint64_t ms)
{
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL); /* a signal ends it early */
}

/* Forget the frames that have their final answer; the window must be answered up to here. */
static void drop_answered(struct flight *f)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        if (i < f->answered && !f->frames[i].again)
            free(f->frames[i].p);
        else
            f->frames[kept++] = f->frames[i];
    }
    f->n = kept;
    f->answered = 0;
}

/* Every frame has an answer: send the refused ones again, in their order. */
static int next_round(struct flight *f)
{
    drop_answered(f);
    f->again_n = 0;
    if (f->n == 0)
        return 0;
    uint64_t wait = f->wait_ms > 0 ? f->wait_ms : WAIT_MS_DEFAULT;
    pause_ms(wait < WAIT_MS_MAX ? wait : WAIT_MS_MAX);
    f->wait_ms = 0;
    int code = 0;
    for (uint32_t i = 0; i < f->n && code == 0; i++) {
        f->frames[i].again = false;
        code = put_on_wire(f, &f->frames[i]);
    }
    f->resent += f->n;
    return code;
}

/* Wait until `want` of the frames in flight are answered. */
static int wait_answered(struct flight *f, uint32_t want)
{
    int code = flight_poll(f);
    while (code == 0 && f->answered < want) {
        if (*f->cli->stop)
            return EX_TEMPFAIL;
        (void)link_wait(&f->link, false, TURN_MS); /* what came is seen by the poll */
        code = flight_poll(f);
        uint64_t quiet_ms = (clock_mono_ns() - f->quiet_since_ns) / 1000000;
        if (code == 0 && f->answered < want && quiet_ms > (uint64_t)f->timeout_ms)
            return command_fault(f->cli, EX_UNAVAILABLE,
                                 "%s: no answer within %d ms; is daybookd running, and is this its "
                                 "ingest socket? (--ingest, --timeout)",
                                 f->endpoint, f->timeout_ms);
    }
    return code;
}

int flight_finish(struct flight *f)
{
    int code = 0;
    f->quiet_since_ns = clock_mono_ns();
    while (code == 0 && f->n > 0) {
        code = wait_answered(f, f->n);
        if (code == 0)
            code = next_round(f);
        uint64_t quiet_ms = (clock_mono_ns() - f->quiet_since_ns) / 1000000;
        if (code == 0 && f->n > 0 && quiet_ms > (uint64_t)f->timeout_ms)
            return command_fault(f->cli, EX_UNAVAILABLE, "%s: the engine takes nothing (%s: %s)",
                                 f->endpoint, f->answer.code, f->answer.message);
    }
    return code;
}

int flight_send(struct flight *f, const void *frame, size_t n, uint64_t tag)
{
    int code = flight_poll(f);
    if (code == 0 && f->again_n == 0 && f->n == f->window) {
        code = wait_answered(f, f->window / 2 + 1);
        if (code == 0 && f->again_n == 0)
            drop_answered(f);
    }
    if (code == 0 && f->again_n > 0)
        code = flight_finish(f);
    if (code != 0)
        return code;
    if (f->n == 0)
        f->quiet_since_ns = clock_mono_ns();
    struct flight_frame *to = &f->frames[f->n];
    *to = (struct flight_frame){.p = malloc(n > 0 ? n : 1), .n = n, .tag = tag};
    if (to->p == NULL)
        return command_fault(f->cli, EX_OSERR, "out of memory");
    memcpy(to->p, frame, n);
    f->n++;
    return put_on_wire(f, to);
}
