/* libdaybook: publish events to a Daybook engine, each counted exactly once, and query it.
 *
 * A publisher collects events into batches, numbers the batches and keeps each of them in an outbox
 * until the engine has acknowledged it, which it does only after its disk has it. With an outbox on
 * disk a crash of this process loses nothing that publish had sealed; batches are resent under
 * their old number, so nothing is counted twice either.
 *
 * Threads: the library starts none (libzmq has its own I/O thread inside). A publisher or a query
 * handle belongs to one thread at a time; different handles are independent. Work happens inside
 * the calls: whoever publishes seldom calls daybook_poll now and then, or waits on
 * daybook_publisher_fd. Handles do not survive fork().
 *
 * Errors: every fallible call returns enum daybook_status; results come last and are left untouched
 * on failure. daybook_publisher_error and daybook_query_error tell the last failure as a sentence.
 * The library never prints, never exits, and installs no signal handlers.
 *
 * Text is UTF-8, NUL-terminated. Integers on the wire are 0..2^53-1. Instants are milliseconds
 * since 1970 UTC. A timeout is in milliseconds; negative waits without end, 0 does not wait. */
#ifndef DAYBOOK_H
#define DAYBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DAYBOOK_API     __attribute__((visibility("default")))
#define DAYBOOK_CHECKED __attribute__((visibility("default"), warn_unused_result))
#else
#define DAYBOOK_API
#define DAYBOOK_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- outcomes ---- */

enum daybook_status {
    DAYBOOK_OK = 0,
    DAYBOOK_AGAIN = 1,     /* would block: the outbox is full, or nothing happened */
    DAYBOOK_TIMEOUT = 2,   /* the time was up first */
    DAYBOOK_INVALID = 3,   /* an argument or event is wrong; it was not taken */
    DAYBOOK_TOO_LARGE = 4, /* over batch_bytes_max or message_bytes_max; not taken */
    DAYBOOK_NO_MEMORY = 5,
    DAYBOOK_IO = 6,      /* the outbox could not be read or written */
    DAYBOOK_LOCKED = 7,  /* another publisher has this outbox open */
    DAYBOOK_CORRUPT = 8, /* the outbox or an answer does not check out */
    DAYBOOK_NETWORK = 9, /* ZeroMQ refuses: a bad endpoint or key, no sockets left */
    DAYBOOK_FENCED = 10, /* an epoch given by the caller is no longer valid; see .epoch */
    DAYBOOK_REFUSED = 11 /* the engine refused the query: the answer says why */
};

/* What st means, one sentence; never NULL. */
DAYBOOK_API const char *daybook_status_text(enum daybook_status st);

/* "0.1.0" */
DAYBOOK_API const char *daybook_version(void);

/* Why an open call failed. */
struct daybook_error {
    enum daybook_status status;
    char text[256]; /* a sentence that names the option or file and what is allowed */
};

/* ---- events ---- */

/* Numbers are those of the wire's compact form. */
enum daybook_kind {
    DAYBOOK_API_CALL = 1,
    DAYBOOK_RECORD_CREATED = 10,
    DAYBOOK_RECORD_UPDATED = 11,
    DAYBOOK_RECORD_DELETED = 12,
    DAYBOOK_RECORD_MERGED = 13,
    DAYBOOK_RECORD_RESTORED = 14,
    DAYBOOK_RECORD_ASSOCIATED = 15,
    DAYBOOK_APP_INSTALLED = 20,
    DAYBOOK_APP_UNINSTALLED = 21,
    DAYBOOK_APP_REINSTALLED = 22,
    DAYBOOK_APP_CONNECTED = 23,
    DAYBOOK_APP_DISCONNECTED = 24,
    DAYBOOK_APP_RECONNECTED = 25,
    DAYBOOK_APP_EXPIRED = 26,
    DAYBOOK_APP_ERROR = 27,
    DAYBOOK_APP_RECOVERED = 28,
    DAYBOOK_SYNC_ENABLED = 30,
    DAYBOOK_SYNC_DISABLED = 31,
    DAYBOOK_SYNC_CHANGED = 32,
    DAYBOOK_PERMISSION_GRANTED = 40,
    DAYBOOK_PERMISSION_REVOKED = 41,
    DAYBOOK_PERMISSION_REAUTH = 42,
    DAYBOOK_ACTION_RECONNECT = 45,
    DAYBOOK_ACTION_DISCONNECT = 46,
    DAYBOOK_ACTION_REAUTHENTICATE = 47,
    DAYBOOK_ACTION_INSTALL = 48,
    DAYBOOK_ACTION_UNINSTALL = 49,
    DAYBOOK_CATALOG_APP = 50,
    DAYBOOK_CATALOG_APP_REMOVED = 51,
    DAYBOOK_CATALOG_ACADEMY = 52,
    DAYBOOK_CATALOG_ACADEMY_REMOVED = 53,
    DAYBOOK_DIRECTORY_USER = 54,
    DAYBOOK_DIRECTORY_USER_REMOVED = 55,
    DAYBOOK_DIRECTORY_TEAM = 56,
    DAYBOOK_DIRECTORY_TEAM_REMOVED = 57,
    DAYBOOK_ACCOUNT_PLAN = 58,
    DAYBOOK_ACCOUNT_PLAN_REMOVED = 59,
    DAYBOOK_ACCOUNT_SETTINGS = 60,
    DAYBOOK_ACCOUNT_SETTINGS_REMOVED = 61
};

