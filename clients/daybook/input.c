/* An import reads its input three times (digest, plan, events), so what cannot be mapped is
 * spooled. */
#include "clients/daybook/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)64 << 10)

static enum status copy_all(int from, FILE *to)
{
    char *buf = malloc(CHUNK_BYTES);
    if (buf == NULL)
        return ST_NO_MEMORY;
    enum status st = ST_OK;
    for (;;) {
        ssize_t n = read(from, buf, CHUNK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (n > 0 && fwrite(buf, 1, (size_t)n, to) != (size_t)n))
            st = ST_IO_ERROR;
        if (n <= 0 || st != ST_OK)
            break;
    }
    free(buf);
    return st == ST_OK && fflush(to) != 0 ? ST_IO_ERROR : st;
}

static enum status map_fd(int fd, struct input *out)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return ST_IO_ERROR;
    struct input in = {.bytes = "", .n = (size_t)s.st_size};
    if (in.n > 0) {
        in.map = mmap(NULL, in.n, PROT_READ, MAP_PRIVATE, fd, 0);
        if (in.map == MAP_FAILED)
            return ST_IO_ERROR;
        in.bytes = in.map;
    }
    *out = in;
    return ST_OK;
}

static enum status spool_fd(int fd, struct input *out)
{
    FILE *spool = tmpfile();
    if (spool == NULL)
        return ST_IO_ERROR;
    enum status st = copy_all(fd, spool);
    if (st == ST_OK)
        st = map_fd(fileno(spool), out);
    int saved = errno;
    (void)fclose(spool); /* the mapping stays */
    errno = saved;
    return st;
}

enum status input_open(const char *name, struct input *out)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    struct stat s;
    if (fd < 0)
        return ST_IO_ERROR;
    enum status st = ST_IO_ERROR;
    if (fstat(fd, &s) == 0)
        st = S_ISREG(s.st_mode) ? map_fd(fd, out) : spool_fd(fd, out);
    int saved = errno;
    if (!standard)
        (void)close(fd); /* read only */
    errno = saved;
    return st;
}

void input_close(struct input *in)
{
    if (in->map != NULL)
        (void)munmap(in->map, in->n); /* cannot fail for what mmap gave */
    *in = (struct input){.bytes = ""};
}
