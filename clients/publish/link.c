/* Every call that may be interrupted is tried again, but for the wait: there the caller may want to
 * look at what the signal was about. */
#include "clients/publish/link.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "clients/publish/status.h"

#define HEARTBEAT_MS         5000
#define HEARTBEAT_TIMEOUT_MS 15000
#define HEARTBEAT_TTL_MS     20000
#define HANDSHAKE_MS         5000
#define RECONNECT_MS         50
#define RECONNECT_MS_MAX     2000
#define KEY_CHARS            40

static bool set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_common(void *socket, int queue_max)
{
    return set(socket, ZMQ_LINGER, 0) && set(socket, ZMQ_SNDHWM, queue_max) &&
           set(socket, ZMQ_RCVHWM, queue_max) && set(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
           set(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
           set(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TTL_MS) &&
           set(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           set(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) &&
           set(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX);
}

static enum daybook_status set_keys(void *socket, const struct link_config *c,
                                    struct daybook_error *error)
{
    const char *keys[] = {c->server_key, c->public_key, c->secret_key};
    static const int options[] = {ZMQ_CURVE_SERVERKEY, ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY};
    static const char *const names[] = {"server_key", "public_key", "secret_key"};
    if (keys[0] == NULL && keys[1] == NULL && keys[2] == NULL)
        return DAYBOOK_OK;
    for (int i = 0; i < 3; i++) {
        if (keys[i] == NULL || strlen(keys[i]) != KEY_CHARS)
            return fail(error, DAYBOOK_INVALID,
                        "%s must be %d characters of Z85, as the other keys", names[i], KEY_CHARS);
        if (zmq_setsockopt(socket, options[i], keys[i], KEY_CHARS + 1) != 0)
            return fail(error, DAYBOOK_INVALID, "%s is no CURVE key, or libzmq lacks CURVE: %s",
                        names[i], zmq_strerror(zmq_errno()));
    }
    return DAYBOOK_OK;
}

enum daybook_status link_open(struct link *l, const struct link_config *config,
                              struct daybook_error *error)
{
    *l = (struct link){.context = config->context, .own_context = config->context == NULL};
    if (l->own_context)
        l->context = zmq_ctx_new();
    if (l->context != NULL)
        l->socket = zmq_socket(l->context, ZMQ_DEALER);
    enum daybook_status st = DAYBOOK_OK;
    if (l->socket == NULL || !set_common(l->socket, config->queue_max))
        st = fail(error, DAYBOOK_NETWORK, "cannot make a socket: %s", zmq_strerror(zmq_errno()));
    if (st == DAYBOOK_OK)
        st = set_keys(l->socket, config, error);
    if (st == DAYBOOK_OK && zmq_connect(l->socket, config->endpoint) != 0)
        st = fail(error, DAYBOOK_NETWORK, "endpoint %s: %s (tcp://HOST:PORT and ipc://PATH are)",
                  config->endpoint, zmq_strerror(zmq_errno()));
    if (st != DAYBOOK_OK)
        link_close(l);
    return st;
}

void link_close(struct link *l)
{
    if (l->socket != NULL)
        (void)zmq_close(l->socket); /* fails only for what is no socket */
    if (l->own_context && l->context != NULL)
        while (zmq_ctx_term(l->context) != 0 && zmq_errno() == EINTR)
            ;
    *l = (struct link){0};
}

enum daybook_status link_send(struct link *l, zmq_msg_t *msg)
{
    for (;;) {
        if (zmq_msg_send(msg, l->socket, ZMQ_DONTWAIT) >= 0)
            return DAYBOOK_OK;
        if (zmq_errno() != EINTR)
            return zmq_errno() == EAGAIN ? DAYBOOK_AGAIN : DAYBOOK_NETWORK;
    }
}

enum daybook_status link_receive(struct link *l, zmq_msg_t *msg)
{
    bool whole = true;
    for (;;) {
        if (zmq_msg_recv(msg, l->socket, ZMQ_DONTWAIT) < 0) {
            if (zmq_errno() == EINTR)
                continue;
            return zmq_errno() == EAGAIN ? DAYBOOK_AGAIN : DAYBOOK_NETWORK;
        }
        bool more = zmq_msg_more(msg) != 0;
        if (whole && !more)
            return DAYBOOK_OK;
        whole = !more; /* skip to behind the last frame */
    }
}

bool link_is_ready(struct link *l, bool sending)
{
    int events = 0;
    size_t n = sizeof events;
    while (zmq_getsockopt(l->socket, ZMQ_EVENTS, &events, &n) != 0)
        if (zmq_errno() != EINTR)
            return false;
    return (events & ZMQ_POLLIN) != 0 || (sending && (events & ZMQ_POLLOUT) != 0);
}

enum daybook_status link_wait(struct link *l, bool sending, int64_t wait_ms)
{
    zmq_pollitem_t item = {.socket = l->socket,
                           .events = (short)(sending ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN)};
    int n = zmq_poll(&item, 1, wait_ms > INT_MAX ? INT_MAX : (long)wait_ms);
    if (n > 0)
        return DAYBOOK_OK;
    if (n == 0)
        return DAYBOOK_TIMEOUT;
    return zmq_errno() == EINTR ? DAYBOOK_AGAIN : DAYBOOK_NETWORK;
}

int link_fd(const struct link *l)
{
    int fd = -1;
    size_t n = sizeof fd;
    if (zmq_getsockopt(l->socket, ZMQ_FD, &fd, &n) != 0)
        return -1;
    return fd;
}
