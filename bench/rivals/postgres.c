/* PostgreSQL: each group is a binary COPY into a temporary table and one upsert grouped by key, in
 * one transaction; synchronous_commit is on. where: a libpq connection string. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rivals/rival.h"

#define ROW_BYTES    42
#define CHUNK_ROWS   2000
#define COPY_HEAD    "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define COPY_HEAD_N  19
#define COPY_TRAILER "\377\377"

struct client {
    PGconn *db;
    uint8_t chunk[CHUNK_ROWS * ROW_BYTES];
};

static PGconn *connect_to(const char *where)
{
    PGconn *db = PQconnectdb(where);
    if (PQstatus(db) != CONNECTION_OK)
        rival_die("%s", PQerrorMessage(db));
    return db;
}

static void run(PGconn *db, const char *sql, ExecStatusType want)
{
    PGresult *r = PQexec(db, sql);
    if (PQresultStatus(r) != want)
        rival_die("%s: %s", sql, PQerrorMessage(db));
    PQclear(r);
}

static void prepare(const char *where)
{
    PGconn *db = connect_to(where);
    run(db,
        "CREATE TABLE bucket (account int, app smallint, day smallint, kind smallint,"
        "type smallint, n bigint, PRIMARY KEY (account, app, day, kind, type))"
        "WITH (fillfactor = 80)",
        PGRES_COMMAND_OK);
    PQfinish(db);
}

static void *open_client(const char *where)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        rival_die("no memory");
    c->db = connect_to(where);
    run(c->db,
        "CREATE TEMP TABLE stage (account int, app smallint, day smallint, kind smallint,"
        "type smallint, n int) ON COMMIT DELETE ROWS",
        PGRES_COMMAND_OK);
    return c;
}

static uint8_t *put16(uint8_t *p, uint16_t v)
{
    const uint8_t bytes[6] = {0, 0, 0, 2, (uint8_t)(v >> 8), (uint8_t)v};
    memcpy(p, bytes, sizeof bytes);
    return p + sizeof bytes;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    const uint32_t bytes[2] = {__builtin_bswap32(4), __builtin_bswap32(v)};
    memcpy(p, bytes, sizeof bytes);
    return p + sizeof bytes;
}

static uint8_t *put_row(uint8_t *p, const struct rival_row *row)
{
    *p++ = 0;
    *p++ = 6; /* fields */
    p = put32(p, rival_account(row->key));
    p = put16(p, rival_app(row->key));
    p = put16(p, rival_day(row->key));
    p = put16(p, rival_kind(row->key));
    p = put16(p, rival_type(row->key));
    return put32(p, (uint32_t)row->n);
}

static void send(PGconn *db, const void *bytes, size_t n)
{
    if (PQputCopyData(db, bytes, (int)n) != 1)
        rival_die("COPY: %s", PQerrorMessage(db));
}

static void write_rows(void *client, const struct rival_row *rows, size_t n)
{
    struct client *c = client;
    run(c->db, "BEGIN", PGRES_COMMAND_OK);
    run(c->db, "COPY stage FROM STDIN (FORMAT binary)", PGRES_COPY_IN);
    send(c->db, COPY_HEAD, COPY_HEAD_N);
    for (size_t i = 0; i < n;) {
        uint8_t *p = c->chunk;
        for (size_t end = i + CHUNK_ROWS; i < n && i < end; i++)
            p = put_row(p, &rows[i]);
        send(c->db, c->chunk, (size_t)(p - c->chunk));
    }
    send(c->db, COPY_TRAILER, 2);
    if (PQputCopyEnd(c->db, NULL) != 1)
        rival_die("COPY: %s", PQerrorMessage(c->db));
    for (PGresult *r; (r = PQgetResult(c->db)); PQclear(r)) {
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            rival_die("COPY: %s", PQerrorMessage(c->db));
    }
    run(c->db,
        "INSERT INTO bucket SELECT account, app, day, kind, type, sum(n) FROM stage "
        "GROUP BY 1, 2, 3, 4, 5 ON CONFLICT (account, app, day, kind, type) "
        "DO UPDATE SET n = bucket.n + excluded.n",
        PGRES_COMMAND_OK);
    run(c->db, "COMMIT", PGRES_COMMAND_OK);
}

static void close_client(void *client)
{
    struct client *c = client;
    PQfinish(c->db);
    free(c);
}

static void dump(const char *where)
{
    PGconn *db = connect_to(where);
    run(db, "COPY bucket TO STDOUT", PGRES_COPY_OUT);
    char *line;
    while (PQgetCopyData(db, &line, 0) > 0) {
        rival_have_line(line);
        PQfreemem(line);
    }
    PQfinish(db);
}

const struct rival rival_this = {.name = "postgres",
                                 .by_account = true,
                                 .sorted = true,
                                 .prepare = prepare,
                                 .open = open_client,
                                 .write = write_rows,
                                 .close = close_client,
                                 .dump = dump};
