/* Views over HTTP: the path and the query string become the same question that the query socket
 * takes, and the same function answers it. Only the form of the rows, the status, and what stands
 * in headers are HTTP's own. */
#include "engine/edge/http_api_internal.h"

#include "engine/base/check.h"

#define LINK_SLACK 1024 /* of a request's head, beside the link's target */

enum { FORM_JSON, FORM_LINES, FORM_CSV, FORMS_N };

/* Names under which a form may be asked for; the first of each is the one that is sent. */
static const char *const media_types[] = {"application/json", "application/x-ndjson", "text/csv",
                                          "application/ndjson", "application/jsonl"};
static const uint8_t media_forms[] = {FORM_JSON, FORM_LINES, FORM_CSV, FORM_LINES, FORM_LINES};

#define CSV_TYPE "text/csv; charset=utf-8; header=present"

static const char *const sent_types[FORMS_N] = {
    [FORM_JSON] = "application/json", [FORM_LINES] = "application/x-ndjson", [FORM_CSV] = CSV_TYPE};
static const enum query_form query_forms[FORMS_N] = {
    [FORM_JSON] = QUERY_ANSWER, [FORM_LINES] = QUERY_LINES, [FORM_CSV] = QUERY_CSV};

/* ---- replies ---- */

void api_reply(struct http_api *api, struct exchange **x, struct http_reply *r,
               struct http_field *fields)
{
    r->fields = fields;
    fields[r->fields_n++] =
        (struct http_field){STR("Vary"), STR("Accept, Accept-Encoding, Authorization")};
    if (form_takes_gzip(http_field_of(*x, "accept-encoding")) &&
        gzip_pack(api->gzip, (struct str){r->body, r->body_n}, &api->packed)) {
        fields[r->fields_n++] = (struct http_field){STR("Content-Encoding"), STR("gzip")};
        r->body = api->packed.p;
        r->body_n = api->packed.n;
    }
    http_reply(x, r);
}

/* ---- links ---- */

/* The query string without its cursor, to be gone on with. */
static void put_rest(struct buf *to, struct str query)
{
    struct str name, value;
    while (http_query_next(&query, &name, &value)) {
        if (str_eq(name, STR("cursor")))
            continue;
        buf_put(to, name.p, (size_t)(value.p + value.n - name.p));
        buf_u8(to, '&');
    }
}

/* The Link header of the next page into api->text. False: it would not fit into a request. */
static bool put_link(struct http_api *api, const struct exchange *x, struct str cursor)
{
    const struct http_head *head = &http_request_of(x)->head;
    struct buf *to = &api->text;
    buf_reset(to);
    buf_u8(to, '<');
    buf_put(to, head->path.p, head->path.n);
    buf_u8(to, '?');
    put_rest(to, head->query);
    buf_put(to, "cursor=", 7);
    buf_put(to, cursor.p, cursor.n);
    if (to->n + LINK_SLACK > api->setup.headers_bytes_max)
        return false;
    buf_put(to, ">; rel=\"next\"", 13);
    return !to->bad;
}

/* ---- one answer ---- */

struct fields {
    struct http_field at[16];
    uint32_t n;
    char as_of[24], position[24], name[96];
    char late[24], duplicate[24], rejected[24];
};

static void add_field(struct fields *f, struct str name, struct str value)
{
    CHECK(f->n < N_OF(f->at) - 2); /* two are api_reply's */
    f->at[f->n++] = (struct http_field){name, value};
}

static void add_number(struct fields *f, struct str name, uint64_t n, char to[static 24])
{
    add_field(f, name, (struct str){to, text_fmt(to, 24, "%llu", (unsigned long long)n)});
}

