/* The bytes of single events inside a frame that was decoded: what is shown of a rejected one. */
#ifndef ENGINE_INGEST_RAW_H
#define ENGINE_INGEST_RAW_H

#include "engine/base/text.h"

/* A walk over the events of a frame, in order. Borrowed from the frame. */
struct raw_walk {
    const char *p; /* the next event, or what separates it from the one before */
    const char *end;
    bool json;
    bool single;   /* the frame is one event */
    uint32_t left; /* msgpack: events to come */
};

/* frame: one that frame_decode could read. */
void raw_walk_begin(struct str frame, struct raw_walk *w);

/* The next event's bytes. False: there is none, or the bytes cannot be followed. */
bool raw_walk_next(struct raw_walk *w, struct str *event);

#endif
