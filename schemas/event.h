/* One decoded event. The hot part is one cache line; what few events carry hangs off `more`.
 *
 * Produced by frame_decode (schemas/frame.h) in the batch's arena; pointers live as long as the
 * arena and the frame they were decoded from. */
#ifndef SCHEMAS_EVENT_H
#define SCHEMAS_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"

enum event_kind {
    EV_NONE = 0,
#define KIND(name, number, type, group) EV_##name = number,
#include "schemas/event.def"
    EV_KIND_MAX = 64 /* numbers are below this */
};

enum event_group {
    GROUP_NONE,
    GROUP_API,
    GROUP_RECORD,
    GROUP_APP,
    GROUP_SYNC,
    GROUP_PERMISSION,
    GROUP_ACTION,
    GROUP_REMOVED,
    GROUP_CATALOG_APP,
    GROUP_CATALOG_ACADEMY,
    GROUP_DIRECTORY_USER,
    GROUP_DIRECTORY_TEAM,
    GROUP_ACCOUNT_PLAN,
    GROUP_ACCOUNT_SETTINGS,
    GROUP_COMMON, /* rows of event.def that belong to every group */
    GROUP_N
};

/* Part of the compact form: numbers never change. */
enum http_method {
    METHOD_NONE = 0,
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 3,
    METHOD_PUT = 4,
    METHOD_PATCH = 5,
    METHOD_DELETE = 6,
    METHOD_OPTIONS = 7,
    METHOD_TRACE = 8,
    METHOD_CONNECT = 9,
    METHOD_N
};

enum direction { DIRECTION_NONE = 0, DIRECTION_SENT = 1, DIRECTION_RECEIVED = 2 };

/* An object type as one integer: (value << 2) | class. The open set needs no dictionary for ids.
 *   class 0  "0-n", aliases of standard names ("contacts" is 0-1), value n up to 2^53-1
 *   class 1  "2-n", custom types, value n up to 2^53-1
 *   class 2  any other name, value = low 59 bits of hash64(name); the text travels in
 * more->object_name */
typedef uint64_t object_type_id;

/* What few events carry. Absent strings have p == NULL. */
struct event_more {
    struct str id;           /* for the id window; also hashed into id_hash */
    struct hash128 id_hash;  /* of id; of source and id for mapped events */
    struct str object_name;  /* class-2 object types only */
    struct str record_text;  /* a record given as a non-decimal string */
    uint64_t record_number;  /* a record given as an integer or decimal string; a record alone makes
                              * no `more`: its hash is enough for every aggregator */
    struct str endpoint;     /* api.call: endpoint or path */
    struct str reason, code; /* app.*, action.* */
    struct str setting, from, to; /* sync.* */
    uint64_t by1;                 /* action.*: by + 1; 0: none */
    struct str feature;           /* permission.* */
    const struct str *list;       /* scopes of permission.* */
    uint32_t list_n;
    uint64_t latency_ms;
    /* Reference data (catalog.*, directory.*, account.*): which entry, and the accepted fields as a
     * msgpack map of exactly the group's present FIELD rows, ready to be stored. */
    struct str reference_key;
    struct str reference_fields;
};

struct event {
    uint64_t account;
    uint64_t app;                  /* 0: no app, a person's own change */
    int64_t time_ms;               /* since 1970 UTC */
    object_type_id object_type;    /* record.* */
    uint64_t record_hash;          /* 64-bit hash of record; 0: none given */
    uint64_t user;                 /* valid when has_user */
    const struct event_more *more; /* NULL when nothing of it is present */
    uint32_t count;                /* 1..10^9 */
    uint32_t kind : 8;             /* enum event_kind */
    uint32_t method : 4;           /* enum http_method */
    uint32_t direction : 2;        /* enum direction, as given */
    uint32_t has_user : 1;
    uint32_t has_id : 1;
    uint32_t status : 16; /* api.call */
};
STATIC_CHECK(sizeof(struct event) == 64);

/* Is it of the activity log: app.*, sync.*, permission.* or action.*? */
bool event_is_activity(unsigned kind);

/* The group of a kind number; GROUP_NONE for unused numbers. */
enum event_group event_group(unsigned kind);

/* "record.created"; NULL for unused numbers. */
const char *event_type_name(unsigned kind);

/* The kind of a type name; EV_NONE when there is none. */
enum event_kind event_kind_of(struct str type);

/* Text of an object type: alias name, "0-n", "2-n", or `name` for class 2 (may be empty: "#<hex>").
 * Borrowed from buf or from static storage. */
struct str object_type_text(object_type_id id, struct str name, char buf[static 32]);

/* Read an object type; ST_INVALID when empty, over 64 bytes or not printable. */
enum status object_type_parse(struct str s, object_type_id *out) MUST_CHECK;

/* Which way an event moved data, by `direction` or by its kind and method (WIRE 3):
 * DIRECTION_NONE when it is no activity (status >= 400, or no data event). */
enum direction event_activity(const struct event *e);

#endif
