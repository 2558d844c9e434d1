/* Publish many events without ever blocking, with an outbox on disk, from an event loop.
 *
 *   publish_many OUTBOX_DIRECTORY [EVENTS [ENDPOINT]]
 *
 * Kill it at any time and run it again with the same directory: what was sealed before is sent
 * first, and nothing is counted twice. */
#include <daybook.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

static void on_ack(void *context, const struct daybook_ack *ack)
{
    uint64_t *answers_n = context;
    ++*answers_n;
    if (ack->refused)
        (void)fprintf(stderr, "batch %" PRIu64 " refused: %s: %s\n", ack->seq, ack->code,
                      ack->message);
    for (size_t i = 0; i < ack->rejections_n; i++)
        (void)fprintf(stderr, "batch %" PRIu64 ", event %u: %s: %s\n", ack->seq,
                      (unsigned)ack->rejections[i].index, ack->rejections[i].code,
                      ack->rejections[i].message);
}

static void on_lost(void *context, const struct daybook_lost *lost)
{
    (void)context;
    if (lost->to_seq >= lost->from_seq)
        (void)fprintf(stderr, "batches %" PRIu64 "..%" PRIu64 " of epoch %" PRIu64 " are lost\n",
                      lost->from_seq, lost->to_seq, lost->epoch);
}

/* What a real program would do beside: here it waits for the publisher alone. */
static void wait_for_work(struct daybook_publisher *publisher)
{
    struct pollfd fd = {.fd = daybook_publisher_fd(publisher), .events = POLLIN};
    (void)poll(&fd, 1, daybook_publisher_wait_ms(publisher));
    (void)daybook_poll(publisher, 0);
}

static struct daybook_event call(uint64_t i)
{
    return (struct daybook_event){
        .kind = DAYBOOK_API_CALL,
        .account = 100 + i % 50,
        .app = 1 + i % 7,
        .method = i % 3 == 0 ? DAYBOOK_POST : DAYBOOK_GET,
        .status = i % 100 == 0 ? 429 : 200,
        .endpoint = "/crm/v3/objects/contacts",
    };
}

int main(int argc, char **argv)
{
    uint64_t answers_n = 0;
    uint64_t events_n = 100000;
    struct daybook_publisher_options options = {
        .endpoint = argc > 3 ? argv[3] : "tcp://127.0.0.1:7701",
        .producer = "example-many",
        .outbox = argc > 1 ? argv[1] : NULL,
        .context = &answers_n,
        .on_ack = on_ack,
        .on_lost = on_lost,
    };
    struct daybook_publisher *publisher;
    struct daybook_error error;
    if (options.outbox == NULL || (argc > 2 && sscanf(argv[2], "%" SCNu64, &events_n) != 1)) {
        (void)fprintf(stderr, "usage: publish_many OUTBOX_DIRECTORY [EVENTS [ENDPOINT]]\n");
        return 64;
    }
    if (daybook_publisher_open(&options, &publisher, &error) != DAYBOOK_OK) {
        (void)fprintf(stderr, "publish_many: %s\n", error.text);
        return 78;
    }
    for (uint64_t i = 0; i < events_n;) {
        struct daybook_event event = call(i);
        enum daybook_status st = daybook_try_publish(publisher, &event);
        if (st == DAYBOOK_OK) {
            i++;
        } else if (st == DAYBOOK_AGAIN) {
            wait_for_work(publisher);
        } else {
            (void)fprintf(stderr, "publish_many: %s\n", daybook_publisher_error(publisher));
            break;
        }
    }
    enum daybook_status st = daybook_flush(publisher, 30000);
    struct daybook_publisher_stats stats;
    daybook_publisher_stats(publisher, &stats);
    (void)printf("%" PRIu64 " answers: accepted %" PRIu64 ", duplicate %" PRIu64
                 ", rejected %" PRIu64 "; %" PRIu64 " batches wait in the outbox\n",
                 answers_n, stats.events_accepted, stats.events_duplicate, stats.events_rejected,
                 stats.outbox_batches);
    (void)daybook_publisher_close(&publisher, 0);
    return st == DAYBOOK_OK ? 0 : 69;
}
