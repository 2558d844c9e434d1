/* Connections: what is known of each (account, app, user).
 *
 * A connection is a set of last-writer-wins registers, one per kind of signal: the newest time seen
 * of that kind, with its reason and code; and the earliest install. Registers only grow in time, so
 * any order of arrival ends in the same registers, and the state is a pure function of them:
 *
 *   presence   installed, reinstalled, connected, reconnected | uninstalled       ┐
 *   link       those four | disconnected | expired                                │ each part is
 * what its auth       those four, permission.granted | permission.reauth_required        │ newest
 * signal says fault      those four, recovered | error                                      ┘
 *
 *   state = uninstalled, else disconnected or expired, else reauth, else error, else connected
 *
 * Key    ordered(account) . ordered(app) . ordered(user + 1; 0: a signal without user)
 * Value  crc(4) . first install (varint ms; 0: none) . { kind(1), time (varint ms), reason, code
 * }... ascending kind */
#ifndef AGGREGATORS_CONNECTION_H
#define AGGREGATORS_CONNECTION_H

#include "aggregators/activity.h"

#define CONNECTION_KEY_MAX 27

struct signal_register {
    int64_t time_ms; /* 0: never seen */
    struct str reason, code;
};

struct registers {
    int64_t installed_ms; /* earliest install; 0: none */
    struct signal_register of[EV_KIND_MAX];
};

/* Let one signal in. Strings are borrowed. */
void registers_add(struct registers *r, const struct entry *e);

enum status registers_load(struct registers *r, struct span value) MUST_CHECK; /* into empty ones */
void registers_store(const struct registers *r, struct buf *to);

/* The state and what the row shows of it (app and user are the caller's). */
void registers_state(const struct registers *r, struct connection *out);

#endif
