/* What an import must remember between runs: the shift that its first run chose. One small JSON
 * file per import in a state directory, replaced whole and synced before the first batch is sent.
 */
#ifndef CLIENTS_DAYBOOK_IMPORT_STATE_H
#define CLIENTS_DAYBOOK_IMPORT_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

#define STATE_PATH_MAX 4096

struct import_state {
    int64_t shift_ms;
    int64_t first_run_ms;
};

/* The directory: `given` (may be NULL), else $XDG_STATE_HOME/daybook/imports, else
 * $HOME/.local/state/daybook/imports. env is getenv or a test's. ST_NOT_FOUND: neither is set. */
enum status import_state_dir(const char *given, const char *(*env)(const char *), char *to,
                             size_t cap) MUST_CHECK;

/* Read the state of the import called producer. ST_NOT_FOUND: there is none. ST_CORRUPT: the file
 * is not a state of this import. ST_IO_ERROR: errno says why. path gets the file's name. */
enum status import_state_read(const char *dir, const char *producer, struct import_state *out,
                              char path[static STATE_PATH_MAX]) MUST_CHECK;

/* Write it, making the directory when it is missing; on the disk when it returns ST_OK.
 * ST_IO_ERROR: errno says why. */
enum status import_state_write(const char *dir, const char *producer, const struct import_state *s,
                               char path[static STATE_PATH_MAX]) MUST_CHECK;

#endif
