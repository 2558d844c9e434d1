#include "engine/options.h"

struct ingest_options options_of_ingest(const struct config *c)
{
    return (struct ingest_options){
        .limits =
            {
                .batch_events_max = (uint32_t)c->batch_events_max,
                .event_bytes_max = (uint32_t)c->event_bytes_max,
                .string_bytes_max = (uint32_t)c->string_bytes_max,
                .depth_max = (uint32_t)c->depth_max,
                .scopes_max = (uint32_t)c->scopes_max,
            },
        .group_bytes_max = c->group_bytes_max,
        .inflight_bytes_max = c->inflight_bytes_max,
        .pending_bytes = c->pending_bytes,
        .journal_bytes = c->journal_bytes,
        .checkpoint_ms = (uint32_t)c->checkpoint_ms,
        .merge_rest_ms = ingest_options_default.merge_rest_ms,
        .busy_after_ms = (uint32_t)c->busy_after_ms,
        .id_window_bytes = c->id_window_bytes,
        .id_window_hours = (uint32_t)c->id_window_hours,
        .rejected_max = (uint32_t)c->rejected_max,
        .producers_max = (uint32_t)c->producers_max,
        .activity_rows_max = (uint32_t)c->activity_rows_max,
        .object_types_max = (uint32_t)c->object_types_max,
        .apps_max = (uint32_t)c->apps_max,
        .connections_max = (uint32_t)c->connections_per_account_max,
        .users_max = (uint32_t)c->users_max,
        .producer_idle_days = (uint32_t)c->producer_idle_days,
        .floor_day = c->data_floor,
        .popularity = c->recommend_popularity,
        .clock_accept = c->clock_accept,
    };
}

struct http_options options_of_http(const struct config *c)
{
    return (struct http_options){
        .listen = c->http_listen,
        .headers_bytes_max = (uint32_t)c->http_headers_bytes_max,
        .body_bytes_max = c->http_body_bytes_max,
        .connections_max = (uint32_t)c->http_connections_max,
        .connections_per_address_max = (uint32_t)c->http_connections_per_address_max,
        .request_ms = (uint32_t)c->http_request_ms,
        .idle_ms = (uint32_t)c->http_idle_ms,
        .answer_ms = (uint32_t)c->http_answer_ms,
        .buffer_bytes_max = c->http_buffer_bytes_max,
        .streams_max = (uint32_t)c->http_streams_max,
    };
}
