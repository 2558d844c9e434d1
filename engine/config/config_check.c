/* What no single option can know: addresses that others reach, and sizes against each other. */
#include "engine/base/check.h"
#include "engine/config/assign.h"
#include "engine/config/listen.h"

static const char *text_of(const struct config *c, enum option_id id)
{
    return (const char *)c + option_row(id)->offset;
}

static bool is_address(enum option_id id)
{
    enum option_type type = option_row(id)->type;
    return type == OPTION_SOCKET || type == OPTION_ADDRESS;
}

/* Every peer may do everything, so nobody outside this machine may be a peer. */
static void check_reach(const struct config *c, enum option_id id, struct config_report *r)
{
    struct str s = str_of(text_of(c, id));
    bool socket = option_row(id)->type == OPTION_SOCKET;
    enum listen_reach reach = socket ? listen_socket(s) : listen_address(s);
    if (reach == LISTEN_LOOPBACK)
        return;
    char where[CONFIG_TEXT_MAX + 32];
    assign_where(c, c->origin[id], where, sizeof(where));
    report_add(r, CONFIG_EXIT_CONFIG,
               "%s: %s: \"%s\" can be reached from other machines, and nobody is asked for a key; "
               "allowed: 127.0.0.0/8, [::1], localhost and ipc://",
               where, option_row(id)->name, s.p);
}

/* A file that nobody reads must not look like a lock on the door. */
static void check_keyring(const struct config *c, struct config_report *r)
{
    char where[CONFIG_TEXT_MAX + 32];
    if (c->keyring[0] == '\0')
        return;
    assign_where(c, c->origin[OPTION_keyring], where, sizeof(where));
    report_add(r, CONFIG_EXIT_CONFIG,
               "%s: keyring: \"%s\": this version checks no keys; allowed: empty. For other "
               "machines put a proxy that authenticates in front of http_listen",
               where, c->keyring);
}

/* "tcp://127.0.0.1:7701" and "127.0.0.1:7701" are one address. A port that the system chooses is
 * never taken. */
static struct str address_part(const char *z)
{
    struct str s = str_of(z), tcp = STR("tcp://");
    if (s.n > tcp.n && memcmp(s.p, tcp.p, tcp.n) == 0)
        s = (struct str){s.p + tcp.n, s.n - tcp.n};
    bool chosen = s.n > 2 && s.p[s.n - 2] == ':' && (s.p[s.n - 1] == '*' || s.p[s.n - 1] == '0');
    return chosen ? (struct str){NULL, 0} : s;
}

static void check_taken(const struct config *c, enum option_id id, struct config_report *r)
{
    struct str own = address_part(text_of(c, id));
    for (unsigned i = 0; i < (unsigned)id; i++) {
        enum option_id other = (enum option_id)i;
        if (own.n == 0 || !is_address(other) || !str_eq(own, address_part(text_of(c, other))))
            continue;
        char where[CONFIG_TEXT_MAX + 32];
        assign_where(c, c->origin[id], where, sizeof(where));
        report_add(r, CONFIG_EXIT_CONFIG, "%s: %s: \"%s\" is already the address of %s", where,
                   option_row(id)->name, text_of(c, id), option_row(other)->name);
    }
}

/* small <= large, or one of the two could never be reached. */
static const struct {
    enum option_id small;
    enum option_id large;
} order[] = {
    {OPTION_string_bytes_max, OPTION_event_bytes_max},
    {OPTION_event_bytes_max, OPTION_message_bytes_max},
    {OPTION_message_bytes_max, OPTION_group_bytes_max},
    {OPTION_group_bytes_max, OPTION_inflight_bytes_max},
    {OPTION_group_bytes_max, OPTION_journal_bytes},
    {OPTION_journal_bytes, OPTION_front_map_bytes},
};

static uint64_t number_of(const struct config *c, enum option_id id)
{
    CHECK(option_row(id)->type == OPTION_UINT);
    uint64_t v;
    memcpy(&v, (const char *)c + option_row(id)->offset, sizeof(v));
    return v;
}

static void check_order(const struct config *c, enum option_id small, enum option_id large,
                        struct config_report *r)
{
    if (number_of(c, small) <= number_of(c, large))
        return;
    char a[32], b[32], where_a[CONFIG_TEXT_MAX + 32], where_b[CONFIG_TEXT_MAX + 32];
    option_format(c, small, a, sizeof(a));
    option_format(c, large, b, sizeof(b));
    assign_where(c, c->origin[small], where_a, sizeof(where_a));
    assign_where(c, c->origin[large], where_b, sizeof(where_b));
    report_add(r, CONFIG_EXIT_CONFIG,
               "%s: %s: %s is above %s, which is %s (%s); allowed: at most %s", where_a,
               option_row(small)->name, a, option_row(large)->name, b, where_b, b);
}

void config_check(const struct config *c, struct config_report *r)
{
    check_keyring(c, r);
    for (unsigned i = 0; i < OPTION_N; i++) {
        enum option_id id = (enum option_id)i;
        if (!is_address(id) || text_of(c, id)[0] == '\0')
            continue;
        check_reach(c, id, r);
        check_taken(c, id, r);
    }
    for (size_t i = 0; i < N_OF(order); i++)
        check_order(c, order[i].small, order[i].large, r);
}
