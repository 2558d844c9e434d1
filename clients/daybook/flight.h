/* Frames in flight over one connection: pipelined, answers in order, what the engine cannot take
 * just now is sent again in order. For frames that carry their own numbers or none; numbered
 * publishing with an outbox is libdaybook's publisher. */
#ifndef CLIENTS_DAYBOOK_FLIGHT_H
#define CLIENTS_DAYBOOK_FLIGHT_H

#include "clients/daybook/command.h"
#include "clients/publish/answer.h"
#include "clients/publish/link.h"

#define FLIGHT_WINDOW_MAX 4096

struct flight_frame {
    uint8_t *p; /* owned copy */
    size_t n;
    uint64_t tag; /* the caller's */
    bool again;   /* refused for now */
};

struct flight {
    struct cli *cli;
    struct link link;
    const char *endpoint;
    uint32_t window;
    int timeout_ms;
    struct flight_frame *frames; /* owned; [0..n) in the order of sending */
    uint32_t n;
    uint32_t answered; /* of frames[0..n) */
    uint32_t again_n;  /* of them refused for now */
    uint64_t wait_ms;  /* asked for by refusals */
    uint64_t done;     /* frames with a final answer, over all */
    uint64_t resent;
    uint64_t quiet_since_ns; /* since when no frame got a final answer */
    struct buf text;         /* of the answer in the making */
    struct answer answer;
    void *context;
    /* A final answer; a is borrowed. */
    void (*on_answer)(void *context, uint64_t tag, const struct answer *a);
};

/* f->context and on_answer are the caller's to set. Returns 0 or an exit code, after a message. */
int flight_open(struct flight *f, struct cli *cli, const char *endpoint, uint32_t window,
                int timeout_ms);

/* Send a copy of the frame, waiting for room in the window. */
int flight_send(struct flight *f, const void *frame, size_t n, uint64_t tag);

/* Take the answers that are there. */
int flight_poll(struct flight *f);

/* Wait until every frame has its final answer. */
int flight_finish(struct flight *f);

void flight_close(struct flight *f);

#endif
