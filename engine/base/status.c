/* The table of outcomes, expanded from status.def. Nothing here is written by hand, so a new
 * outcome is one row there. */
#include "engine/base/status.h"

#include <stddef.h>

#include "engine/base/check.h"

static const struct status_row rows[] = {
#define S(name_, wire_, http_, retry_, text_)                                                      \
    {.name = #name_, .wire = (wire_), .text = (text_), .http = (http_), .retry = (retry_)},
#include "engine/base/status.def"
#undef S
};

STATIC_CHECK(N_OF(rows) == ST_N);
STATIC_CHECK(ST_OK == 0);

const struct status_row *status_row(enum status st)
{
    CHECK((unsigned)st < ST_N);
    return &rows[st];
}

const char *status_wire(enum status st)
{
    const char *wire = status_row(st)->wire;
    return wire != NULL ? wire : rows[ST_IO_ERROR].wire;
}
