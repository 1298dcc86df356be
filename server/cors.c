/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CORS. A rule speaks for a request when it has its origin (in its own case), its method, and every header that the
 * request announces (in any case); the first one counts, as in S3. The origin is never echoed with credentials allowed
 * unless a rule names it: a rule that lists `*` answers `*`.
 *
 * Parsed rules are kept per loop under (partition, generation, settings_seq): a bucket whose settings change is
 * another entry, and the old one is pushed out in time. A bucket without rules is remembered too.
 * Threads: loops.
 */
#include "server/cors.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "server/conn.h"
#include "server/req.h"
#include "server/server.h"
#include "server/xml/documents.h"
#include "server/xml/parse.h"
#include "store.h"

/* ---- matching ---- */

static bool same(struct bytes a, struct bytes b, bool any_case)
{
    return any_case ? bytes_eq_nocase(a, b) : bytes_eq(a, b);
}

bool cors_fits(struct bytes pattern, struct bytes text, bool any_case)
{
    ptrdiff_t star = bytes_find_char(pattern, '*', 0);
    if (star < 0)
        return same(pattern, text, any_case);
    size_t before = (size_t)star, after = pattern.n - before - 1;
    return text.n >= before + after && same(bytes_cut(pattern, 0, before), bytes_cut(text, 0, before), any_case) &&
           same(bytes_cut(pattern, before + 1, after), bytes_cut(text, text.n - after, after), any_case);
}

static bool any_fits(const struct bytes *patterns, size_t n, struct bytes text, bool any_case)
{
    for (size_t i = 0; i < n; i++)
        if (cors_fits(patterns[i], text, any_case))
            return true;
    return false;
}

/* The next name of a comma-separated list; false at its end. */
static bool next_name(struct bytes list, size_t *at, struct bytes *ret)
{
    while (*at < list.n) {
        ptrdiff_t comma = bytes_find_char(list, ',', *at);
        size_t end = comma < 0 ? list.n : (size_t)comma;
        *ret = bytes_trim(bytes_cut(list, *at, end - *at));
        *at = end + 1;
        if (ret->n)
            return true;
    }
    return false;
}

static bool too_many_names(struct bytes list)
{
    struct bytes name;
    size_t n = 0;
    for (size_t at = 0; next_name(list, &at, &name);)
        if (++n > CORS_NAMES_MAX)
            return true;
    return false;
}

static bool allows(const struct xml_cors_rule *rule, const struct cors_request *q)
{
    struct bytes name;
    if (!any_fits(rule->origins, rule->n_origins, q->origin, false))
        return false;
    bool method = false;
    for (size_t i = 0; i < rule->n_methods; i++)
        method = method || bytes_eq(rule->methods[i], q->method);
    if (!method)
        return false;
    for (size_t at = 0; next_name(q->headers, &at, &name);)
        if (!any_fits(rule->headers, rule->n_headers, name, true))
            return false;
    return true;
}

const struct xml_cors_rule *cors_match(const struct xml_cors *cors, const struct cors_request *q)
{
    if (too_many_names(q->headers))
        return NULL;
    for (size_t i = 0; i < cors->n_rules; i++)
        if (allows(&cors->rules[i], q))
            return &cors->rules[i];
    return NULL;
}

/* ---- rules, parsed once ---- */

struct entry {
    uint64_t partition, generation, seq;
    struct arena *arena; /* NULL: the entry is free */
    bool has_rules;
    struct xml_cors rules;
    uint64_t used;
};

struct cors_cache {
    struct entry entries[CORS_CACHE_SETS][CORS_CACHE_WAYS];
    uint64_t clock;
};

void cors_cache_free(struct cors_cache **cc)
{
    struct cors_cache *c = *cc;
    *cc = NULL;
    for (size_t i = 0; c && i < CORS_CACHE_SETS * CORS_CACHE_WAYS; i++)
        arena_free(c->entries[i / CORS_CACHE_WAYS][i % CORS_CACHE_WAYS].arena);
    free(c);
}

static void load(struct store *store, const struct store_bucket *b, struct entry *e)
{
    struct bytes text;
    arena_free(e->arena);
    *e = (struct entry){.partition = b->partition, .generation = b->generation, .seq = b->settings_seq};
    struct arena *arena = arena_create(0);
    int rc = store_setting_get(store, b->name, STORE_SETTING_CORS, arena, &text);
    if (rc == STORE_OK)
        e->has_rules = xml_parse(text, &xml_cors_doc, arena, &e->rules, NULL) == S3E_OK;
    if (rc == STORE_OK || rc == STORE_NO_SUCH_SETTING)
        e->arena = arena; /* else it is tried again */
    else
        arena_free(arena);
}