static void add_facts(struct fields *f, const struct query_result *r)
{
    text_fmt(f->as_of, sizeof(f->as_of), "%lld", (long long)r->as_of_ms);
    text_fmt(f->position, sizeof(f->position), "%llu", (unsigned long long)r->position);
    add_field(f, STR("Daybook-As-Of"), str_of(f->as_of));
    add_field(f, STR("Daybook-Position"), str_of(f->position));
    if (r->from[0] != '\0') {
        add_field(f, STR("Daybook-From"), str_of(r->from));
        add_field(f, STR("Daybook-To"), str_of(r->to));
    }
    if (r->counted) {
        add_number(f, STR("Daybook-Late"), r->late, f->late);
        add_number(f, STR("Daybook-Duplicate"), r->duplicate, f->duplicate);
        add_number(f, STR("Daybook-Rejected"), r->rejected, f->rejected);
    }
    if (r->bound != NULL)
        add_field(f, STR("Daybook-Bound"), str_of(r->bound));
    if (r->degraded)
        add_field(f, STR("Daybook-Degraded"), STR("true"));
}

/* The tag is of what is shown, not of when it was shown: the time of the answer and its position go
 * on while the rows stay the same. */
static void tag_of(const struct query_result *r, unsigned form, char to[static 40])
{
    char form_text[96];
    text_fmt(form_text, sizeof form_text, "%u %llu %llu %llu", form, (unsigned long long)r->late,
             (unsigned long long)r->duplicate, (unsigned long long)r->rejected);
    const struct str parts[] = {r->data,
                                str_of(form_text),
                                str_of(r->from),
                                str_of(r->to),
                                str_of(r->bound != NULL ? r->bound : ""),
                                r->cursor,
                                r->degraded ? STR("degraded") : STR("")};
    form_tag(parts, N_OF(parts), to);
}

static void reply_rows(struct http_api *api, struct exchange **x, const struct query_result *r,
                       unsigned form)
{
    struct fields f = {.n = 0};
    char tag[40];
    struct http_reply reply = {.status = 200,
                               .type = sent_types[form],
                               .body = r->text.n > 0 ? r->text.p : "",
                               .body_n = r->text.n};
    bool get = http_request_of(*x)->head.method != HTTP_POST;
    if (r->cursor.p != NULL && get && put_link(api, *x, r->cursor)) {
        add_field(&f, STR("Link"), (struct str){(const char *)api->text.p, api->text.n});
    } else if (r->cursor.p != NULL && form != FORM_JSON) {
        http_refuse(
            x, ST_LIMIT,
            STR("the cursor of the next page is too long for a link; ask for JSON with POST "
                "/v1/query, where it stands in the body"));
        return;
    }
    tag_of(r, form, tag);
    add_field(&f, STR("ETag"), str_of(tag));
    add_field(&f, STR("Cache-Control"), STR("private, no-cache"));
    add_facts(&f, r);
    if (form == FORM_CSV) {
        size_t n = text_fmt(f.name, sizeof(f.name), "attachment; filename=\"%s.csv\"",
                            query_views[r->view].name);
        add_field(&f, STR("Content-Disposition"), (struct str){f.name, n});
    }
    if (get && form_has_tag(http_field_of(*x, "if-none-match"), tag)) {
        reply.status = 304;
        reply.type = NULL;
        reply.body_n = 0;
    }
    reply.fields_n = f.n;
    api_reply(api, x, &reply, f.at);
}

static void answer(struct http_api *api, struct exchange *x, const struct request *r)
{
    struct query_result result;
    int choice = form_choose(http_field_of(x, "accept"), media_types, N_OF(media_types));
    if (choice < 0) {
        http_refuse_as(&x, HTTP_NOT_ACCEPTABLE,
                       STR("rows come as application/json, application/x-ndjson or text/csv"));
        return;
    }
    unsigned form = media_forms[choice];
    enum query_view_id view = VIEW_N;
    const struct param *name = request_param(r, "view");
    if (name != NULL && name->values_n == 1 && name->values[0].type == VALUE_STR)
        view = query_view_find(name->values[0].text);
    if (form == FORM_CSV && view < VIEW_N && query_views[view].shape == SHAPE_OBJECT) {
        http_refuse_as(&x, HTTP_NOT_ACCEPTABLE, STR("this view is one object and has no CSV"));
        return;
    }
    facts_answer(api->setup.facts, r, query_forms[form], &api->answer, &result);
    if (result.status != ST_OK)
        http_refuse(&x, result.status, str_of(result.why));
    else
        reply_rows(api, &x, &result, form);
}

