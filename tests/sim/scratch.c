#include "tests/sim/scratch.h"

#include <stdlib.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/text.h"

void scratch_make(char *dir, size_t n)
{
    const char *tmp = getenv("TMPDIR");

    if (tmp == NULL)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    text_fmt(dir, n, "%s/daybook-sim-XXXXXX", tmp);
    CHECK(mkdtemp(dir) != NULL);
}

void scratch_remove(const char *dir)
{
    static const char *const stores[] = {"front", "days"};
    static const char *const files[] = {"data.mdb", "data.mdb.new", "lock.mdb", "owner.lock", ""};
    char path[256];

    for (unsigned s = 0; s < N_OF(stores); s++)
        for (unsigned f = 0; f < N_OF(files); f++) {
            text_fmt(path, sizeof path, "%s/%s/%s", dir, stores[s], files[f]);
            (void)(files[f][0] != '\0' ? unlink(path) : rmdir(path)); /* some were never made */
        }
    CHECK(rmdir(dir) == 0);
}
