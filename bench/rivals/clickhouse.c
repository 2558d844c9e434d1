/* ClickHouse: blocks of ClickHouse's Native format into one clickhouse-client a client, which sends
 * them by the native protocol into a SummingMergeTree; a syncfs at the end, inside the time, as the
 * server does not sync on its own. where: PORT:DATA_DIR. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/rivals/rival.h"
#include "engine/base/text.h"

#define COLUMNS   6
#define VALUE_MAX 8

struct client {
    FILE *pipe;
    char dir[512];
    uint8_t *column; /* room for one of the largest block; owned */
    size_t cap;
};

static FILE *client_of(const char *where, const char *sql, const char *mode)
{
    char command[1024];
    text_fmt(command, sizeof command,
             "clickhouse-client --host=127.0.0.1 --port=%.*s --max_insert_block_size=1048576 "
             "--min_insert_block_size_rows=500000 --query='%s'",
             (int)strcspn(where, ":"), where, sql);
    FILE *f = popen(command, mode);
    if (!f)
        rival_die("clickhouse-client cannot be run");
    return f;
}

static void must_end(FILE *f)
{
    if (pclose(f) != 0)
        rival_die("clickhouse-client failed");
}

static void prepare(const char *where)
{
    must_end(client_of(where,
                       "CREATE TABLE bucket (account UInt32, app UInt16, day UInt16, kind UInt8, "
                       "type UInt8, n UInt64) ENGINE = SummingMergeTree(n) "
                       "PARTITION BY tuple() ORDER BY (account, app, day, kind, type)",
                       "w"));
}

static void *open_client(const char *where)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        rival_die("no memory");
    text_fmt(c->dir, sizeof c->dir, "%s", where + strcspn(where, ":") + 1);
    c->pipe = client_of(where, "INSERT INTO bucket FORMAT Native", "w");
    (void)fcntl(fileno(c->pipe), F_SETPIPE_SZ, 1 << 20);
    return c;
}

static void put_number(FILE *f, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        (void)fputc((int)(v & 0x7f) | 0x80, f);
    (void)fputc((int)v, f);
}

static void put_text(FILE *f, const char *s)
{
    put_number(f, strlen(s));
    (void)fputs(s, f);
}

static uint64_t value_of(const struct rival_row *row, unsigned column)
{
    const uint64_t k = row->key;
    const uint64_t v[COLUMNS] = {rival_account(k), rival_app(k),  rival_day(k),
                                 rival_kind(k),    rival_type(k), row->n};
    return v[column];
}

static void put_column(struct client *c, unsigned column, unsigned bytes,
                       const struct rival_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = value_of(&rows[i], column);
        memcpy(c->column + i * bytes, &v, bytes); /* little endian, as the format is */
    }
    if (fwrite(c->column, bytes, n, c->pipe) != n)
        rival_die("clickhouse-client went away");
}

static void write_rows(void *client, const struct rival_row *rows, size_t n)
{
    static const struct {
        const char *name, *type;
        unsigned bytes;
    } columns[COLUMNS] = {{"account", "UInt32", 4}, {"app", "UInt16", 2}, {"day", "UInt16", 2},
                          {"kind", "UInt8", 1},     {"type", "UInt8", 1}, {"n", "UInt64", 8}};
    struct client *c = client;
    if (n > c->cap) {
        free(c->column);
        c->column = malloc(n * VALUE_MAX + VALUE_MAX);
        c->cap = n;
        if (!c->column)
            rival_die("no memory");
    }
    put_number(c->pipe, COLUMNS);
    put_number(c->pipe, n);
    for (unsigned i = 0; i < COLUMNS; i++) {
        put_text(c->pipe, columns[i].name);
        put_text(c->pipe, columns[i].type);
        put_column(c, i, columns[i].bytes, rows, n);
    }
}

static void close_client(void *client)
{
    struct client *c = client;
    must_end(c->pipe);
    int dir = open(c->dir, O_RDONLY | O_DIRECTORY);
    if (dir < 0 || syncfs(dir) != 0)
        rival_die("%s: cannot be synced", c->dir);
    close(dir);
    free(c->column);
    free(c);
}

static void dump(const char *where)
{
    char line[256];
    FILE *f = client_of(where,
                        "SELECT account, app, day, kind, type, sum(n) FROM bucket "
                        "GROUP BY account, app, day, kind, type FORMAT TabSeparated",
                        "r");
    while (fgets(line, sizeof line, f))
        rival_have_line(line);
    must_end(f);
}

const struct rival rival_this = {.name = "clickhouse",
                                 .prepare = prepare,
                                 .open = open_client,
                                 .write = write_rows,
                                 .close = close_client,
                                 .dump = dump};