enum daybook_method {
    DAYBOOK_METHOD_NONE = 0,
    DAYBOOK_GET = 1,
    DAYBOOK_HEAD = 2,
    DAYBOOK_POST = 3,
    DAYBOOK_PUT = 4,
    DAYBOOK_PATCH = 5,
    DAYBOOK_DELETE = 6,
    DAYBOOK_OPTIONS = 7,
    DAYBOOK_TRACE = 8,
    DAYBOOK_CONNECT = 9
};

enum daybook_direction {
    DAYBOOK_BY_KIND = 0, /* left to the kind and the method */
    DAYBOOK_SENT = 1,    /* the app sent data to the account */
    DAYBOOK_RECEIVED = 2 /* the app read data from the account */
};

enum daybook_field_type {
    DAYBOOK_TEXT = 0, /* text */
    DAYBOOK_NUMBER,   /* number */
    DAYBOOK_BOOL,     /* number: 0 or 1 */
    DAYBOOK_TEXTS,    /* texts[0..n) */
    DAYBOOK_NUMBERS   /* numbers[0..n) */
};

/* A field of the reference kinds (catalog.*, directory.*, account.*): its name as on the wire and
 * one value, where `type` says. */
struct daybook_field {
    const char *name; /* "developer" */
    enum daybook_field_type type;
    const char *text;
    uint64_t number;
    const char *const *texts;
    const uint64_t *numbers;
    size_t n; /* items of texts or numbers */
};

/* One event. Zero-initialise it and fill what applies: NULL, 0 or has_x = false leave a field out.
 * Everything it points to is borrowed for the call. */
struct daybook_event {
    enum daybook_kind kind;
    uint64_t account;
    uint64_t app;    /* 0: no app, a person's own change */
    int64_t time_ms; /* when it happened; 0: now */
    const char *id;  /* identity for the engine's id window, at most 64 bytes */
    bool has_user;
    uint64_t user; /* app.*, sync.* and directory.user need it */
    enum daybook_direction direction;

    /* api.call; count also for record.* */
    enum daybook_method method;
    uint32_t status;      /* HTTP status of the answer, 100..599 */
    uint32_t count;       /* how many such calls or changes, 1..10^9; 0: 1 */
    const char *endpoint; /* route, such as "/crm/v3/objects/{type}" */
    const char *path;     /* where no route is known */
    bool has_latency;
    uint64_t latency_ms;

    /* record.* */
    const char *object_type; /* "contacts", "0-1", "2-123" */
    const char *record;      /* identity of the record as text; NULL: see record_number */
    bool has_record_number;
    uint64_t record_number;

    const char *reason, *code;          /* app.* */
    const char *setting, *from, *to;    /* sync.* */
    const char *const *scopes;          /* permission.*: scopes[0..scopes_n) */
    size_t scopes_n;                    /* at most 256 */
    const char *feature;                /* permission.* */
    const struct daybook_field *fields; /* reference kinds: fields[0..fields_n) */
    size_t fields_n;
};

