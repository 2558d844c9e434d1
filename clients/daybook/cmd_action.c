/* daybook action: ask for what the buttons of the connections home ask for. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clients/daybook/ask.h"
#include "engine/base/check.h"

#define KEY_BYTES 16 /* of a key made here: 128 random bits */

struct action_options {
    struct arg account, app, user, viewer, reason, key, query, timeout, json;
};

static const struct option_row rows_of_action[] = {
    {.name = "account",
     .type = ARG_UINT,
     .at = offsetof(struct action_options, account),
     .value = "N",
     .max = UINT64_C(1) << 53,
     .help = "account (required)"},
    {.name = "app",
     .type = ARG_UINT,
     .at = offsetof(struct action_options, app),
     .value = "N",
     .min = 1,
     .max = UINT64_C(1) << 53,
     .help = "app (required)"},
    {.name = "user",
     .type = ARG_UINT,
     .at = offsetof(struct action_options, user),
     .value = "N",
     .max = UINT64_C(1) << 53,
     .help = "whose connection; left out: the viewer's"},
    {.name = "viewer",
     .type = ARG_UINT,
     .at = offsetof(struct action_options, viewer),
     .value = "N",
     .max = UINT64_C(1) << 53,
     .help = "who asks; left out: not known"},
    {.name = "reason",
     .type = ARG_TEXT,
     .at = offsetof(struct action_options, reason),
     .value = "TEXT",
     .help = "why, for people"},
    {.name = "key",
     .type = ARG_TEXT,
     .at = offsetof(struct action_options, key),
     .value = "KEY",
     .help = "idempotency key: the same one again is the same request; left out: a new one"},
    ROW_JSON(struct action_options),
    ROW_QUERY(struct action_options),
    ROW_TIMEOUT(struct action_options),
};

static const char *const words[] = {
#define ACTION(id, word, help) word,
#include "schemas/action.def"
};
static const char *const helps[] = {
#define ACTION(id, word, help) help,
#include "schemas/action.def"
};

const char *action_word_at(size_t i)
{
    return i < N_OF(words) ? words[i] : NULL;
}

static void more_help(struct cli *cli)
{
    (void)fprintf(cli->out, "Actions\n");
    for (size_t i = 0; i < N_OF(words); i++)
        (void)fprintf(cli->out, "  %-16s%s\n", words[i], helps[i]);
}

static bool new_key(char to[static 2 * KEY_BYTES + 1])
{
    uint8_t bytes[KEY_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        text_fmt(to + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

static int set_number(struct ask *a, const char *name, const struct arg *option)
{
    return option->given ? ask_set_number(a, name, option->number) : 0;
}

static int fill(struct ask *a, const struct action_options *o, const char *word, const char *key)
{
    a->request = json_pack("{s:s}", "action", word);
    if (a->request == NULL)
        return command_fault(a->cli, EX_OSERR, "out of memory");
    int code = set_number(a, "account", &o->account);
    if (code == 0)
        code = set_number(a, "app", &o->app);
    if (code == 0)
        code = set_number(a, "user", &o->user);
    if (code == 0)
        code = set_number(a, "viewer", &o->viewer);
    if (code == 0 && o->reason.given)
        code = ask_set(a, "reason", o->reason.text);
    return code == 0 ? ask_set(a, "idempotency_key", key) : code;
}

static void show(struct cli *cli, const json_t *answer, const char *key, bool json)
{
    if (json) {
        (void)json_dumpf(answer, cli->out, JSON_COMPACT);
        (void)fputc('\n', cli->out);
        return;
    }
    (void)fprintf(cli->out, "%s of app %lld in account %lld is asked for, durably; key %s\n",
                  json_string_value(json_object_get(answer, "action")),
                  (long long)json_integer_value(json_object_get(answer, "app")),
                  (long long)json_integer_value(json_object_get(answer, "account")), key);
}

static int check(struct cli *cli, const struct action_options *o)
{
    size_t i = 0;
    while (i < N_OF(words) && strcmp(words[i], cli->v[0]) != 0)
        i++;
    if (i == N_OF(words))
        return command_fault(cli, EX_USAGE, "action: there is no action \"%s\"; --help lists them",
                             cli->v[0]);
    if (!o->account.given || !o->app.given)
        return command_fault(cli, EX_USAGE, "action: --%s=N is required",
                             o->account.given ? "app" : "account");
    if (!o->user.given && !o->viewer.given)
        return command_fault(cli, EX_USAGE, "action: --user=N or --viewer=N is required");
    return 0;
}

static int run(struct cli *cli, const void *options)
{
    const struct action_options *o = options;
    char made[2 * KEY_BYTES + 1];
    const char *key = o->key.given ? o->key.text : made;
    struct ask a;
    json_t *answer = NULL;
    int code = check(cli, o);
    if (code != 0)
        return code;
    if (!o->key.given && !new_key(made))
        return command_fault(cli, EX_OSERR, "there are no random numbers for a key; give --key");
    code = ask_open(&a, cli, command_query(cli, &o->query), command_timeout(&o->timeout));
    if (code == 0)
        code = fill(&a, o, cli->v[0], key);
    if (code == 0)
        code = ask_answer(&a, &answer);
    if (code == 0)
        show(cli, answer, key, o->json.given);
    else if (code == EX_UNAVAILABLE)
        (void)fprintf(cli->err,
                      "daybook: it may have been taken all the same: ask again with --key=%s\n",
                      key);
    json_decref(answer);
    ask_close(&a);
    return code;
}

const struct command cmd_action = {
    .name = "action",
    .summary = "ask to reconnect, disconnect, reauthenticate, install or uninstall",
    .synopsis = "ACTION",
    .help =
        "Asks for something to be done to the connection of a user with an app. The engine writes "
        "the request down, durably, and passes it on over the live feed to the service that "
        "carries "
        "it out; what becomes of it comes back as an event. The same --key again within 48 hours "
        "is "
        "the same request and is answered alike.\n\n"
        "Examples\n"
        "  daybook action reconnect --account=7 --app=42 --user=5\n"
        "  daybook action uninstall --account=7 --app=42 --viewer=9 --key=ticket-1234 --json\n",
    .rows = rows_of_action,
    .rows_n = sizeof rows_of_action / sizeof rows_of_action[0],
    .options_bytes = sizeof(struct action_options),
    .min = 1,
    .max = 1,
    .run = run,
    .more_help = more_help,
};
