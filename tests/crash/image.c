#include "tests/crash/image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tests/crash/life.h"

#define BIRTH_DIV    16
#define BIRTH_EVENTS 24

const char *const image_syncs_names[IMAGE_SYNCS] = {"honest disk", "late data", "late meta"};

void image_new(struct image *im, const struct disk_log *log, enum image_syncs syncs)
{
    *im = (struct image){.log = log, .syncs = syncs};
}

void image_free(struct image *im)
{
    for (unsigned f = 0; f < DISK_FILES; f++) {
        free(im->file[f].durable.p);
        free(im->file[f].made.p);
        free(im->file[f].pending);
    }
}

/* ---- time ---- */

static bool is_edge(const struct disk_event *e)
{
    return e->kind != DISK_WRITE && !(e->kind == DISK_MARK && e->n == LIFE_SUBMITTED);
}

uint32_t image_instant(const struct disk_log *log, uint64_t *seed, uint32_t i, uint32_t n)
{
    uint64_t from = (uint64_t)log->n * i / n, to = (uint64_t)log->n * (i + 1) / n;

    if (i < n / BIRTH_DIV) /* the first moments of a store are special, and short */
        from = 0, to = log->n < BIRTH_EVENTS ? log->n : BIRTH_EVENTS;
    uint32_t at = (uint32_t)(from + draw(seed, to - from + 1));

    if (draw(seed, 2) == 0)
        return at;
    while (at < to && !is_edge(&log->ev[at]))
        at++;
    return at < to ? at + (uint32_t)draw(seed, 2) : at;
}

/* The pending writes below `before` are durable now; `only`: that one alone. */
static void settle(struct image *im, enum disk_file file, uint32_t before, uint32_t only)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < im->file[file].pending_n; i++) {
        uint32_t w = im->file[file].pending[i];
        const struct disk_event *e = &im->log->ev[w];
        if (only == UINT32_MAX ? w < before : w == only)
            torn_put(&im->file[file].durable, e->offset, e->data, e->n);
        else
            im->file[file].pending[kept++] = w;
    }
    im->file[file].pending_n = kept;
}

static void add_pending(struct image *im, enum disk_file file, uint32_t w)
{
    if (im->file[file].pending_n == im->file[file].pending_cap) {
        uint32_t cap = im->file[file].pending_cap * 2 + 64;
        im->file[file].pending = realloc(im->file[file].pending, cap * sizeof(uint32_t));
        CHECK(im->file[file].pending != NULL);
        im->file[file].pending_cap = cap;
    }
    im->file[file].pending[im->file[file].pending_n++] = w;
    im->file[file].exists = true;
}

static void happen(struct image *im, uint32_t i)
{
    const struct disk_event *e = &im->log->ev[i];

    switch (e->kind) {
    case DISK_WRITE:
        add_pending(im, e->file, i);
        break;
    case DISK_SYNC:
        settle(im, e->file, im->syncs == IMAGE_LATE_DATA ? im->file[e->file].late : i, UINT32_MAX);
        im->file[e->file].late = i;
        break;
    case DISK_STABLE:
        if (im->syncs != IMAGE_LATE_META)
            settle(im, e->file, 0, (uint32_t)e->offset);
        break;
    case DISK_RENAME:
        im->file[e->file].named = true;
        break;
    case DISK_NAMES:
        im->file[e->file].name_durable = im->file[e->file].named;
        break;
    case DISK_MARK:
        if (e->n == LIFE_SUBMITTED)
            im->at.submitted++;
        else
            im->at.acked++;
        break;
    }
}

void image_advance(struct image *im, uint32_t instant)
{
    for (; im->next < instant && im->next < im->log->n; im->next++)
        happen(im, im->next);
}

/* ---- one disk ---- */

void image_make(struct image *im, uint64_t *seed)
{
    enum torn_mood mood = (enum torn_mood)draw(seed, TORN_MOODS);

    for (enum disk_file f = 0; f < DISK_FILES; f++) {
        struct torn_bytes *made = &im->file[f].made;
        if (made->p != NULL)
            memset(made->p, 0, made->cap);
        made->n = 0;
        if (im->file[f].durable.n > 0)
            torn_put(made, 0, im->file[f].durable.p, im->file[f].durable.n);
        for (uint32_t i = 0; i < im->file[f].pending_n; i++) {
            const struct disk_event *e = &im->log->ev[im->file[f].pending[i]];
            torn_maybe(made, &(struct torn_write){e->offset, e->n, e->data}, mood, seed);
        }
        im->file[f].made_exists =
            im->file[f].name_durable || (im->file[f].named && draw(seed, 2) == 0);
    }
}

void image_write(const struct image *im, const char *dir)
{
    static const char *const names[DISK_FILES] = {"front", "days"};
    char path[600];

    for (unsigned f = 0; f < DISK_FILES; f++) {
        if (!im->file[f].exists)
            continue;
        text_fmt(path, sizeof path, "%s/%s", dir, names[f]);
        CHECK(mkdir(path, 0700) == 0);
        text_fmt(path, sizeof path, "%s/%s/data.mdb%s", dir, names[f],
                 im->file[f].made_exists ? "" : ".new");
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        for (uint64_t at = 0; at < im->file[f].made.n;) {
            ssize_t n = write(fd, im->file[f].made.p + at, im->file[f].made.n - at);
            CHECK(n > 0);
            at += (uint64_t)n;
        }
        CHECK(close(fd) == 0);
    }
}
