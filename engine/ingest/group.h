/* A group: the submissions of one commit, from the loop to the writer and back.
 *
 * One thread owns it at a time; everything in it lives in its arena or behind its frames, until
 * group_reset. */
#ifndef ENGINE_INGEST_GROUP_H
#define ENGINE_INGEST_GROUP_H

#include "engine/ingest/census.h"
#include "engine/ingest/clock_gate.h"
#include "engine/ingest/counters.h"
#include "engine/ingest/ingest.h"

/* One submission. */
struct slot {
    struct slot *next;
    /* set in the loop */
    struct ingest_reply reply;
    enum ingest_transport transport;
    struct str key_name; /* in the arena */
    struct zmsg msg;     /* owns the frame; empty when it was copied */
    struct str frame;
    int64_t received_ms; /* stamped once; all judgement of time uses it */
    uint64_t begin_ns;   /* the same moment, for measuring */
    struct batch batch;
    struct hash128 digest; /* of a numbered batch's content */
    bool has_identity;     /* a batch without number that is to be counted once */
    struct hash128 identity, content;
    bool has_ids; /* some event carries an id */
    bool judge;   /* the writer decides; else the loop has refused it */
    /* set by the writer, or in the loop when !judge */
    struct outcome outcome;
    bool stored; /* it has events in the log, at position */
    uint64_t position;
};

struct group {
    /* filled in the loop */
    struct arena arena;
    struct slot *first;
    struct slot **last; /* where the next one is linked */
    uint32_t n;
    uint64_t bytes;           /* of frames */
    uint64_t events;          /* decoded, to be judged */
    struct census_log census; /* the loop's, always */
    uint64_t trim_below;      /* the day tables hold what lies below */
    struct clock_mark mark;   /* the clock that judged it, to be stored */
    bool clock_known;         /* mark is to be stored */
    int64_t now_ms;           /* wall clock at hand-over */
    /* result of the writer */
    enum status status;       /* of the commit */
    uint64_t end;             /* first position not yet taken */
    uint64_t log_first;       /* first position kept */
    uint64_t log_bytes;       /* frame bytes ever appended */
    uint64_t id_window_n;     /* entries */
    uint64_t rejected_n;      /* rows kept */
    uint64_t commit_ns;       /* time in the writer */
    struct counters counters; /* as they stand after it */
};

enum status group_new(struct group **out) MUST_CHECK;
void group_free(struct group **g);

/* Append an empty slot; NULL: no memory. m (may be NULL) is moved in; else frame is copied. */
struct slot *group_add(struct group *g, struct zmsg *m, struct str frame);

/* Free the frames and empty it, keeping memory for the next round. */
void group_reset(struct group *g);

/* A message in the group's arena. */
struct str group_text(struct group *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Event i of s is not accepted. Without memory for a message it is still marked and counted. */
void slot_reject(struct group *g, struct slot *s, uint32_t i, enum status code, struct str message);

/* The whole submission is refused: the outcome stands, nothing more is judged. */
void slot_refuse(struct slot *s, enum status code, struct str message);

#endif