/* Encode one event in the compact msgpack form into bytes[0..cap). *n is its length. TOO_LARGE when
 * cap does not suffice (64 KiB always does); INVALID with a sentence in *error (may be NULL). */
DAYBOOK_CHECKED enum daybook_status daybook_event_encode(const struct daybook_event *event,
                                                         void *bytes, size_t cap, size_t *n,
                                                         struct daybook_error *error);

/* ---- publisher ---- */

struct daybook_publisher;

/* An event that the engine did not accept. */
struct daybook_rejection {
    uint32_t index;      /* in its batch */
    const char *code;    /* "too_old" */
    const char *message; /* names field, value and what is allowed */
};

/* The engine's answer to one batch; lives for the callback. */
struct daybook_ack {
    uint64_t epoch;
    uint64_t seq;
    bool refused;        /* the batch as a whole, for good: code and message say why */
    bool implied;        /* its own answer was lost; a later one proves that it was taken */
    uint64_t accepted;   /* events */
    uint64_t duplicate;  /* events */
    uint64_t rejected;   /* events */
    const char *code;    /* "ok", "duplicate", or of the refusal */
    const char *message; /* of the refusal; "" otherwise */
    const struct daybook_rejection *rejections; /* the first 100 at most */
    size_t rejections_n;
    uint64_t age_us; /* since the batch entered the outbox (of this process) */
};

enum daybook_lost_why {
    DAYBOOK_LOST_STALE_EPOCH = 1, /* a newer epoch fenced us: these batches may have been counted
                                     before it, or not at all */
    DAYBOOK_LOST_BY_ENGINE = 2,   /* the engine acknowledged these and no longer has them (another
                                     or an older data directory) */
    DAYBOOK_LOST_IN_OUTBOX = 3,   /* outbox files are damaged or missing: these cannot be sent */
    DAYBOOK_LOST_UNREADABLE = 4 /* published raw, and the engine could not even read the envelope */
};

/* Batches from_seq..to_seq of `epoch` cannot be delivered exactly once any more; publishing goes on
 * in new_epoch, with everything that was certainly not counted yet. */
struct daybook_lost {
    enum daybook_lost_why why;
    uint64_t epoch;
    uint64_t from_seq;
    uint64_t to_seq; /* inclusive; below from_seq: nothing lost, only the epoch changed */
    uint64_t new_epoch;
};

enum daybook_sync {
    DAYBOOK_SYNC_BATCH = 0, /* fdatasync each batch before it is sent: a power cut loses nothing */
    DAYBOOK_SYNC_RELAXED    /* leave it to the kernel: a crash of the process loses nothing, a power
                               cut may lose the newest batches, never count one twice */
};

/* Zero-initialise and fill; 0 and NULL mean the default. Strings are copied by open. */
struct daybook_publisher_options {
    const char *endpoint; /* required: "tcp://127.0.0.1:7701" */
    const char *producer; /* required: 1..128 bytes, printable; its outbox is its own */
    const char *outbox;   /* a directory, made when absent; NULL: in memory only */
    enum daybook_sync sync;

    uint32_t batch_events_max; /* seal a batch at so many events: 1..10,000 (500) */
    uint32_t batch_bytes_max;  /* or at so many bytes of events: 1 KiB.. (64 KiB) */
    int linger_ms;             /* or at this age: 1.. (10); negative: only when full or asked to */
    uint32_t window;           /* batches in flight: 1..65,536 (1,024) */
    uint64_t window_bytes_max; /* bytes in flight: 64 KiB.. (64 MiB) */
    uint64_t
        outbox_bytes_max; /* unacknowledged bytes: 64 KiB.. (64 MiB in memory, 1 GiB on disk) */
    uint32_t outbox_batches_max; /* unacknowledged batches: 1..16,777,216 (1,000,000) */
    uint32_t message_bytes_max;  /* the engine's message limit: 1 KiB..64 MiB (1 MiB) */

    int block_ms;       /* how long publish blocks on a full outbox: 1.. (without end) */
    int probe_ms;       /* no progress for so long: ask the engine what it has (1,000) */
    int ack_timeout_ms; /* no answer at all for so long: resend, then twice as long (10,000) */

