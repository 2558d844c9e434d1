/* Runs one fuzz target over files, without a fuzzer: every argument is a file or a folder of files.
 * It fails when it finds no file at all, since a corpus that went missing would else be a pass. */
#include "engine/base/text.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX ((size_t)4 << 20)

static size_t files_n(const char *path);

/* The bytes are in memory of exactly their size, so that a read beyond them is seen. */
static size_t run_file(const char *path, size_t n)
{
    FILE *f = fopen(path, "re");
    uint8_t *p = malloc(n == 0 ? 1 : n);
    size_t got = f != NULL && p != NULL ? fread(p, 1, n, f) : 0;
    if (f == NULL || p == NULL || got != n) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    (void)fclose(f); /* it was only read */
    (void)LLVMFuzzerTestOneInput(p, n);
    free(p);
    return 1;
}

static size_t run_folder(const char *path)
{
    char child[4096];
    size_t n = 0;
    DIR *dir = opendir(path);
    for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.')
            continue;
        text_fmt(child, sizeof(child), "%s/%s", path, e->d_name);
        n += files_n(child);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return n;
}

static size_t files_n(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        return run_folder(path);
    return (size_t)st.st_size <= FILE_BYTES_MAX ? run_file(path, (size_t)st.st_size) : 0;
}

int main(int argc, char **argv)
{
    size_t n = 0;
    for (int i = 1; i < argc; i++)
        n += files_n(argv[i]);
    printf("%zu inputs\n", n);
    return n > 0 ? 0 : 1;
}
