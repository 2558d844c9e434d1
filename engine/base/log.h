/* Program log on stderr: one line a fault, "key=value" or JSON. Libraries below ingest never log
 * above debug. Control characters are escaped; secrets and payloads are never logged. */
#ifndef ENGINE_BASE_LOG_H
#define ENGINE_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Process-wide, the one allowed mutable global. Not to be called while other threads log. */
void log_setup(enum log_level level, bool json);

/* log_line(LOG_WARN, "store", "event=commit_failed status=%s", ...): area names the folder. */
void log_line(enum log_level level, const char *area, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
