/* The inside of a publisher, shared by publisher.c (the calls) and pump.c (what goes on in them).
 */
#ifndef CLIENTS_PUBLISH_PUBLISHER_H
#define CLIENTS_PUBLISH_PUBLISHER_H

#include "clients/publish/event_encode.h"
#include "clients/publish/flow.h"
#include "clients/publish/link.h"
#include "clients/publish/outbox.h"

#define BATCH_HEADER_BYTES 5 /* array 32 */

struct daybook_publisher {
    /* Set at open. */
    uint32_t batch_events_max;
    uint32_t batch_bytes_max;
    uint64_t message_bytes_max;
    uint64_t window_bytes_max;
    int linger_ms; /* negative: none */
    int block_ms;  /* negative: without end */
    bool fixed_epoch;
    void *context;
    void (*on_ack)(void *context, const struct daybook_ack *ack);
    void (*on_lost)(void *context, const struct daybook_lost *lost);
    struct envelope envelope;
    struct event_encoder encoder;

    struct link link;
    struct outbox outbox;
    struct flow flow;
    uint64_t flight_bytes; /* of batches first..send-1 */
    bool blocked;          /* libzmq's queue was full at the last send */
    bool fd_used;          /* the caller watches the descriptor: keep its edges right */
    bool in_callback;
    uint32_t unheard_n;        /* batches published since answers were last looked for */
    enum daybook_status dead;  /* not OK: nothing goes on */
    enum daybook_status fault; /* of sealing by age, told by the next poll */

    struct buf open;       /* BATCH_HEADER_BYTES, then the events of the open batch */
    uint32_t open_n;       /* events */
    int64_t open_since_ms; /* monotonic: the first of them */
    struct buf spare;      /* one event, while the batch before it is sealed */
    struct buf answer_text;
    struct answer answer;

    struct daybook_error error;
    struct daybook_publisher_stats stats;
};

/* Check options and fill the settings; *p is zeroed. */
enum daybook_status publisher_configure(struct daybook_publisher *p,
                                        const struct daybook_publisher_options *options,
                                        struct outbox_config *outbox, struct daybook_error *error);

int64_t pump_now_ms(void);

/* Handle answers and timers, seal by age, send. *answers (may be NULL) counts answers handled. */
enum daybook_status pump(struct daybook_publisher *p, uint32_t *answers);

/* Wait until something can go on, at most wait_ms. TIMEOUT; AGAIN: a signal came. */
enum daybook_status pump_wait(struct daybook_publisher *p, int64_t wait_ms);

/* ms until the pump has to run; negative: only the socket decides. */
int64_t pump_due_ms(const struct daybook_publisher *p);

/* Number body, put it into the outbox, send it if the window allows. AGAIN: no room. */
enum daybook_status pump_take(struct daybook_publisher *p, struct str body, uint64_t *seq);

/* The same for the open batch; OK when it is empty. */
enum daybook_status pump_seal(struct daybook_publisher *p);

/* Ask for the cursor now. */
enum daybook_status pump_probe(struct daybook_publisher *p, int64_t now_ms);

#endif
