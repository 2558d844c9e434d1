/* Time zones: offsets and calendar days of an IANA zone, from the system's zoneinfo files.
 *
 * The only place that reads zoneinfo. The process's own zone (TZ, /etc/localtime) plays no part.
 * Instants are ms since 1970 UTC; days are those of the zone's calendar, counted from 1970-01-01.
 */
#ifndef ENGINE_BASE_ZONE_H
#define ENGINE_BASE_ZONE_H

#include "engine/base/status.h"
#include "engine/base/text.h"

#define ZONE_DIR            "/usr/share/zoneinfo"
#define ZONE_NAME_MAX       64        /* bytes */
#define ZONE_FILE_BYTES_MAX (1 << 16) /* the largest file of tzdata 2025b has 3.6 KB */

struct zone; /* immutable; heap */

/* Could that be an IANA name ("Europe/Berlin", "Etc/GMT+5", "UTC")? Parts of letters, digits and
 * "+-_.", none beginning with a dot or dash, the first with a capital letter: no such name leads
 * out of the directory, nor to the files beside the zones ("localtime", "posix/", "zone.tab"). */
bool zone_name_ok(struct str name);

/* Parse a TZif file of version 2 or later (RFC 9636). ST_INVALID: it is none, is out of bounds, or
 * counts leap seconds; ST_NO_MEMORY. */
enum status zone_parse(const void *bytes, size_t n, struct zone **out) MUST_CHECK;

/* Read the zone of that name; dir: NULL for ZONE_DIR. ST_NOT_FOUND: no such name or file, or the
 * file is no zone; ST_IO_ERROR; ST_NO_MEMORY. Cost: one small file read. */
enum status zone_read(const char *dir, struct str name, struct zone **out) MUST_CHECK;

void zone_free(struct zone **z); /* NULL-safe */

/* Seconds east of UTC at that instant. */
int32_t zone_offset_s(const struct zone *z, int64_t ms);

/* The first instant whose local date is `day` or later. A day begins at its first midnight where a
 * clock set back shows it twice, and after the gap where a clock set forward jumps over it; a day
 * that a zone skipped begins and ends at once. */
int64_t zone_day_start_ms(const struct zone *z, int32_t day);

/* The day that an instant belongs to: the last one that has begun. */
int32_t zone_day(const struct zone *z, int64_t ms);

#endif
