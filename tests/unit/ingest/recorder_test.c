/* Recording must never be in the way of counting: whatever its file refuses ends the recording, and
 * nothing else.
 *
 * The calls of stdio that the recorder makes, and its timer, are wrapped by the linker. */
#include "engine/ingest/recorder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "schemas/recording.h"
#include "tests/crash/alloc.h"
#include "tests/unit/ingest/ingest_help.h"

/* ---- faults: the nth call of one function from now ---- */

enum fn { FN_NONE, FN_FWRITE, FN_FFLUSH, FN_FSEEK, FN_FCLOSE, FN_LOOP_EVERY };

static enum fn fault;
static unsigned fault_nth;
static void (*flush)(void *arg); /* what the timer would call */
static void *flush_arg;

static bool fails(enum fn what)
{
    if (fault != what || fault_nth == 0 || --fault_nth > 0)
        return false;
    errno = ENOSPC;
    return true;
}

static void arm(enum fn what, unsigned nth)
{
    fault = what;
    fault_nth = nth;
}

/* True: the call that was to fail has come. */
static bool disarm(void)
{
    bool came = fault_nth == 0;

    fault = FN_NONE;
    return came;
}

size_t __real_fwrite(const void *p, size_t size, size_t n, FILE *f);
size_t __wrap_fwrite(const void *p, size_t size, size_t n, FILE *f);
size_t __wrap_fwrite(const void *p, size_t size, size_t n, FILE *f)
{
    return fails(FN_FWRITE) ? 0 : __real_fwrite(p, size, n, f);
}

int __real_fflush(FILE *f);
int __wrap_fflush(FILE *f);
int __wrap_fflush(FILE *f)
{
    return fails(FN_FFLUSH) ? EOF : __real_fflush(f);
}

int __real_fseek(FILE *f, long at, int from);
int __wrap_fseek(FILE *f, long at, int from);
int __wrap_fseek(FILE *f, long at, int from)
{
    return fails(FN_FSEEK) ? -1 : __real_fseek(f, at, from);
}

int __real_fclose(FILE *f);
int __wrap_fclose(FILE *f);
int __wrap_fclose(FILE *f)
{
    bool bad = fails(FN_FCLOSE);
    int rc = __real_fclose(f);

    return bad ? EOF : rc;
}

enum status __real_loop_every(struct loop *l, uint32_t ms, void (*fn)(void *arg), void *arg,
                              struct timer **out);
enum status __wrap_loop_every(struct loop *l, uint32_t ms, void (*fn)(void *arg), void *arg,
                              struct timer **out);
enum status __wrap_loop_every(struct loop *l, uint32_t ms, void (*fn)(void *arg), void *arg,
                              struct timer **out)
{
    flush = fn;
    flush_arg = arg;
    return fails(FN_LOOP_EVERY) ? ST_NO_MEMORY : __real_loop_every(l, ms, fn, arg, out);
}

/* ---- */

static const char *path_in(const struct engine *e, char path[static 300])
{
    text_fmt(path, 300, "%s/recording", e->scratch.dir);
    return path;
}

static long long bytes_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (long long)st.st_size : -1;
}

/* The engine counts on, whatever has become of the recording. */
static void assert_counts(struct engine *e)
{
    assert_int_equal(engine_ask(e, CALL, NOW).outcome.accepted, 1);
}