    /* For importers, whose batches are the same on every run: number them in this epoch from
     * first_seq on (1), in memory only. Where an ordinary publisher would have to start a new
     * epoch, such a one fails with FENCED. 0: the creation time of the outbox. */
    uint64_t epoch;
    uint64_t first_seq;

    /* CURVE keys in Z85 (40 characters), all three or none. */
    const char *server_key, *public_key, *secret_key;
    void *zmq_context; /* borrowed; NULL: one of its own */

    /* Called inside poll, publish, flush and close; must not call the publisher but for stats. */
    void *context; /* handed to the callbacks */
    void (*on_ack)(void *context, const struct daybook_ack *ack);
    void (*on_lost)(void *context, const struct daybook_lost *lost);
};

/* Open a publisher and its outbox, and begin to connect; it need not succeed for publishing.
 * On DAYBOOK_OK the caller owns *out until daybook_publisher_close. error may be NULL.
 * INVALID, LOCKED, IO, CORRUPT, NETWORK, NO_MEMORY. */
DAYBOOK_CHECKED enum daybook_status
daybook_publisher_open(const struct daybook_publisher_options *options,
                       struct daybook_publisher **out, struct daybook_error *error);

/* Seal, wait up to timeout_ms for the acknowledgements, free, and set *p to NULL (NULL is fine).
 * TIMEOUT: some batches were not acknowledged; on disk they stay for the next open, in memory they
 * are gone. AGAIN, IO: the open batch did not even reach the outbox, full or failed. */
DAYBOOK_API enum daybook_status daybook_publisher_close(struct daybook_publisher **p,
                                                        int timeout_ms);

/* Take one event into the open batch, sealing full batches. Blocks up to block_ms while the outbox
 * is full. OK: taken (and in the outbox once its batch is sealed). Otherwise it was not taken:
 * INVALID, TOO_LARGE, TIMEOUT, IO, NO_MEMORY, FENCED. */
DAYBOOK_CHECKED enum daybook_status daybook_publish(struct daybook_publisher *p,
                                                    const struct daybook_event *event);

/* The same without blocking: AGAIN when the outbox is full. */
DAYBOOK_CHECKED enum daybook_status daybook_try_publish(struct daybook_publisher *p,
                                                        const struct daybook_event *event);

/* Take an array of events that is already encoded (msgpack or JSON, WIRE's forms) as one batch. It
 * is not looked into beyond its first byte. The open batch is sealed before it. OK: it is in the
 * outbox under *seq (may be NULL; on_lost tells when numbers begin anew). Costs some 2 microseconds
 * for 12 kB in memory. */
DAYBOOK_CHECKED enum daybook_status daybook_publish_raw(struct daybook_publisher *p,
                                                        const void *bytes, size_t n, uint64_t *seq);
DAYBOOK_CHECKED enum daybook_status
daybook_try_publish_raw(struct daybook_publisher *p, const void *bytes, size_t n, uint64_t *seq);

/* Close the open batch: number it, put it into the outbox, send it when the window allows. On OK
 * everything published so far is as safe as the outbox is. AGAIN: the outbox is full. */
DAYBOOK_CHECKED enum daybook_status daybook_seal(struct daybook_publisher *p);

/* Handle what is due (answers, resends, the age of the open batch) and wait up to timeout_ms for an
 * answer. OK: answers were handled. AGAIN: none came, or a signal arrived. FENCED, IO. */
DAYBOOK_API enum daybook_status daybook_poll(struct daybook_publisher *p, int timeout_ms);

/* Seal, and wait until every batch is acknowledged or refused. TIMEOUT: not yet. */
DAYBOOK_CHECKED enum daybook_status daybook_flush(struct daybook_publisher *p, int timeout_ms);

/* For event loops: when the descriptor is readable (watch it edge- or level-triggered), or
 * wait_ms has passed, call daybook_poll(p, 0). wait_ms changes with every call; negative: nothing
 * is due. Every call leaves the descriptor such that no answer can be missed. Owned by p. */
DAYBOOK_API int daybook_publisher_fd(struct daybook_publisher *p);
DAYBOOK_API int daybook_publisher_wait_ms(struct daybook_publisher *p);

