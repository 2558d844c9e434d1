#include "engine/ingest/recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "schemas/recording.h"

#define BUFFER_BYTES    (1 << 20)
#define FLUSH_PERIOD_MS 1000

struct recorder {
    FILE *file; /* NULL after an error */
    struct timer *flush;
    char *buffer; /* stdio's */
};

static void give_up(struct recorder *r)
{
    log_line(LOG_ERROR, "ingest", "event=recording_stopped error=\"%s\"", strerror(errno));
    (void)fclose(r->file); /* it has failed already */
    r->file = NULL;
}

static void on_frame(void *arg, int64_t received_ms, const void *frame, size_t bytes)
{
    struct recorder *r = arg;
    uint8_t head[RECORD_HEAD_BYTES];

    if (r->file == NULL || bytes > UINT32_MAX)
        return;
    record_head(head, received_ms, (uint32_t)bytes);
    if (fwrite(head, sizeof(head), 1, r->file) != 1 ||
        (bytes > 0 && fwrite(frame, bytes, 1, r->file) != 1))
        give_up(r);
}

static void on_flush(void *arg)
{
    struct recorder *r = arg;

    if (r->file != NULL && fflush(r->file) != 0)
        give_up(r);
}

/* A new file begins with the stream's head; an old one goes on. */
static bool begin(struct recorder *r, const char *path)
{
    uint8_t head[RECORDING_HEAD_BYTES];

    r->file = fopen(path, "ae");
    if (r->file == NULL)
        return false;
    if (r->buffer != NULL)
        (void)setvbuf(r->file, r->buffer, _IOFBF, BUFFER_BYTES); /* without it: smaller writes */
    if (fseek(r->file, 0, SEEK_END) != 0)
        return false;
    if (ftell(r->file) > 0)
        return true;
    recording_head(head);
    return fwrite(head, sizeof(head), 1, r->file) == 1 && fflush(r->file) == 0;
}

enum status recorder_open(const char *path, struct loop *loop, struct ingest *in,
                          struct recorder **out, char why[static 256])
{
    struct recorder *r = calloc(1, sizeof(*r));
    enum status st;

    if (r == NULL)
        return ST_NO_MEMORY;
    r->buffer = malloc(BUFFER_BYTES);
    if (!begin(r, path)) {
        text_fmt(why, 256, "cannot record to %s: %s", path, strerror(errno));
        recorder_close(&r);
        return ST_IO_ERROR;
    }
    st = loop_every(loop, FLUSH_PERIOD_MS, on_flush, r, &r->flush);
    if (st != ST_OK) {
        recorder_close(&r);
        return st;
    }
    ingest_on_frame(in, on_frame, r);
    *out = r;
    return ST_OK;
}

void recorder_close(struct recorder **rp)
{
    struct recorder *r = *rp;

    if (r == NULL)
        return;
    timer_free(&r->flush);
    if (r->file != NULL && fclose(r->file) != 0)
        log_line(LOG_ERROR, "ingest", "event=recording_incomplete error=\"%s\"", strerror(errno));
    free(r->buffer);
    free(r);
    *rp = NULL;
}
