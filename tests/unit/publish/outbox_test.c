/* The outbox on disk: what it keeps over a close, a crash at every byte, damage, and a renewal. */
#include "clients/publish/outbox.h"
#include "engine/base/check.h"
#include "tests/unit/publish/publish_help.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_MAX (1u << 20)

static struct daybook_error told;
static struct envelope env;

static struct outbox_config config_of(const char *path)
{
    return (struct outbox_config){.path = path,
                                  .producer = STR("test"),
                                  .sync = DAYBOOK_SYNC_RELAXED, /* tests write much */
                                  .bytes_max = 64u << 20,
                                  .batches_max = 100000,
                                  .frame_bytes_max = FRAME_MAX,
                                  .epoch = 1000,
                                  .first_seq = 1,
                                  .error = &told};
}

static void open_box(struct outbox *o, const char *path)
{
    struct outbox_config config = config_of(path);
    enum daybook_status st = outbox_open(o, &config);
    if (st != DAYBOOK_OK)
        print_message("%s\n", told.text);
    assert_int_equal(st, DAYBOOK_OK);
}

/* A frame whose content and length follow from `value`. */
static void make_frame(uint64_t value, uint64_t epoch, uint64_t seq, zmq_msg_t *msg)
{
    uint8_t body[4096];
    size_t n = 16 + value * 37 % (sizeof body - 16);
    memset(body, (int)value, n);
    body[0] = 0xdd;
    memcpy(body + 5, &value, sizeof value);
    size_t bytes = envelope_frame_bytes(&env, false, n);
    assert_int_equal(zmq_msg_init_size(msg, bytes), 0);
    envelope_write(&env, (struct str){(const char *)body, n}, epoch, seq, zmq_msg_data(msg));
}

static void append(struct outbox *o, uint64_t from, uint64_t end)
{
    for (uint64_t value = from; value < end; value++) {
        zmq_msg_t msg;
        make_frame(value, o->epoch, o->next, &msg);
        assert_int_equal(outbox_append(o, &msg, 1), DAYBOOK_OK);
        (void)zmq_msg_close(&msg);
    }
}

static void expect(struct outbox *o, uint64_t seq, uint64_t value)
{
    zmq_msg_t want, got;
    make_frame(value, o->epoch, seq, &want);
    assert_int_equal(outbox_message(o, seq, &got), DAYBOOK_OK);
    assert_int_equal(zmq_msg_size(&got), zmq_msg_size(&want));
    assert_memory_equal(zmq_msg_data(&got), zmq_msg_data(&want), zmq_msg_size(&want));
    (void)zmq_msg_close(&got);
    (void)zmq_msg_close(&want);
}

static size_t files(const char *path, const char *suffix, char *last)
{
    size_t n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        size_t k = strlen(entry->d_name);
        if (k <= strlen(suffix) || strcmp(entry->d_name + k - strlen(suffix), suffix) != 0)
            continue;
        if (last != NULL && (n == 0 || strcmp(entry->d_name, strrchr(last, '/') + 1) > 0))
            (void)text_fmt(last, 256, "%s/%s", path, entry->d_name);
        n++;
    }
    (void)closedir(dir);
    return n;
}

static off_t size_of(const char *file)
{
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    return st.st_size;
}