const struct xml_cors *cors_of_bucket(struct cors_cache **cc, struct store *store, const struct store_bucket *b)
{
    if (b->settings_seq == 0)
        return NULL;
    if (!*cc)
        *cc = xcalloc(1, sizeof **cc);
    struct entry *set = (*cc)->entries[(b->partition ^ b->settings_seq) % CORS_CACHE_SETS], *e = NULL;
    for (size_t i = 0; i < CORS_CACHE_WAYS && !e; i++)
        if (set[i].arena && set[i].partition == b->partition && set[i].generation == b->generation &&
            set[i].seq == b->settings_seq)
            e = &set[i];
    if (!e) {
        e = set;
        for (size_t i = 1; i < CORS_CACHE_WAYS; i++)
            if (set[i].used < e->used)
                e = &set[i];
        load(store, b, e);
    }
    e->used = ++(*cc)->clock;
    return e->arena && e->has_rules ? &e->rules : NULL;
}

/* ---- replies ---- */

void cors_request_of(const struct req *r, struct cors_request *ret)
{
    *ret = (struct cors_request){http_head_value(&r->head, HDR_ORIGIN),
                                 http_head_value(&r->head, HDR_ACCESS_CONTROL_REQUEST_METHOD),
                                 http_head_value(&r->head, HDR_ACCESS_CONTROL_REQUEST_HEADERS)};
    if (ret->method.n == 0)
        ret->method = r->head.method_text;
}

static void put_line(struct buf *out, const char *name, struct bytes value)
{
    buf_put_str(out, name);
    buf_put_bytes(out, value);
    buf_put(out, "\r\n", 2);
}

static void put_list(struct buf *out, const char *name, const struct bytes *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_put_str(out, i ? ", " : name);
        buf_put_bytes(out, items[i]);
    }
    if (n)
        buf_put(out, "\r\n", 2);
}

static void put_asked(struct buf *out, struct bytes list)
{
    struct bytes name;
    bool first = true;
    for (size_t at = 0; next_name(list, &at, &name); first = false) {
        buf_put_str(out, first ? "Access-Control-Allow-Headers: " : ", ");
        for (size_t i = 0; i < name.n; i++)
            buf_put_char(out, name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] | 0x20) : name.p[i]);
    }
    if (!first)
        buf_put(out, "\r\n", 2);
}

static void put_rule(struct buf *out, const struct xml_cors_rule *rule, const struct cors_request *q)
{
    bool anyone = false;
    for (size_t i = 0; i < rule->n_origins; i++)
        anyone = anyone || bytes_eq_str(rule->origins[i], "*");
    put_line(out, "Access-Control-Allow-Origin: ", anyone ? BYTES_LIT("*") : q->origin);
    if (!anyone)
        buf_put_str(out, "Access-Control-Allow-Credentials: true\r\n");
    put_list(out, "Access-Control-Allow-Methods: ", rule->methods, rule->n_methods);
    put_asked(out, q->headers);
    put_list(out, "Access-Control-Expose-Headers: ", rule->expose, rule->n_expose);
    if (rule->max_age.has)
        buf_printf(out, "Access-Control-Max-Age: %lld\r\n", (long long)rule->max_age.v);
}

void cors_put_headers(struct req *r, struct buf *out)
{
    struct store_bucket found;
    struct cors_request q;
    if (!r->head_ok || !r->on_bucket || http_head_value(&r->head, HDR_ORIGIN).n == 0 ||
        http_head_repeated(&r->head, HDR_ORIGIN))
        return;
    if (r->bucket.name.n) /* refused requests may not have come that far */
        found = r->bucket;
    else if (store_bucket_get(r->server->store, r->bucket_name, r->arena, &found) < 0)
        return;
    const struct xml_cors *cors = cors_of_bucket(&r->conn->loop->cors, r->server->store, &found);
    if (!cors)
        return;
    cors_request_of(r, &q);
    const struct xml_cors_rule *rule = cors_match(cors, &q);
    if (rule)
        put_rule(out, rule, &q);
    buf_put_str(out, "Vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method\r\n");
}
