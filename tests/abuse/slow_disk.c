/* Preloaded, it makes each sync of a file whose path holds SLOW_DISK_PART take SLOW_DISK_MS longer:
 * a disk of known slowness, whatever the machine's own is. */
#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void wait_ms(const char *text)
{
    double ms = text != NULL ? strtod(text, NULL) : 0;
    struct timespec t = {(time_t)(ms / 1000), 0};

    t.tv_nsec = (long)((ms - (double)t.tv_sec * 1000) * 1e6);
    while (ms > 0 && nanosleep(&t, &t) != 0)
        ;
}

static bool is_slow(int fd)
{
    const char *part = getenv("SLOW_DISK_PART");
    char link[64], path[PATH_MAX];
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n < 0 || part == NULL)
        return false;
    path[n] = '\0';
    return strstr(path, part) != NULL;
}

int fdatasync(int fd)
{
    int (*real)(int);

    *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    if (is_slow(fd))
        wait_ms(getenv("SLOW_DISK_MS"));
    return real(fd);
}
