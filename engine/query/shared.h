/* Reference data that accounts share: an account's own entries, and those of the common catalogue
 * (account 0) which it has not replaced by one of its own under the same key. */
#ifndef ENGINE_QUERY_SHARED_H
#define ENGINE_QUERY_SHARED_H

#include "engine/query/answer.h"
#include "schemas/fields.h"

struct shared_entry {
    struct reference_entry e;
    bool own; /* of the account */
};

struct shared_list {
    const struct shared_entry *rows; /* in the arena; by (length, bytes) of the key */
    uint32_t n;
    bool more; /* there are entries behind the last row */
};

/* Up to `limit` entries of a kind with keys above `after` (p == NULL: from the first). */
void shared_read(struct answer *a, enum event_kind kind, struct str after, uint32_t limit,
                 struct shared_list *out);

/* "account" or "common", for rows. */
const char *shared_source(const struct answer *a, const struct shared_entry *e);

/* Fill a page with the entries of a kind, from the cursor on. put is false when the page is full;
 * an entry that is not wanted is true. */
enum status shared_page(struct answer *a, enum event_kind kind,
                        bool (*put)(struct answer *a, const struct shared_entry *e)) MUST_CHECK;

/* A cursor that is a key: where the page before ended; p == NULL: at the start. */
enum status shared_read_cursor(struct answer *a, struct str *after) MUST_CHECK;

/* Items of a list as one text, numbers in decimal; p == NULL: none. */
struct str shared_join(struct answer *a, const struct field_list *list, const char *between);

/* The list field of that name as one text. */
struct str shared_list_text(struct answer *a, struct str fields, const char *name,
                            const char *between);

#endif
