/* Connections of a socket, counted from libzmq's monitor events.
 *
 * The one idea: libzmq accepts whatever it can and retries without a pause when it cannot. So the
 * limit is kept here: a connection too many is shut down as soon as it is reported, and when no
 * file can be opened a spare one is given up, so that the waiting connection can be accepted and
 * shut down instead of making libzmq's thread spin. */
#include "engine/net/zsock_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_wake(void *arg)
{
    struct zsock *s = arg;
    s->monitor.woken = true;
}

enum status zmonitor_start(struct zsock *s)
{
    struct zmonitor *m = &s->monitor;
    char name[64];
    const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_ACCEPT_FAILED;
    const int no_limit = 0;
    int fd;
    size_t fd_n = sizeof(fd);

    text_fmt(name, sizeof(name), "inproc://daybook-monitor-%u", s->net->opened_n++);
    if (zmq_socket_monitor(s->socket, name, events) != 0)
        return zsock_status(errno);
    m->socket = zmq_socket(s->net->context, ZMQ_PAIR);
    if (m->socket == NULL)
        return zsock_status(errno);
    /* Without a limit: with one libzmq's own thread would wait for this loop when it is full. */
    if (zmq_setsockopt(m->socket, ZMQ_RCVHWM, &no_limit, sizeof(no_limit)) != 0 ||
        zmq_setsockopt(m->socket, ZMQ_LINGER, &no_limit, sizeof(no_limit)) != 0 ||
        zmq_connect(m->socket, name) != 0 || zmq_getsockopt(m->socket, ZMQ_FD, &fd, &fd_n) != 0)
        return zsock_status(errno);
    m->woken = true;
    return loop_watch(s->net->loop, fd, on_wake, s, &m->watch);
}

void zmonitor_stop(struct zsock *s)
{
    loop_unwatch(&s->monitor.watch);
    (void)zmq_socket_monitor(s->socket, NULL, 0); /* fails only when there is none */
    if (s->monitor.socket != NULL)
        zmq_close(s->monitor.socket);
    s->monitor.socket = NULL;
}

/* By the time this runs the number may belong to another file of the process; that is a chance of
 * one connection lost while at the limit, against a limit that would not hold. */
static void shut(struct zsock *s, int fd)
{
    if (shutdown(fd, SHUT_RDWR) == 0)
        s->n.refused++;
}

/* True when there is a spare file to give up. */
static bool spare_ready(struct znet *z)
{
    if (z->spare_fd < 0)
        z->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return z->spare_fd >= 0;
}

static void on_accepted(struct zsock *s, int fd)
{
    s->n.connections++;
    s->net->shedding = false;
    /* Whoever took the last file has to go. */
    bool over = !spare_ready(s->net);
    if (s->o.connections_max > 0 && s->n.connections > s->o.connections_max)
        over = true;
    if (over)
        shut(s, fd);
}

static void on_accept_failed(struct zsock *s, int error)
{
    s->n.accept_failed++;
    if ((error != EMFILE && error != ENFILE) || s->net->shedding)
        return;
    s->net->shedding = true; /* and no new spare before the waiting connection is in */
    if (s->net->spare_fd >= 0)
        close(s->net->spare_fd);
    s->net->spare_fd = -1;
}

static void on_report(struct zsock *s, unsigned event, int value)
{
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        on_accepted(s, value);
        break;
    case ZMQ_EVENT_ACCEPT_FAILED:
        on_accept_failed(s, value);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        if (s->n.connections > 0)
            s->n.connections--;
        break;
    default:
        break;
    }
}

/* The next report, or false. Two frames:
 *
 *   2 bytes event | 4 bytes value (both in host order)
 *   endpoint */
static bool next_report(struct zmonitor *m, unsigned *event, int *value)
{
    uint8_t head[6] = {0};
    char endpoint[8];
    uint16_t number;
    int n;
    do
        n = zmq_recv(m->socket, head, sizeof(head), ZMQ_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return false;
    (void)zmq_recv(m->socket, endpoint, sizeof(endpoint), ZMQ_DONTWAIT); /* cut, not needed */
    memcpy(&number, head, sizeof(number));
    memcpy(value, head + 2, sizeof(*value));
    *event = number;
    return true;
}

void zmonitor_run(struct zsock *s)
{
    struct zmonitor *m = &s->monitor;
    unsigned event;
    int value;
    if (!s->net->shedding)
        (void)spare_ready(s->net); /* without one the next connection is turned away */
    /* Only received from, and always until it is empty: then its fd fires for every new report. */
    if (!m->woken && loop_waited_ms(s->net->loop) == 0)
        return;
    m->woken = false;
    while (next_report(m, &event, &value))
        on_report(s, event, value);
}
