/* What the files of this folder share beyond their public headers. Nobody else includes it. */
#ifndef ENGINE_NET_INTERNAL_H
#define ENGINE_NET_INTERNAL_H

#include "engine/net/loop.h"

struct event_base;

/* The base underneath, for libevent's own protocols. */
struct event_base *loop_base(struct loop *l);

/* A source that no fd announces reliably (a ZeroMQ socket). ready(arg) is asked before each wait:
 * when true the turn does not wait. run(arg) is called once in every turn, before the hooks. */
struct source;
enum status loop_source(struct loop *l, bool (*ready)(void *arg), void (*run)(void *arg), void *arg,
                        struct source **out) MUST_CHECK;
void source_free(struct source **s); /* allowed inside run and ready */

/* ms that this turn waited for something to do. */
int64_t loop_waited_ms(const struct loop *l);

#endif
