/* A ring of pointers under a mutex, and an eventfd that is readable exactly while it is not empty.
 *
 * The one idea: ring and bell change together under the mutex, so no wake-up can be lost; the bell
 * costs a system call only when the mailbox fills from empty or empties. It never looks into a
 * letter. */
#include "engine/net/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/check.h"

struct mailbox {
    pthread_mutex_t lock;
    int bell;        /* eventfd: 1 while n > 0 */
    size_t capacity; /* letters */
    size_t first;    /* index of the oldest letter */
    size_t n;        /* letters waiting */
    void *ring[];    /* borrowed in transit: the receiver owns what it takes */
};

enum status mailbox_new(size_t capacity, struct mailbox **out)
{
    CHECK(capacity > 0);
    struct mailbox *m = calloc(1, sizeof(*m) + capacity * sizeof(m->ring[0]));
    if (m == NULL)
        return ST_NO_MEMORY;
    m->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->bell < 0) {
        free(m);
        return ST_IO_ERROR;
    }
    m->capacity = capacity;
    pthread_mutex_init(&m->lock, NULL);
    *out = m;
    return ST_OK;
}

void mailbox_free(struct mailbox **mp)
{
    struct mailbox *m = *mp;
    if (m == NULL)
        return;
    *mp = NULL;
    close(m->bell);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static void bell_ring(struct mailbox *m)
{
    /* Below its maximum an eventfd takes the write at once. */
    CHECK(eventfd_write(m->bell, 1) == 0);
}

static void bell_clear(struct mailbox *m)
{
    eventfd_t rung;
    CHECK(eventfd_read(m->bell, &rung) == 0);
}

bool mailbox_put(struct mailbox *m, void *letter)
{
    CHECK(letter != NULL);
    pthread_mutex_lock(&m->lock);
    bool room = m->n < m->capacity;
    if (room) {
        m->ring[(m->first + m->n) % m->capacity] = letter;
        if (m->n++ == 0)
            bell_ring(m);
    }
    pthread_mutex_unlock(&m->lock);
    return room;
}

void *mailbox_take(struct mailbox *m)
{
    void *letter = NULL;
    pthread_mutex_lock(&m->lock);
    if (m->n > 0) {
        letter = m->ring[m->first];
        m->first = (m->first + 1) % m->capacity;
        if (--m->n == 0)
            bell_clear(m);
    }
    pthread_mutex_unlock(&m->lock);
    return letter;
}

void *mailbox_wait(struct mailbox *m)
{
    void *letter;
    while ((letter = mailbox_take(m)) == NULL) {
        struct pollfd p = {.fd = m->bell, .events = POLLIN};
        int n = poll(&p, 1, -1);
        CHECK(n >= 0 || errno == EINTR);
    }
    return letter;
}

int mailbox_fd(const struct mailbox *m)
{
    return m->bell;
}
