/* The configuration as the options of the parts: fields renamed, nothing decided. */
#ifndef ENGINE_OPTIONS_H
#define ENGINE_OPTIONS_H

#include "engine/config/config.h"
#include "engine/ingest/ingest.h"
#include "engine/net/http.h"

struct ingest_options options_of_ingest(const struct config *c);
struct http_options options_of_http(const struct config *c); /* texts are borrowed */

#endif
