/* SQLite: one transaction of upserts a group, WAL, synchronous=FULL: on the disk at each commit.
 * where: the file's path. One process writes; SQLite has one writer at a time anyway. */
#include <sqlite3.h>
#include <stdlib.h>

#include "bench/rivals/rival.h"

struct client {
    sqlite3 *db;
    sqlite3_stmt *upsert;
};

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        rival_die("%s: %s", sql, why);
}

static sqlite3 *connect_to(const char *where)
{
    sqlite3 *db;
    if (sqlite3_open(where, &db) != SQLITE_OK)
        rival_die("%s: %s", where, sqlite3_errmsg(db));
    run(db, "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "PRAGMA cache_size = -2000000; PRAGMA wal_autocheckpoint = 20000;"
            "PRAGMA mmap_size = 8000000000; PRAGMA locking_mode = EXCLUSIVE");
    return db;
}

static void prepare(const char *where)
{
    sqlite3 *db = connect_to(where);
    run(db, "CREATE TABLE bucket (account INT, app INT, day INT, kind INT, type INT, n INT,"
            "PRIMARY KEY (account, app, day, kind, type)) WITHOUT ROWID");
    sqlite3_close(db);
}

static void *open_client(const char *where)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        rival_die("no memory");
    c->db = connect_to(where);
    if (sqlite3_prepare_v2(c->db,
                           "INSERT INTO bucket VALUES (?, ?, ?, ?, ?, ?)"
                           "ON CONFLICT DO UPDATE SET n = n + excluded.n",
                           -1, &c->upsert, NULL) != SQLITE_OK)
        rival_die("%s", sqlite3_errmsg(c->db));
    return c;
}

static void write_rows(void *client, const struct rival_row *rows, size_t n)
{
    struct client *c = client;
    run(c->db, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < n; i++) {
        const uint64_t k = rows[i].key;
        sqlite3_bind_int(c->upsert, 1, (int)rival_account(k));
        sqlite3_bind_int(c->upsert, 2, rival_app(k));
        sqlite3_bind_int(c->upsert, 3, rival_day(k));
        sqlite3_bind_int(c->upsert, 4, rival_kind(k));
        sqlite3_bind_int(c->upsert, 5, rival_type(k));
        sqlite3_bind_int64(c->upsert, 6, (sqlite3_int64)rows[i].n);
        if (sqlite3_step(c->upsert) != SQLITE_DONE)
            rival_die("%s", sqlite3_errmsg(c->db));
        sqlite3_reset(c->upsert);
    }
    run(c->db, "COMMIT");
}

static void close_client(void *client)
{
    struct client *c = client;
    sqlite3_finalize(c->upsert);
    sqlite3_close(c->db); /* moves the WAL into the file: part of the work */
    free(c);
}

static void dump(const char *where)
{
    sqlite3 *db = connect_to(where);
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, "SELECT * FROM bucket", -1, &s, NULL) != SQLITE_OK)
        rival_die("%s", sqlite3_errmsg(db));
    while (sqlite3_step(s) == SQLITE_ROW) {
        uint64_t v[6];
        for (int i = 0; i < 6; i++)
            v[i] = (uint64_t)sqlite3_column_int64(s, i);
        rival_have(rival_key(v[0], v[1], v[2], v[3], v[4]), v[5]);
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
}

const struct rival rival_this = {.name = "sqlite",
                                 .sorted = true,
                                 .prepare = prepare,
                                 .open = open_client,
                                 .write = write_rows,
                                 .close = close_client,
                                 .dump = dump};