static void flip_byte(const char *file, off_t at)
{
    int fd = open(file, O_RDWR);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void copy_file(const char *from, const char *to, off_t bytes)
{
    int in = open(from, O_RDONLY);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    char *buf = malloc((size_t)bytes + 1);
    assert_true(in >= 0 && out >= 0 && buf != NULL);
    assert_int_equal(pread(in, buf, (size_t)bytes, 0), bytes);
    assert_int_equal(write(out, buf, (size_t)bytes), bytes);
    free(buf);
    (void)close(in);
    (void)close(out);
}

static void keeps_over_a_close(void **state)
{
    (void)state;
    char path[128];
    struct outbox o;
    open_box(&o, test_directory(path));
    append(&o, 0, 200);
    outbox_drop(&o, 50);
    outbox_close(&o);
    open_box(&o, path);
    assert_int_equal(o.epoch, 1000);
    assert_true(o.first <= 51); /* what was acknowledged may be sent again, as a duplicate */
    assert_int_equal(o.next, 201);
    assert_int_equal(o.spool.fence, UINT64_MAX);
    for (uint64_t seq = o.first; seq < o.next; seq++)
        expect(&o, seq, seq - 1);
    outbox_drop(&o, 200);
    assert_int_equal(o.bytes, 0);
    outbox_close(&o);
    open_box(&o, path); /* closed idle: nothing to resend, numbers go on */
    assert_int_equal(o.first, 201);
    assert_int_equal(o.next, 201);
    append(&o, 200, 201);
    expect(&o, 201, 200);
    outbox_close(&o);
    test_remove(path);
}

static void rotates_and_deletes(void **state)
{
    (void)state;
    char path[128];
    struct outbox o;
    open_box(&o, test_directory(path));
    append(&o, 0, 6000); /* some 12 MB in segments of 4 MiB */
    size_t full_n = files(path, ".seg", NULL);
    assert_true(full_n >= 3);
    outbox_drop(&o, 5999);
    assert_int_equal(files(path, ".seg", NULL), 1);
    expect(&o, 6000, 5999);
    outbox_close(&o);
    test_remove(path);
}

/* A crash can end the file after any byte: whole records stay, numbers are not used twice. */
static void torn_at_every_byte(void **state)
{
    (void)state;
    char path[128], file[256], torn[128], torn_file[512];
    struct outbox o;
    off_t ends[3];
    open_box(&o, test_directory(path));
    (void)files(path, ".seg", file);
    for (uint64_t i = 0; i < N_OF(ends); i++) {
        append(&o, i, i + 1);
        ends[i] = size_of(file);
    }
    outbox_close(&o);
    for (off_t cut = 0; cut <= ends[N_OF(ends) - 1]; cut++) {
        uint64_t whole_n = 0;
        while (whole_n < N_OF(ends) && ends[whole_n] <= cut)
            whole_n++;
        bool clean =
            cut == (off_t)SEGMENT_HEADER_BYTES || (whole_n > 0 && ends[whole_n - 1] == cut);
        (void)text_fmt(torn_file, sizeof torn_file, "%s/%s", test_directory(torn),
                       strrchr(file, '/') + 1);
        copy_file(file, torn_file, cut);
        open_box(&o, torn);
        assert_int_equal(o.next - o.first, whole_n);
        for (uint64_t seq = o.first; seq < o.next; seq++)
            expect(&o, seq, seq - 1);
        /* Behind a torn tail the next number needs a new epoch, and still does after a crash. */
        if (cut >= (off_t)SEGMENT_HEADER_BYTES)
            assert_int_equal(o.spool.fence, clean ? UINT64_MAX : whole_n + 1);
        append(&o, 99, 100);
        outbox_close(&o);
        open_box(&o, torn);
        assert_int_equal(o.next - o.first, whole_n + 1);
        expect(&o, o.next - 1, 99);
        if (cut >= (off_t)SEGMENT_HEADER_BYTES)
            assert_int_equal(o.spool.fence, clean ? UINT64_MAX : whole_n + 1);
        outbox_close(&o);
        test_remove(torn);
    }
    test_remove(path);
}

/* A byte that has rotted anywhere costs its record, never an unnoticed one. */
static void damage_makes_holes(void **state)
{
    (void)state;
    char path[128], file[256];
    struct outbox o;
    uint64_t end;
    open_box(&o, test_directory(path));
    (void)files(path, ".seg", file);
    append(&o, 0, 3000);
    assert_true(files(path, ".seg", NULL) >= 2);
    uint64_t second = o.spool.segments[1].header.first_seq;
    uint64_t offset = outbox_entry(&o, 100)->offset;
    outbox_close(&o);
    (void)text_fmt(file, sizeof file, "%s/%013d-%016d.seg", path, 1000, 1);
    flip_byte(file, (off_t)offset + 40);
    open_box(&o, path);
    assert_int_equal(outbox_hole(&o, 1, &end), 100);
    assert_int_equal(end, second);
    expect(&o, 99, 98);
    expect(&o, second, second - 1);
    assert_int_equal(o.next, 3001);
    outbox_close(&o);
    /* Found only when it is read again: the same. */
    open_box(&o, path);
    flip_byte(file, (off_t)outbox_entry(&o, 7)->offset + 60);
    zmq_msg_t msg;
    uint64_t bytes = o.bytes;
    assert_int_equal(outbox_message(&o, 7, &msg), DAYBOOK_CORRUPT);
    assert_true(o.bytes < bytes);
    assert_int_equal(outbox_hole(&o, 1, &end), 7);
    assert_int_equal(end, 8);
    outbox_close(&o);
    test_remove(path);
}

static void damaged_header_is_set_aside(void **state)
{
    (void)state;
    char path[128], file[256];
    struct outbox o;
    open_box(&o, test_directory(path));
    append(&o, 0, 3000);
    uint64_t second = o.spool.segments[1].header.first_seq;
    outbox_close(&o);
    (void)files(path, ".seg", file);
    flip_byte(file, 20);
    open_box(&o, path);
    assert_int_equal(files(path, ".bad", NULL), 1);
    assert_int_equal(o.next, second);
    assert_int_equal(o.spool.fence, second); /* its numbers may have been sent */
    outbox_close(&o);
    test_remove(path);
}

static void belongs_to_one(void **state)
{
    (void)state;
    char path[128], file[256];
    struct outbox o, other;
    open_box(&o, test_directory(path));
    struct outbox_config config = config_of(path);
    assert_int_equal(outbox_open(&other, &config), DAYBOOK_LOCKED);
    pid_t child = fork();
    if (child == 0) /* another process cannot, either */
        _exit(outbox_open(&other, &config) == DAYBOOK_LOCKED ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    append(&o, 0, 1);
    outbox_close(&o);
    config.producer = STR("other");
    assert_int_equal(outbox_open(&other, &config), DAYBOOK_INVALID);
    assert_non_null(strstr(told.text, "another producer"));
    config.producer = STR("test");
    (void)files(path, ".seg", file);
    int fd = open(file, O_RDWR);
    assert_int_equal(pwrite(fd, "2", 1, 7), 1); /* the version, in the magic */
    (void)close(fd);
    assert_int_equal(outbox_open(&other, &config), DAYBOOK_CORRUPT);
    assert_non_null(strstr(told.text, "newer version"));
    config.path = "/nonexistent/outbox";
    assert_int_equal(outbox_open(&other, &config), DAYBOOK_IO);
    assert_non_null(strstr(told.text, "/nonexistent/outbox"));
    test_remove(path);
}

/* A new epoch keeps what it is told to, under new numbers, and survives a crash at each step. */
static void renews(void **state)
{
    (void)state;
    char path[128], made[256], file[256];
    struct outbox o;
    for (int on_disk = 0; on_disk <= 1; on_disk++) {
        open_box(&o, on_disk ? test_directory(path) : NULL);
        append(&o, 0, 100);
        outbox_drop(&o, 10);
        outbox_entry(&o, 50)->bytes = 0; /* a hole is left behind */
        assert_int_equal(outbox_renew(&o, &env, 2000, 21), DAYBOOK_OK);
        assert_int_equal(o.epoch, 2000);
        assert_int_equal(o.first, 1);
        assert_int_equal(o.next, 1 + 79);
        for (uint64_t seq = 1; seq < o.next; seq++)
            expect(&o, seq, seq < 30 ? 19 + seq : 20 + seq);
        append(&o, 100, 110);
        outbox_close(&o);
    }
    (void)text_fmt(made, sizeof made, "%s/%013d-%016d.new", path, 3000, 1);
    assert_int_equal(files(path, ".seg", file), 1);
    copy_file(file, made, size_of(file) / 2); /* it was being written */
    open_box(&o, path);
    assert_int_equal(o.epoch, 2000);
    assert_int_equal(o.next, 90);
    assert_int_equal(files(path, ".new", NULL), 0);
    struct segment old;
    struct segment_header h = spool_last(&o.spool)->header;
    h.epoch = 1500;
    assert_true(segment_create(&old, o.spool.dir_fd, &h, ".seg", false)); /* not yet deleted */
    segment_close(&old);
    outbox_close(&o);
    open_box(&o, path);
    assert_int_equal(o.epoch, 2000);
    assert_int_equal(o.next, 90);
    assert_int_equal(files(path, ".seg", NULL), 1);
    outbox_close(&o);
    test_remove(path);
}

/* Unsynced batches may have been sent and then lost by a power cut. */
static void relaxed_is_fenced_after_a_reboot(void **state)
{
    (void)state;
    char path[128];
    struct outbox o;
    struct outbox_config config = config_of(test_directory(path));
    assert_int_equal(outbox_open(&o, &config), DAYBOOK_OK);
    append(&o, 0, 5);
    assert_int_equal(o.spool.syncs, 0);
    outbox_close(&o);
    assert_int_equal(outbox_open(&o, &config), DAYBOOK_OK);
    assert_int_equal(o.spool.fence, UINT64_MAX); /* the same boot: the kernel has all */
    struct segment other;
    struct segment_header h = spool_last(&o.spool)->header;
    h.boot ^= 1;
    h.first_seq = 6;
    assert_true(segment_create(&other, o.spool.dir_fd, &h, ".seg", false));
    segment_close(&other);
    outbox_close(&o);
    assert_int_equal(outbox_open(&o, &config), DAYBOOK_OK);
    assert_int_equal(o.spool.fence, 6);
    outbox_close(&o);
    assert_int_equal(outbox_open(&o, &config), DAYBOOK_OK);
    assert_int_equal(o.spool.fence, 6);
    outbox_close(&o);
    test_remove(path);
}

static void syncs_each_batch(void **state)
{
    (void)state;
    char path[128];
    struct outbox o;
    struct outbox_config config = config_of(test_directory(path));
    config.sync = DAYBOOK_SYNC_BATCH;
    assert_int_equal(outbox_open(&o, &config), DAYBOOK_OK);
    for (uint64_t n = 1; n <= 5; n++) {
        append(&o, n, n + 1);
        assert_int_equal(o.spool.syncs, n);
    }
    outbox_close(&o);
    test_remove(path);
}

static void bounds(void **state)
{
    (void)state;
    struct outbox o;
    open_box(&o, NULL);
    o.bytes_max = 1000;
    assert_true(outbox_has_room(&o, 1000));
    assert_false(outbox_has_room(&o, 1001));
    append(&o, 1, 2);
    assert_false(outbox_has_room(&o, 1000));
    o.batches_max = 1;
    assert_false(outbox_has_room(&o, 1));
    outbox_drop(&o, 1);
    assert_true(outbox_has_room(&o, 1));
    assert_int_equal(o.bytes, 0);
    outbox_close(&o);
}

static int set_up(void **state)
{
    (void)state;
    return envelope_init(&env, STR("test")) ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    envelope_fini(&env);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_over_a_close),
        cmocka_unit_test(rotates_and_deletes),
        cmocka_unit_test(torn_at_every_byte),
        cmocka_unit_test(damage_makes_holes),
        cmocka_unit_test(damaged_header_is_set_aside),
        cmocka_unit_test(belongs_to_one),
        cmocka_unit_test(renews),
        cmocka_unit_test(relaxed_is_fenced_after_a_reboot),
        cmocka_unit_test(syncs_each_batch),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
