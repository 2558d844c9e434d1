/* Connections: what is known of each (account, app, user), and of an account's apps.
 *
 * The state of a connection is the fold of its signals in time order (time, then kind, then text)
 * through one table, whatever order they arrived in. So a row keeps its newest CONNECTION_HISTORY
 * signals and, as its base, the fold of those before them: a late signal is put in its place and
 * all behind it is folded again. What arrives for a time before the base is in the activity log,
 * but no longer moves the state; only a connection with more signals than the history within 30
 * days has such a base.
 *
 *                 installed reinstalled connected reconnected
 *      any state ────────────────────────────────────────────▶ CONNECTED
 *      any state ── uninstalled ─────────────────────────────▶ UNINSTALLED
 *      NONE CONNECTED EXPIRED ERROR REAUTH ── disconnected ──▶ DISCONNECTED
 *      NONE CONNECTED ERROR REAUTH ── expired ───────────────▶ EXPIRED
 *      NONE CONNECTED ERROR ── permission.reauth_required ───▶ REAUTH
 *      NONE CONNECTED ── error ──────────────────────────────▶ ERROR
 *      ERROR ── recovered ───────────────────────────────────▶ CONNECTED
 *      REAUTH ── permission.granted ─────────────────────────▶ CONNECTED; ERROR where one lasts
 *      all else stays where it is
 *
 * A problem is one of the four bad states of a connection; it opens when the state is entered,
 * counts its repeats, ends when the state is left, and opens again (reopened) when it comes back.
 * One that is told of while the state is a worse one opens beside it, since what is newest must be
 * seen: an error during a re-authentication. It ends with what heals it (recovered, granted) or
 * with the next change of the state.
 * An error that recovered counts as resolved only a day after its last failure: one that comes back
 * before that is the same episode.
 *
 * Key    ordered(account) . ordered(app) . ordered(user + 1; 0: a signal without user)
 * Value  crc(4) . first install (ms; 0: none) . sync time, sync on . result . base . n . n signals
 *   result   the fold of everything, so that readers fold nothing: state, since, reason, code,
 *            4 x { episodes; unless 0: opened, last seen, repeats, ended, ended by(1), reason, code
 * } base     base signal (signals up to there are folded); unless its time is 0: a fold like result
 *   signal   time - (time before it; 0), kind(1), reason, code
 *            Numbers are varints, texts length and bytes. */
#ifndef AGGREGATORS_CONNECTION_H
#define AGGREGATORS_CONNECTION_H

#include "aggregators/activity.h"
#include "aggregators/view_apps.h"

#define CONNECTION_KEY_MAX 27
#define CONNECTION_HISTORY 128

struct connection_signal {
    int64_t time_ms;
    struct str reason, code; /* borrowed */
    uint8_t kind;
};

/* The fold of signals up to some point. */
struct connection_fold {
    enum connection_state state;
    int64_t since_ms;
    struct str reason, code;
    struct problem problems[PROBLEM_N];
};

struct history {
    int64_t installed_ms; /* earliest install; 0: none */
    int64_t sync_ms;      /* of the newest sync switch; 0: never seen */
    bool sync_on;
    struct connection_signal folded; /* the last signal in base; time 0: base is empty */
    struct connection_fold base;
    struct connection_signal *signals; /* ascending; owned */
    uint32_t n, cap;
};

/* Is it about a connection? Actions ask for something: what came of it is a signal of its own. */
static inline bool connection_is_signal(unsigned kind)
{
    return event_group(kind) != GROUP_ACTION;
}

/* Does it say when the app came to be connected? Sources that know no installations say connected.
 */
static inline bool connection_is_install(unsigned kind)
{
    return kind == EV_APP_INSTALLED || kind == EV_APP_REINSTALLED || kind == EV_APP_CONNECTED;
}

/* The table of the graph above. */
enum connection_state connection_step(enum connection_state from, unsigned kind);

void history_fini(struct history *h);
void history_add(struct history *h, const struct entry *e);                /* texts are borrowed */
enum status history_load(struct history *h, struct span value) MUST_CHECK; /* into an empty one */
void history_store(struct history *h,
                   struct buf *to); /* first moves what is over the limit to the base */

/* The state and what a row shows of it (app and user are the caller's). */
void history_state(const struct history *h, struct connection *out);

/* Forget everything but the memory. */
void history_clear(struct history *h);

/* The same from a stored value, without its history, into a zeroed one. */
enum status connection_read(struct span value, struct connection *out) MUST_CHECK;

/* account . app . user + 1; returns the key's length. */
size_t connection_key(uint8_t key[static CONNECTION_KEY_MAX], uint64_t account, uint64_t app,
                      uint64_t user1);

#endif
