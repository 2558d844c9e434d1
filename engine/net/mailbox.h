/* A bounded queue of pointers between two threads, with an eventfd as its bell. One producer and
 * one consumer thread; what crosses is owned by the receiver. */
#ifndef ENGINE_NET_MAILBOX_H
#define ENGINE_NET_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"

struct mailbox; /* opaque, heap */

enum status mailbox_new(size_t capacity, struct mailbox **out) MUST_CHECK;
void mailbox_free(struct mailbox **m);

bool mailbox_put(struct mailbox *m, void *letter); /* false: full */
void *mailbox_take(struct mailbox *m);   /* NULL: empty; clears the bell when it empties */
void *mailbox_wait(struct mailbox *m);   /* blocks until there is a letter */
int mailbox_fd(const struct mailbox *m); /* readable while letters wait; for the loop */

#endif
