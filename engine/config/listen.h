/* Addresses to listen on: their form, and whether they stay on this machine. Pure: resolves
 * nothing. Internal to engine/config. */
#ifndef ENGINE_CONFIG_LISTEN_H
#define ENGINE_CONFIG_LISTEN_H

#include "engine/base/text.h"

enum listen_reach {
    LISTEN_BAD,      /* not an address */
    LISTEN_LOOPBACK, /* 127.0.0.0/8, ::1, localhost, ipc:// */
    LISTEN_NETWORK,  /* anything else */
};

/* "tcp://HOST:PORT" or "ipc://PATH". */
enum listen_reach listen_socket(struct str s);

/* "HOST:PORT". HOST is an IPv4 address, an IPv6 address in brackets, a name, or '*' (all
 * addresses). PORT is 0..65535 or '*'; both 0 and '*' let the system choose. */
enum listen_reach listen_address(struct str s);

#endif
