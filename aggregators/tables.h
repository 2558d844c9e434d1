/* The tables of the days environment. Keys are built of ordered integers (engine/base/bytes.h), so
 * that byte order is numeric order.
 *
 *   meta              one byte            format, log position covered, purge marks
 *   sheet             day(2) account app  packed days of accounts (aggregators/sheet.h)
 *   distinct          day(2) account app action(1)  sketch of record identities
 *   activity          account time(8) position      packed block of log entries
 *   activity_account  account             rows kept, rows trimmed
 *   connection        account app user    registers of a connection
 *   scope             account app name    newest word on a scope
 *   carry             account app         last activity of days that are gone
 *   reference         account class(1) key  catalogue, directory, plan, settings
 *   type_name         hash(8)             text of an object type that is not an id
 *   popularity        tag(1) app (app)    which apps are connected together (popularity.h)
 *   waiting           position(8)         signals as they came, not merged yet (signals.h)
 *   late              day(2) account      late events, by day received (aggregators/late.h)
 */
#ifndef AGGREGATORS_TABLES_H
#define AGGREGATORS_TABLES_H

enum days_table {
    DAYS_META,
    DAYS_SHEET,
    DAYS_DISTINCT,
    DAYS_ACTIVITY,
    DAYS_ACTIVITY_ACCOUNT,
    DAYS_CONNECTION,
    DAYS_SCOPE,
    DAYS_CARRY,
    DAYS_REFERENCE,
    DAYS_TYPE_NAME,
    DAYS_POPULARITY,
    DAYS_WAITING,
    DAYS_LATE,
    DAYS_TABLES_N
};

extern const char *const days_table_names[DAYS_TABLES_N];

#define DAYS_FORMAT 4 /* of everything in the environment; any other is refused */

#endif
