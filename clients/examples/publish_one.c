/* Publish one event and wait until the engine has it on its disk.
 *
 *   publish_one [ENDPOINT]
 *
 * The outbox is in memory: if this program dies before the acknowledgement, it cannot know whether
 * the event was counted. publish_many.c has one on disk. */
#include <daybook.h>

#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct daybook_publisher_options options = {
        .endpoint = argc > 1 ? argv[1] : "tcp://127.0.0.1:7701",
        .producer = "example-one",
    };
    struct daybook_publisher *publisher;
    struct daybook_error error;
    if (daybook_publisher_open(&options, &publisher, &error) != DAYBOOK_OK) {
        (void)fprintf(stderr, "publish_one: %s\n", error.text);
        return 78;
    }
    struct daybook_event event = {
        .kind = DAYBOOK_RECORD_UPDATED, /* app 45 changed a contact of account 123, now */
        .account = 123,
        .app = 45,
        .object_type = "contacts",
        .record = "501",
    };
    enum daybook_status st = daybook_publish(publisher, &event);
    if (st == DAYBOOK_OK)
        st = daybook_flush(publisher, 5000);
    if (st != DAYBOOK_OK)
        (void)fprintf(stderr, "publish_one: %s\n", daybook_publisher_error(publisher));
    struct daybook_publisher_stats stats;
    daybook_publisher_stats(publisher, &stats);
    (void)printf("accepted %" PRIu64 ", rejected %" PRIu64 "\n", stats.events_accepted,
                 stats.events_rejected);
    (void)daybook_publisher_close(&publisher, 0);
    return st == DAYBOOK_OK && stats.events_accepted == 1 ? 0 : 69;
}
