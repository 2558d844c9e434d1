/* What needs attention: problems of connections, put into order. */
#ifndef ENGINE_QUERY_ATTENTION_H
#define ENGINE_QUERY_ATTENTION_H

#include "engine/query/inventory.h"

/* Open problems of one connection, whether or not its app hides them. */
uint32_t attention_open_of(const struct answer *a, const struct connection *c);

/* Open problems of the window, hidden states left out. */
uint32_t attention_open_n(struct answer *a, const struct inventory *inv);

#endif
