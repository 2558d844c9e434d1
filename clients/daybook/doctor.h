/* What doctor looks at, one line each: how it is called, whether it is well, and in numbers. */
#ifndef CLIENTS_DAYBOOK_DOCTOR_H
#define CLIENTS_DAYBOOK_DOCTOR_H

#include <jansson.h>

#include "clients/daybook/command.h"

enum doctor_result { DOCTOR_OK, DOCTOR_FAULT, DOCTOR_SKIPPED };

struct doctor {
    struct cli *cli;
    bool json;
    uint64_t checks, faults;
    json_t *list; /* owned; of the checks, with json */
};

/* Report one check. */
void doctor_check(struct doctor *d, enum doctor_result result, const char *name, const char *fmt,
                  ...) __attribute__((format(printf, 4, 5)));

/* Ask a running engine. Returns 0 or an exit code when it cannot be asked; findings are in d. */
int doctor_online(struct doctor *d, const char *endpoint, int timeout_ms);

/* Read a data directory, changing nothing. Best with the engine stopped. */
int doctor_offline(struct doctor *d, const char *data_dir);

#endif
