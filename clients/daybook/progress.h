/* Progress of long work: a bar with rate and time left on a terminal, a plain line now and then
 * otherwise. Reads the clock itself: it is for people and decides nothing. */
#ifndef CLIENTS_DAYBOOK_PROGRESS_H
#define CLIENTS_DAYBOOK_PROGRESS_H

#include "clients/daybook/command.h"

#define PROGRESS_LINE_MAX 400

struct progress {
    FILE *to; /* NULL: silent */
    bool tty;
    unsigned columns;
    const char *what; /* "import example.log"; borrowed */
    uint64_t total;   /* of the quantity that measures the way; 0: not known */
    uint64_t begin_ns, drawn_ns;
    bool drawn;
};

void progress_begin(struct progress *p, struct cli *cli, bool quiet, const char *what,
                    uint64_t total);

/* `at` of `total` is done, so many events were handled. Cheap when it is not time to draw. */
void progress_at(struct progress *p, uint64_t at, uint64_t events);

/* Remove the bar, so that other lines can be written. */
void progress_end(struct progress *p);

/* One line as the terminal shows it, without the leading "\r"; elapsed_ns > 0. */
size_t progress_line(const struct progress *p, uint64_t at, uint64_t events, uint64_t elapsed_ns,
                     char to[static PROGRESS_LINE_MAX]);

/* "1234567" as "1,234,567". */
const char *grouped(uint64_t v, char buf[static 32]);

#endif
