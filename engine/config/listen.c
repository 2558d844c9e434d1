/* The rule "nothing but loopback" hangs on this file, so it decides by parsing
 * the whole host and never by a prefix: "127.0.0.1.example.org" is a name, not loopback. */
#include "engine/config/listen.h"

#include <arpa/inet.h>

#define HOST_MAX     253 /* bytes of a DNS name */
#define PATH_MAX_IPC 107 /* sun_path without its NUL */

static bool starts_with(struct str s, struct str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

static struct str after(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

static bool is_port(struct str s)
{
    uint64_t port;
    return str_eq(s, STR("*")) || (text_u64(s, &port) == ST_OK && port <= 65535);
}

/* Letters, digits, '-', '_' and '.', as names of hosts and interfaces have them. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return s.n > 0 && s.p[0] != '-' && s.p[0] != '.';
}

/* A name of digits and dots only is a mistyped address. */
static bool is_numeric(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '.')
            return false;
    }
    return true;
}

static enum listen_reach reach_v6(struct str host)
{
    char z[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    if (host.n < 2 || host.p[host.n - 1] != ']' || host.n - 2 >= sizeof(z))
        return LISTEN_BAD;
    memcpy(z, host.p + 1, host.n - 2);
    z[host.n - 2] = '\0';
    if (inet_pton(AF_INET6, z, &addr) != 1)
        return LISTEN_BAD;
    return IN6_IS_ADDR_LOOPBACK(&addr) ? LISTEN_LOOPBACK : LISTEN_NETWORK;
}

static enum listen_reach reach_host(struct str host)
{
    char z[HOST_MAX + 1];
    struct in_addr addr;
    if (host.n == 0 || host.n > HOST_MAX)
        return LISTEN_BAD;
    if (host.p[0] == '[')
        return reach_v6(host);
    if (str_eq(host, STR("*")))
        return LISTEN_NETWORK;
    memcpy(z, host.p, host.n);
    z[host.n] = '\0';
    if (inet_pton(AF_INET, z, &addr) == 1)
        return ntohl(addr.s_addr) >> 24 == 127 ? LISTEN_LOOPBACK : LISTEN_NETWORK;
    if (is_numeric(host) || !is_name(host))
        return LISTEN_BAD;
    return str_eq(host, STR("localhost")) ? LISTEN_LOOPBACK : LISTEN_NETWORK;
}

enum listen_reach listen_address(struct str s)
{
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || !is_port(after(s, colon)))
        return LISTEN_BAD;
    return reach_host((struct str){s.p, colon - 1});
}

enum listen_reach listen_socket(struct str s)
{
    if (starts_with(s, STR("ipc://"))) {
        size_t n = s.n - STR("ipc://").n;
        return n > 0 && n <= PATH_MAX_IPC ? LISTEN_LOOPBACK : LISTEN_BAD;
    }
    if (!starts_with(s, STR("tcp://")))
        return LISTEN_BAD;
    return listen_address(after(s, STR("tcp://").n));
}
