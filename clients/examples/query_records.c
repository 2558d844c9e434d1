/* Ask for the records that one account's apps have changed, day by day, and print the answer.
 *
 *   query_records [ACCOUNT [ENDPOINT]] */
#include <daybook.h>

#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct daybook_query_options options = {
        .endpoint = argc > 2 ? argv[2] : "tcp://127.0.0.1:7703",
    };
    uint64_t account = 123;
    if (argc > 1 && sscanf(argv[1], "%" SCNu64, &account) != 1) {
        (void)fprintf(stderr, "usage: query_records [ACCOUNT [ENDPOINT]]\n");
        return 64;
    }
    struct daybook_query *query;
    struct daybook_error error;
    if (daybook_query_open(&options, &query, &error) != DAYBOOK_OK) {
        (void)fprintf(stderr, "query_records: %s\n", error.text);
        return 78;
    }
    const struct daybook_param params[] = {
        {.name = "account", .number = account},
        {.name = "group_by", .text = "day"},
        {.name = "group_by", .text = "app"}, /* the same name again: an array */
    };
    struct daybook_answer answer;
    enum daybook_status st = daybook_query_view(query, "records", params, 5000, &answer);
    if (st == DAYBOOK_OK)
        (void)printf("%s\n", answer.bytes);
    else
        (void)fprintf(stderr, "query_records: %s\n", daybook_query_error(query));
    daybook_query_close(&query);
    return st == DAYBOOK_OK ? 0 : 69;
}
