/* Redis: a hash for each (account, app, day), a field for each (kind, object type), HINCRBY in a
 * pipeline. How durable a write is, is the server's appendfsync. where: the unix socket's path. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rivals/rival.h"
#include "engine/base/text.h"

#define IN_FLIGHT 10000 /* commands between two looks at the replies */

static redisContext *connect_to(const char *where)
{
    redisContext *c = redisConnectUnix(where);
    if (!c || c->err)
        rival_die("%s: %s", where, c ? c->errstr : "no memory");
    return c;
}

static void prepare(const char *where)
{
    redisFree(connect_to(where));
}

static void *open_client(const char *where)
{
    return connect_to(where);
}

static void take_replies(redisContext *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *reply;
        if (redisGetReply(c, &reply) != REDIS_OK)
            rival_die("%s", c->errstr);
        if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
            rival_die("%s", ((redisReply *)reply)->str);
        freeReplyObject(reply);
    }
}

/* The command is written by hand: redisAppendCommand would cost more than the server. */
static void append(redisContext *c, const struct rival_row *row)
{
    char key[48], field[16], n[24], command[192];
    text_fmt(key, sizeof key, "%u:%u:%u", rival_account(row->key), rival_app(row->key),
             rival_day(row->key));
    text_fmt(field, sizeof field, "%u:%u", rival_kind(row->key), rival_type(row->key));
    text_fmt(n, sizeof n, "%llu", (unsigned long long)row->n);
    text_fmt(command, sizeof command,
             "*4\r\n$7\r\nHINCRBY\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(key), key,
             strlen(field), field, strlen(n), n);
    if (redisAppendFormattedCommand(c, command, strlen(command)) != REDIS_OK)
        rival_die("%s", c->errstr);
}

static void write_rows(void *client, const struct rival_row *rows, size_t n)
{
    size_t open = 0;
    for (size_t i = 0; i < n; i++) {
        append(client, &rows[i]);
        if (++open == IN_FLIGHT) {
            take_replies(client, open);
            open = 0;
        }
    }
    take_replies(client, open);
}

static void close_client(void *client)
{
    redisFree(client);
}

static void dump_hash(const char *key, const redisReply *pairs)
{
    char line[160], k[64];
    text_fmt(k, sizeof k, "%s", key);
    for (char *p = k; *p; p++)
        *p = *p == ':' ? ' ' : *p;
    for (size_t i = 0; i + 1 < pairs->elements; i += 2) {
        const char *field = pairs->element[i]->str;
        int kind_n = (int)strcspn(field, ":");
        text_fmt(line, sizeof line, "%s %.*s %s %s", k, kind_n, field, field + kind_n + 1,
                 pairs->element[i + 1]->str);
        rival_have_line(line);
    }
}

static void dump(const char *where)
{
    redisContext *c = connect_to(where);
    char cursor[32] = "0";
    do {
        redisReply *scan = redisCommand(c, "SCAN %s COUNT 5000", cursor);
        if (!scan || scan->type != REDIS_REPLY_ARRAY)
            rival_die("SCAN: %s", c->errstr);
        const redisReply *keys = scan->element[1];
        for (size_t i = 0; i < keys->elements; i++)
            redisAppendCommand(c, "HGETALL %s", keys->element[i]->str);
        for (size_t i = 0; i < keys->elements; i++) {
            void *reply;
            if (redisGetReply(c, &reply) != REDIS_OK)
                rival_die("HGETALL: %s", c->errstr);
            dump_hash(keys->element[i]->str, reply);
            freeReplyObject(reply);
        }
        text_fmt(cursor, sizeof cursor, "%s", scan->element[0]->str);
        freeReplyObject(scan);
    } while (strcmp(cursor, "0") != 0);
    redisFree(c);
}

const struct rival rival_this = {.name = "redis",
                                 .prepare = prepare,
                                 .open = open_client,
                                 .write = write_rows,
                                 .close = close_client,
                                 .dump = dump};
