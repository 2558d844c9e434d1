/* State files: {"version":1,"producer":"import-...","shift_ms":123,"first_run_ms":456}. Written
 * beside and renamed, so a reader finds a whole file or none. */
#include "clients/daybook/import_state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/text.h"

#define STATE_VERSION   1
#define STATE_BYTES_MAX 4096

enum status import_state_dir(const char *given, const char *(*env)(const char *), char *to,
                             size_t cap)
{
    if (given != NULL) {
        text_fmt(to, cap, "%s", given);
        return ST_OK;
    }
    const char *state = env("XDG_STATE_HOME");
    const char *home = env("HOME");
    if (state != NULL && state[0] == '/')
        text_fmt(to, cap, "%s/daybook/imports", state);
    else if (home != NULL && home[0] == '/')
        text_fmt(to, cap, "%s/.local/state/daybook/imports", home);
    else
        return ST_NOT_FOUND;
    return ST_OK;
}

static void state_path(const char *dir, const char *producer, char to[static STATE_PATH_MAX])
{
    text_fmt(to, STATE_PATH_MAX, "%s/%s.json", dir, producer);
}

static bool member(const json_t *o, const char *key, int64_t *to)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v))
        return false;
    *to = json_integer_value(v);
    return true;
}

enum status import_state_read(const char *dir, const char *producer, struct import_state *out,
                              char path[static STATE_PATH_MAX])
{
    state_path(dir, producer, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ST_NOT_FOUND : ST_IO_ERROR;
    char text[STATE_BYTES_MAX];
    ssize_t n = read(fd, text, sizeof text);
    int saved = errno;
    (void)close(fd); /* read only */
    errno = saved;
    if (n < 0)
        return ST_IO_ERROR;
    json_t *root = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
    struct import_state s;
    int64_t version;
    const char *name = json_string_value(json_object_get(root, "producer"));
    bool good = member(root, "version", &version) && version == STATE_VERSION && name != NULL &&
                strcmp(name, producer) == 0 && member(root, "shift_ms", &s.shift_ms) &&
                member(root, "first_run_ms", &s.first_run_ms);
    json_decref(root);
    if (!good)
        return ST_CORRUPT;
    *out = s;
    return ST_OK;
}

/* mkdir -p */
static bool make_dirs(const char *dir)
{
    char path[STATE_PATH_MAX];
    size_t n = text_fmt(path, sizeof path, "%s", dir);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        char end = path[i];
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
        path[i] = end;
    }
    return true;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static bool sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    (void)close(fd);
    return ok;
}

enum status import_state_write(const char *dir, const char *producer, const struct import_state *s,
                               char path[static STATE_PATH_MAX])
{
    char text[STATE_BYTES_MAX], beside[STATE_PATH_MAX];
    state_path(dir, producer, path);
    if (!make_dirs(dir))
        return ST_IO_ERROR;
    text_fmt(beside, sizeof beside, "%.4000s/.%s.%ld", dir, producer, (long)getpid());
    size_t n =
        text_fmt(text, sizeof text,
                 "{\"version\":%d,\"producer\":\"%s\",\"shift_ms\":%lld,"
                 "\"first_run_ms\":%lld}\n",
                 STATE_VERSION, producer, (long long)s->shift_ms, (long long)s->first_run_ms);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return ST_IO_ERROR;
    bool ok = write_all(fd, text, n) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && rename(beside, path) == 0 && sync_dir(dir);
    if (!ok) {
        int saved = errno;
        (void)unlink(beside); /* best effort: the state was not written either way */
        errno = saved;
    }
    return ok ? ST_OK : ST_IO_ERROR;
}
