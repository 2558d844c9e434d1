/* Failures as a status and a sentence. */
#ifndef CLIENTS_PUBLISH_STATUS_H
#define CLIENTS_PUBLISH_STATUS_H

#include "clients/publish/daybook.h"

/* Fill *error (NULL is fine) and return st, so that a failing function ends in one line. */
enum daybook_status fail(struct daybook_error *error, enum daybook_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
