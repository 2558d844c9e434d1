/* The directory as queries see it: what `directory.user` said about a user of the account. */
#ifndef ENGINE_QUERY_DIRECTORY_H
#define ENGINE_QUERY_DIRECTORY_H

#include "engine/query/answer.h"

struct directory_user {
    bool known;
    struct str name, email, role; /* p == NULL: none; borrowed from the view */
    bool super_admin, deactivated;
};

/* Costs QUERY_LOOKUP. */
void directory_get(struct answer *a, uint64_t user, struct directory_user *out);

/* What was said about the beta of the account. */
struct beta_word {
    bool said, beta;
    uint64_t user;
    struct directory_user who;
    int64_t time_ms;
    uint64_t position;
};

/* The word that counts: the newest of a super admin, or, where none of them said anything, of
 * anybody; each user has one. Whom the directory does not know is no super admin. */
void directory_beta(struct answer *a, struct beta_word *out);

/* Read a directory row. False: corrupt. */
bool directory_read(struct str fields, struct directory_user *to);

#endif