static void what_cannot_be_opened_is_told(void **state)
{
    static const struct {
        enum fn what;
        unsigned nth;
    } rows[] = {{FN_FSEEK, 1}, {FN_FWRITE, 1}, {FN_FFLUSH, 1}};
    struct engine *e = *state;
    struct recorder *r = NULL;
    char path[300], why[256];

    text_fmt(path, sizeof(path), "%s/no/such/recording", e->scratch.dir);
    assert_int_equal(recorder_open(path, e->loop, e->ingest, &r, why), ST_IO_ERROR);
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, strerror(ENOENT)));
    assert_int_equal(recorder_open("/dev/full", e->loop, e->ingest, &r, why), ST_IO_ERROR);
    assert_non_null(strstr(why, strerror(ENOSPC)));
    for (size_t i = 0; i < N_OF(rows); i++) {
        arm(rows[i].what, rows[i].nth);
        assert_int_equal(recorder_open(path_in(e, path), e->loop, e->ingest, &r, why), ST_IO_ERROR);
        assert_true(disarm());
        assert_non_null(strstr(why, strerror(ENOSPC)));
        assert_int_equal(remove(path), 0);
    }
    assert_null(r);
    recorder_close(&r); /* NULL: nothing to do */
    assert_counts(e);
    assert_int_equal(bytes_of(path), -1); /* nobody records */
}

static void without_memory_it_is_refused_or_slower(void **state)
{
    struct engine *e = *state;
    struct recorder *r = NULL;
    char path[300], why[256];

    alloc_fail(1);
    assert_int_equal(recorder_open(path_in(e, path), e->loop, e->ingest, &r, why), ST_NO_MEMORY);
    (void)alloc_fail_end();
    arm(FN_LOOP_EVERY, 1);
    assert_int_equal(recorder_open(path, e->loop, e->ingest, &r, why), ST_NO_MEMORY);
    assert_true(disarm());
    assert_null(r);
    alloc_fail(2); /* its buffer: smaller writes will do */
    assert_int_equal(recorder_open(path, e->loop, e->ingest, &r, why), ST_OK);
    (void)alloc_fail_end();
    (void)engine_ask(e, "frame 0");
    recorder_close(&r);
    assert_int_equal(bytes_of(path), RECORDING_HEAD_BYTES + RECORD_HEAD_BYTES + 7);
}

static void a_flush_makes_it_readable(void **state)
{
    struct engine *e = *state;
    struct recorder *r;
    char path[300], why[256];

    assert_int_equal(recorder_open(path_in(e, path), e->loop, e->ingest, &r, why), ST_OK);
    (void)engine_ask(e, "frame 0");
    (void)engine_ask(e, "%s", ""); /* an empty frame is one, too */
    flush(flush_arg);
    assert_int_equal(bytes_of(path), RECORDING_HEAD_BYTES + 2 * RECORD_HEAD_BYTES + 7);
    recorder_close(&r);
}

static void what_cannot_be_written_ends_the_recording(void **state)
{
    static const struct {
        enum fn what;
        unsigned nth; /* of the calls for one frame and a flush */
    } rows[] = {{FN_FWRITE, 1}, {FN_FWRITE, 2}, {FN_FFLUSH, 1}};
    struct engine *e = *state;
    char path[300], why[256];

    for (size_t i = 0; i < N_OF(rows); i++) {
        struct recorder *r;

        assert_int_equal(recorder_open(path_in(e, path), e->loop, e->ingest, &r, why), ST_OK);
        arm(rows[i].what, rows[i].nth);
        assert_counts(e);
        flush(flush_arg);
        assert_true(disarm());
        long long bytes = bytes_of(path);

        assert_counts(e);
        flush(flush_arg);
        assert_int_equal(bytes_of(path), bytes); /* it does not go on with a hole in it */
        recorder_close(&r);
        assert_int_equal(bytes_of(path), bytes);
        assert_int_equal(remove(path), 0);
        engine_stop(e, false);
        engine_start(e);
    }
}

static void a_failed_close_is_survived(void **state)
{
    struct engine *e = *state;
    struct recorder *r;
    char path[300], why[256];

    assert_int_equal(recorder_open(path_in(e, path), e->loop, e->ingest, &r, why), ST_OK);
    arm(FN_FCLOSE, 1);
    recorder_close(&r);
    assert_true(disarm());
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(what_cannot_be_opened_is_told), STARTED(without_memory_it_is_refused_or_slower),
        STARTED(a_flush_makes_it_readable),     STARTED(what_cannot_be_written_ends_the_recording),
        STARTED(a_failed_close_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
