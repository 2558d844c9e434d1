/* Outcomes of the library as text. */
#include "clients/publish/status.h"

#include <stdarg.h>
#include <stdio.h>

#include "engine/base/check.h"

static const char *const texts[] = {
    [DAYBOOK_OK] = "done",
    [DAYBOOK_AGAIN] = "would block",
    [DAYBOOK_TIMEOUT] = "the time was up",
    [DAYBOOK_INVALID] = "an argument or event is wrong",
    [DAYBOOK_TOO_LARGE] = "over a size limit",
    [DAYBOOK_NO_MEMORY] = "out of memory",
    [DAYBOOK_IO] = "the outbox could not be read or written",
    [DAYBOOK_LOCKED] = "the outbox is in use by another publisher",
    [DAYBOOK_CORRUPT] = "stored or received data does not check out",
    [DAYBOOK_NETWORK] = "the network library refused",
    [DAYBOOK_FENCED] = "the epoch is no longer valid",
    [DAYBOOK_REFUSED] = "the engine refused the request",
};

const char *daybook_status_text(enum daybook_status st)
{
    return (unsigned)st < N_OF(texts) ? texts[st] : "unknown status";
}

const char *daybook_version(void)
{
    return DAYBOOK_VERSION;
}

enum daybook_status fail(struct daybook_error *error, enum daybook_status st, const char *fmt, ...)
{
    if (error == NULL)
        return st;
    va_list args;
    va_start(args, fmt);
    error->status = st;
    (void)vsnprintf(error->text, sizeof error->text, fmt, args); /* cut when too long */
    va_end(args);
    return st;
}
