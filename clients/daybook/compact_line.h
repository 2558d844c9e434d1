/* A batch of compact events (msgpack arrays of integers, as the generator makes them) as JSON lines
 * in the map form of the wire. */
#ifndef CLIENTS_DAYBOOK_COMPACT_LINE_H
#define CLIENTS_DAYBOOK_COMPACT_LINE_H

#include "engine/base/bytes.h"

/* Append one line per event of frame[0..n), an array of arrays of integers and nil. False: it is
 * something else (CHECKed by nobody: the caller knows what it made). to->bad when it is full. */
bool compact_lines(const uint8_t *frame, size_t n, struct buf *to);

#endif