/* Ask the engine for the last (epoch, seq) of this producer that it has: (0, 0) for none. */
DAYBOOK_CHECKED enum daybook_status daybook_publisher_cursor(struct daybook_publisher *p,
                                                             int timeout_ms, uint64_t *epoch,
                                                             uint64_t *seq);

/* The last failure, or refusal that is waited out, as a sentence; "" when there was none. Borrowed
 * until the next call. */
DAYBOOK_API const char *daybook_publisher_error(const struct daybook_publisher *p);

struct daybook_publisher_stats {
    uint64_t epoch;          /* numbers in force */
    uint64_t first_seq;      /* oldest batch in the outbox */
    uint64_t next_seq;       /* number of the next batch to be sealed */
    uint64_t outbox_batches; /* unacknowledged, waiting ones included */
    uint64_t outbox_bytes;
    uint64_t in_flight;    /* batches sent and not answered */
    uint64_t open_events;  /* in the batch that is being filled */
    uint64_t batches_sent; /* frames handed to the network, resends included */
    uint64_t batches_resent;
    uint64_t batches_acked;   /* answered and done, duplicates included */
    uint64_t batches_refused; /* for good */
    uint64_t batches_lost;    /* told to on_lost */
    uint64_t events_accepted; /* sums of the acknowledgements */
    uint64_t events_duplicate;
    uint64_t events_rejected;
    uint64_t gaps;    /* answers "gap"; a rewind handles many of them */
    uint64_t rewinds; /* times sending went back */
    uint64_t busy;    /* answers that asked to wait */
    uint64_t probes;  /* questions for the cursor */
    uint64_t epochs;  /* new epochs that had to be begun */
    uint64_t
        outbox_torn_bytes; /* cut off the outbox's tail at open: a write the crash interrupted */
    uint64_t outbox_syncs;
    uint64_t bad_answers; /* not understood, ignored */
};

DAYBOOK_API void daybook_publisher_stats(const struct daybook_publisher *p,
                                         struct daybook_publisher_stats *out);

/* ---- queries ---- */

struct daybook_query;

struct daybook_query_options {
    const char *endpoint;                             /* required: "tcp://127.0.0.1:7703" */
    const char *server_key, *public_key, *secret_key; /* CURVE in Z85, all three or none */
    void *zmq_context;                                /* borrowed; NULL: one of its own */
};

/* Open a query handle; owned until daybook_query_close. */
DAYBOOK_CHECKED enum daybook_status daybook_query_open(const struct daybook_query_options *options,
                                                       struct daybook_query **out,
                                                       struct daybook_error *error);
DAYBOOK_API void daybook_query_close(struct daybook_query **q); /* NULL is fine */

/* An answer, as the engine encoded it: JSON when the question was, msgpack when it was. Borrowed
 * until the next call on the handle; a NUL follows its last byte. */
struct daybook_answer {
    const char *bytes;
    size_t n;
};

/* One parameter: text, or (text NULL) a number. Neighbours of the same name form an array. A list
 * of parameters ends with a name of NULL. */
struct daybook_param {
    const char *name;
    const char *text;
    uint64_t number;
};

/* Send one request, JSON text or msgpack bytes, and wait for its answer. OK: an answer with
 * ok = true; REFUSED: one with ok = false, in *answer as well; TIMEOUT: none came, and a late one
 * will not be taken for another's. NETWORK, NO_MEMORY, CORRUPT. */
DAYBOOK_CHECKED enum daybook_status daybook_query(struct daybook_query *q, const void *request,
                                                  size_t n, int timeout_ms,
                                                  struct daybook_answer *answer);

/* The same from a view's name and its parameters (NULL: none); asks and answers in JSON. */
DAYBOOK_CHECKED enum daybook_status daybook_query_view(struct daybook_query *q, const char *view,
                                                       const struct daybook_param *params,
                                                       int timeout_ms,
                                                       struct daybook_answer *answer);

/* The last failure or refusal as a sentence; "" when there was none. */
DAYBOOK_API const char *daybook_query_error(const struct daybook_query *q);

#ifdef __cplusplus
}
#endif

#endif
