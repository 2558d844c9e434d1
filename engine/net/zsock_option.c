/* The options of every socket, as one table, and libzmq's errors as statuses.
 *
 * The one idea: nothing of libzmq's defaults that can hurt a server is left in force: no limits on
 * sizes and queues, answers to unknown peers dropped in silence, half-open peers kept for ever, and
 * a shutdown that waits for them. */
#include "engine/net/zsock_internal.h"

#include <errno.h>

#include "engine/base/check.h"

enum status zsock_status(int error)
{
    switch (error) {
    case 0:
        return ST_OK;
    case EINVAL:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
    case ENOCOMPATPROTO:
    case ENODEV:
    case ENAMETOOLONG:
        return ST_USAGE;
    case ENOMEM:
        return ST_NO_MEMORY;
    case EAGAIN:
        return ST_AGAIN;
    case ETERM:
        return ST_SHUTTING_DOWN;
    default:
        return ST_IO_ERROR;
    }
}

static const struct {
    int name;
    int value;
    int types; /* 1 << enum zsock_type; 0: all */
} table[] = {
    {ZMQ_LINGER, 1000, 0},        /* ms that closing waits for unsent answers */
    {ZMQ_BACKLOG, 4096, 0},       /* connections that wait to be accepted */
    {ZMQ_HEARTBEAT_IVL, 5000, 0}, /* ms */
    {ZMQ_HEARTBEAT_TIMEOUT, 15000, 0},
    {ZMQ_HEARTBEAT_TTL, 20000, 0},
    {ZMQ_HANDSHAKE_IVL, 5000, 0}, /* ms until a connection has to speak ZMTP */
    {ZMQ_TCP_KEEPALIVE, 1, 0},
    {ZMQ_TCP_KEEPALIVE_IDLE, 60, 0}, /* s */
    {ZMQ_TCP_KEEPALIVE_INTVL, 15, 0},
    {ZMQ_TCP_KEEPALIVE_CNT, 4, 0},
    {ZMQ_XPUB_NODROP, 1, 1 << ZSOCK_XPUB},        /* tell of subscribers that are full */
    {ZMQ_ROUTER_MANDATORY, 1, 1 << ZSOCK_ROUTER}, /* tell of peers that are gone or full */
};

/* libzmq cuts a port to 16 bits without a word. */
static bool port_is_valid(const char *endpoint)
{
    uint64_t port;
    const char *colon = strrchr(endpoint, ':');
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return true;
    return strcmp(colon, ":*") == 0 ||
           (text_u64(str_of(colon + 1), &port) == ST_OK && port <= UINT16_MAX);
}

static int set_int(void *socket, int name, int value)
{
    return zmq_setsockopt(socket, name, &value, sizeof(value));
}

static int clamp(uint32_t n)
{
    return n > INT32_MAX ? INT32_MAX : (int)n;
}

enum status zsock_configure(struct zsock *s, const char *endpoint)
{
    if (!port_is_valid(endpoint)) {
        errno = EINVAL;
        return ST_USAGE;
    }
    int64_t message_bytes_max = (int64_t)s->o.message_bytes_max;
    int rc =
        zmq_setsockopt(s->socket, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof(message_bytes_max));
    if (rc == 0)
        rc = set_int(s->socket, ZMQ_RCVHWM, clamp(s->o.receive_queue));
    if (rc == 0)
        rc = set_int(s->socket, ZMQ_SNDHWM, clamp(s->o.send_queue));
    if (rc == 0 && strchr(endpoint, '[') != NULL) /* tcp://[::1]:7701 */
        rc = set_int(s->socket, ZMQ_IPV6, 1);
    for (size_t i = 0; rc == 0 && i < N_OF(table); i++)
        if (table[i].types == 0 || (table[i].types & 1 << s->o.type) != 0)
            rc = set_int(s->socket, table[i].name, table[i].value);
    return rc == 0 ? ST_OK : zsock_status(errno);
}
