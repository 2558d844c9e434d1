/* The bytes of an input: a mapped file, or standard input read to its end into an unlinked file,
 * since an import reads its input more than once. */
#ifndef CLIENTS_DAYBOOK_INPUT_H
#define CLIENTS_DAYBOOK_INPUT_H

#include <stddef.h>

#include "engine/base/status.h"

struct input {
    const char *bytes; /* mapped; "" when empty */
    size_t n;
    void *map; /* owned; NULL when empty */
};

/* name "-": standard input (fd 0). ST_IO_ERROR: errno says why. */
enum status input_open(const char *name, struct input *out) MUST_CHECK;
void input_close(struct input *in);

#endif
