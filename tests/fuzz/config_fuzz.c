/* The configuration file. Holds: a refusal has at least one line and leaves the caller's value;
 * what is accepted is printed in a form that reads back as the same value, option by option. */
#include "engine/base/check.h"
#include "engine/config/config.h"
#include "engine/config/option.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void reads_back(const struct config *c)
{
    struct config again;
    char text[CONFIG_TEXT_MAX + 1], why[384];
    config_default(&again);
    for (unsigned i = 0; i < OPTION_N; i++) {
        enum option_id id = (enum option_id)i;
        option_format(c, id, text, sizeof(text));
        enum status st = option_set(&again, id, str_of(text), why, sizeof(why));
        CHECK(st == ST_OK);
        CHECK(option_same(c, &again, id));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char program[] = "daybookd";
    char flag[64];
    int fd = memfd_create("config", 0);
    CHECK(fd >= 0);
    ssize_t put = write(fd, data, n);
    CHECK(put == (ssize_t)n);
    text_fmt(flag, sizeof(flag), "--config=/proc/self/fd/%d", fd);
    char *const argv[] = {(char *)program, flag, NULL};
    struct config c;
    struct config_report report;
    memset(&c, 0x5a, sizeof(c));
    struct config before = c;
    enum status st = config_load(&(struct config_words){2, argv, NULL}, &c, &report);
    (void)close(fd);
    CHECK(strlen(report.text) == report.n);
    if (st == ST_OK) {
        CHECK(report.exit_code == 0);
        reads_back(&c);
        return 0;
    }
    CHECK(report.lines_n > 0 && report.n > 0);
    CHECK(report.exit_code == CONFIG_EXIT_CONFIG);
    CHECK(memcmp(&c, &before, sizeof(c)) == 0);
    return 0;
}