/* ---- routes ---- */

static bool has_account(enum query_view_id view)
{
    return query_param_find(view, STR("account")) < QUERY_PARAMS_N;
}

static bool needs_account(enum query_view_id view)
{
    enum query_param_id id = query_param_find(view, STR("account"));
    return id < QUERY_PARAMS_N && query_params[id].required;
}

static void get(struct http_api *api, struct exchange *x, const struct query_path *path)
{
    struct request r;
    struct http_identity who;
    enum query_view_id view = query_view_find(path->view);
    bool of_account = path->account.p != NULL;
    enum http_right right =
        view < VIEW_N && query_views[view].right == RIGHT_ADMIN ? HTTP_MAY_ADMIN : HTTP_MAY_QUERY;
    if (!http_auth_check(api->setup.auth, right, &x, &who))
        return;
    if (view < VIEW_N && of_account && !has_account(view)) {
        http_refuse(&x, ST_NOT_FOUND, STR("this view belongs to no account; ask /v1/{view}"));
        return;
    }
    if (view < VIEW_N && !of_account && needs_account(view)) {
        http_refuse(&x, ST_NOT_FOUND,
                    STR("this view belongs to an account; ask /v1/accounts/{account}/{view}"));
        return;
    }
    arena_reset(&api->arena);
    query_from_url(path, http_request_of(x)->head.query, &api->arena, &r);
    answer(api, x, &r);
}

void query_get(void *api, struct exchange *x)
{
    struct query_path path = {.view = http_request_of(x)->at[0]};
    get(api, x, &path);
}

void query_get_of_account(void *api, struct exchange *x)
{
    const struct http_request *q = http_request_of(x);
    struct query_path path = {.view = q->at[1], .account = q->at[0]};
    get(api, x, &path);
}

static void post_msgpack(struct http_api *api, struct exchange *x, const struct request *r)
{
    struct query_result result;
    facts_answer(api->setup.facts, r, QUERY_ANSWER, &api->answer, &result);
    struct http_reply reply = {.status = (unsigned)status_row(result.status)->http,
                               .type = "application/msgpack",
                               .body = api->answer.p,
                               .body_n = api->answer.n};
    http_reply(&x, &reply);
}

bool api_body_request(struct http_api *api, struct exchange **x, struct request *out)
{
    struct str body = http_request_of(*x)->body, type = http_field_of(*x, "content-type");
    type.n = type.p != NULL ? strcspn(type.p, "; \t\r\n") : 0;
    bool packed =
        http_name_eq(type, "application/msgpack") || http_name_eq(type, "application/x-msgpack");
    if (!packed && !http_name_eq(type, "application/json")) {
        http_refuse_as(x, HTTP_MEDIA_TYPE,
                       STR("a question is application/json or application/msgpack"));
        return false;
    }
    arena_reset(&api->arena);
    request_decode(body.p, body.n, &api->arena, out);
    if (body.n > 0 && (out->encoding == ENCODING_MSGPACK) == packed)
        return true;
    http_refuse(x, ST_MALFORMED, STR("the body is not what Content-Type says"));
    return false;
}

void query_post(void *arg, struct exchange *x)
{
    struct http_api *api = arg;
    struct request r;
    struct http_identity who;
    if (!http_auth_check(api->setup.auth, HTTP_MAY_QUERY, &x, &who) ||
        !api_body_request(api, &x, &r))
        return;
    if (r.encoding == ENCODING_MSGPACK)
        post_msgpack(api, x, &r);
    else
        answer(api, x, &r);
}
