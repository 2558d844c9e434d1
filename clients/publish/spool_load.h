/* What spool.c and spool_load.c share; nobody else includes it. */
#ifndef CLIENTS_PUBLISH_SPOOL_LOAD_H
#define CLIENTS_PUBLISH_SPOOL_LOAD_H

#include "clients/publish/spool.h"

struct segment_header spool_header(const struct spool *s, uint64_t epoch, uint64_t first_seq,
                                   uint64_t flags);

/* Create a segment and make it the last one. */
enum daybook_status spool_begin_segment(struct spool *s, uint64_t epoch, uint64_t first_seq,
                                        uint64_t flags, struct daybook_error *error);

#endif
