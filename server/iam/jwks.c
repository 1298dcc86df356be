/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers' keys. One lock guards a small table; whoever finds that keys have to be fetched marks the entry, fetches
 * without the lock, and wakes those who wait.
 *
 * Invariants: an entry that is being fetched is never given to another issuer. A fetch that fails changes nothing but
 * the time of the last try. Keys without a member "keys" never replace others. Every path through jwks_get ends within
 * one fetch and one wait. Threads: any that may block.
 */
#include "server/iam/jwks.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "http_client.h"
#include "server/iam/jwt.h"
#include "server/json_text.h"

/* Of signing in, see jwks.h. An address that is not known is empty. */
struct places {
    char authorization[JWKS_URL_MAX + 1], token[JWKS_URL_MAX + 1];
    bool has_code, has_fragment;
};

struct provider {
    char issuer[JWKS_URL_MAX + 1]; /* empty: nobody's */
    struct places places;
    char *text; /* NULL: no keys yet */
    size_t n;
    uint64_t serial;
    bool fetching, failed; /* failed: the last try */
    bool asked;            /* for newer keys than there were, at asked_ms */
    int64_t fetched_ms, failed_ms, asked_ms, used_ms;
};

struct jwks {
    pthread_mutex_t lock;
    pthread_cond_t done; /* a fetch has ended */
    jwks_fetch_f *fetch;
    void *ctx;
    uint64_t serials;
    unsigned fetches, waiters;
    struct provider providers[JWKS_PROVIDERS];
};

/* ---- addresses ---- */

static bool is_loopback(struct bytes host)
{
    bool address = bytes_starts(host, BYTES_LIT("127."));
    for (size_t i = 0; i < host.n && address; i++)
        address = (host.p[i] >= '0' && host.p[i] <= '9') || host.p[i] == '.';
    return address || bytes_eq_str_nocase(host, "localhost") || bytes_eq_str(host, "[::1]");
}

static bool port_good(struct bytes port)
{
    uint64_t n;
    return bytes_to_u64(port, 65535, &n) && n > 0;
}

bool jwks_url_good(struct bytes url, bool plain)
{
    bool tls = bytes_starts(url, BYTES_LIT("https://"));
    if (url.n > JWKS_URL_MAX || (!tls && !bytes_starts(url, BYTES_LIT("http://"))))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] >= 0x7f || strchr("#@\"<>\\^`{|}", url.p[i]))
            return false;
    struct bytes rest = bytes_cut(url, tls ? 8 : 7, url.n);
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    struct bytes host = bytes_cut(rest, 0, end);
    ptrdiff_t bracket = bytes_find_char(host, ']', 0), colon = bytes_find_char(host, ':', bracket < 0 ? 0 : bracket);
    if (colon >= 0 && !port_good(bytes_cut(host, (size_t)colon + 1, host.n)))
        return false;
    host = colon >= 0 ? bytes_cut(host, 0, (size_t)colon) : host;
    return host.n > 0 && (tls || (plain && is_loopback(host)));
}

static struct bytes without_slash(struct bytes url)
{
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    return url;
}

/* ---- fetching ---- */

static bool fetch_by_http(void *ctx, struct arena *a, const char *url, size_t max, struct bytes *ret, char error[256])
{
    struct http_client_request q = {.url = url, .timeout_ms = JWKS_FETCH_MS, .reply_max = max};
    struct http_client_reply reply;
    (void)ctx;
    if (!http_client_send(&q, a, &reply, error))
        return false;
    *ret = reply.body;
    if (reply.status == 200)
        return true;
    snprintf(error, 256, "%.200s answers with status %d", url, reply.status);
    return false;
}

static void let_go(void *json)
{
    json_decref(json);
}

static json_t *parse(struct arena *a, struct bytes text)
{
    json_t *j = json_read(text);
    if (j)
        arena_defer(a, let_go, j);
    return json_is_object(j) ? j : NULL;
}

static bool fail(char error[256], const char *fmt, const char *what)
{
    snprintf(error, 256, fmt, what);
    return false;
}

/* Stays empty when it is no address that is taken. */
static void read_place(const json_t *discovery, const char *name, const char *issuer, char ret[JWKS_URL_MAX + 1])
{
    const char *url = json_string_value(json_object_get(discovery, name));
    if (url && jwks_url_good(bytes_str(url), strncmp(issuer, "http://", 7) == 0))
        snprintf(ret, JWKS_URL_MAX + 1, "%s", url);
}

static bool lists(const json_t *discovery, const char *name, const char *word)
{
    const json_t *list = json_object_get(discovery, name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        if (item && strcmp(item, word) == 0)
            return true;
    }
    return false;
}

static void read_places(const json_t *discovery, const char *issuer, struct places *ret)
{
    *ret = (struct places){.has_fragment = lists(discovery, "response_modes_supported", "fragment")};
    read_place(discovery, "authorization_endpoint", issuer, ret->authorization);
    read_place(discovery, "token_endpoint", issuer, ret->token);
    ret->has_code = *ret->token && lists(discovery, "response_types_supported", "code") &&
                    lists(discovery, "code_challenge_methods_supported", "S256");
}

/* Where the discovery document says that the keys are, and what it says of signing in. */
static bool read_discovery(struct arena *a, struct bytes text, const char *issuer, const char **ret,
                           struct places *ret_places, char error[256])
{
    const json_t *j = parse(a, text);
    const char *named = json_string_value(json_object_get(j, "issuer"));
    const char *url = json_string_value(json_object_get(j, "jwks_uri"));
    if (!j)
        return fail(error, "the discovery document of %.180s is no JSON object", issuer);
    if (!named || !bytes_eq(without_slash(bytes_str(named)), without_slash(bytes_str(issuer))))
        return fail(error, "the discovery document of %.180s is another issuer's", issuer);
    if (!url || !jwks_url_good(bytes_str(url), strncmp(issuer, "http://", 7) == 0))
        return fail(error, "the discovery document of %.180s names no address of keys that is taken", issuer);
    *ret = url;
    read_places(j, issuer, ret_places);
    return true;
}

static bool fetch_keys(struct jwks *w, struct arena *a, const char *issuer, struct bytes *ret,
                       struct places *ret_places, char error[256])
{
    struct bytes base = without_slash(bytes_str(issuer)), text;
    const char *url = arena_printf(a, "%.*s/.well-known/openid-configuration", (int)base.n, base.p);
    if (!w->fetch(w->ctx, a, url, JWKS_DISCOVERY_MAX, &text, error) ||
        !read_discovery(a, text, issuer, &url, ret_places, error) || !w->fetch(w->ctx, a, url, JWKS_MAX, ret, error))
        return false;
    if (ret->n > JWKS_MAX || !json_is_array(json_object_get(parse(a, *ret), "keys")))
        return fail(error, "what is at %.180s is no set of keys", url);
    return true;
}

/* ---- the table ---- */

static struct provider *find(struct jwks *w, const char *issuer, int64_t now_ms)
{
    struct provider *oldest = NULL;
    for (size_t i = 0; i < JWKS_PROVIDERS; i++) {
        struct provider *p = &w->providers[i];
        if (strcmp(p->issuer, issuer) == 0)
            return p;
        if (!p->fetching && (!oldest || !p->issuer[0] || (oldest->issuer[0] && p->used_ms < oldest->used_ms)))
            oldest = p;
    }
    CHECK(oldest); /* JWKS_FETCHES is less than JWKS_PROVIDERS */
    free(oldest->text);
    *oldest = (struct provider){.used_ms = now_ms};
    snprintf(oldest->issuer, sizeof oldest->issuer, "%s", issuer);
    return oldest;
}

static bool usable(const struct provider *p, uint64_t but, int64_t now_ms)
{
    return p->text && p->serial != but && now_ms - p->fetched_ms < JWKS_STALE_MS;
}

static bool wants_newer(const struct provider *p, uint64_t but)
{
    return p->text && p->serial == but;
}

/* Is there a reason to ask the provider (again)? */
static bool due(const struct provider *p, uint64_t but, int64_t now_ms)
{
    if (usable(p, but, now_ms) && now_ms - p->fetched_ms < JWKS_TTL_MS)
        return false;
    if (p->failed && now_ms - p->failed_ms < JWKS_RETRY_MS)
        return false;
    return !wants_newer(p, but) || !p->asked || now_ms - p->asked_ms >= JWKS_REFETCH_MS;
}

/* False: it took too long, or too many wait already. */
static bool wait_for(struct jwks *w, const char *issuer)
{
    struct timespec until = clock_in_ms(JWKS_WAIT_MS);
    int rc = 0;
    if (w->waiters >= JWKS_WAITERS)
        return false;
    w->waiters++;
    /* The entry is looked up each time: once its fetch has ended, it may become another's. */
    for (bool fetching = true; fetching && rc == 0;) {
        rc = pthread_cond_timedwait(&w->done, &w->lock, &until);
        fetching = false;
        for (size_t i = 0; i < JWKS_PROVIDERS; i++)
            fetching = fetching || (w->providers[i].fetching && strcmp(w->providers[i].issuer, issuer) == 0);
    }
    w->waiters--;
    return rc == 0;
}

static void store_keys(struct jwks *w, struct provider *p, struct bytes text, int64_t now_ms)
{
    p->fetched_ms = now_ms;
    if (p->text && bytes_eq(bytes_of(p->text, p->n), text))
        return;
    free(p->text);
    p->text = xmalloc(text.n + 1);
    memcpy(p->text, text.p, text.n);
    p->n = text.n;
    p->serial = ++w->serials;
}

/* With the lock; gives it away meanwhile. */
static void refresh(struct jwks *w, struct provider *p, int64_t now_ms)
{
    struct arena *a = arena_create(0);
    struct bytes text;
    char error[256] = "";
    struct places places;
    int64_t began = clock_mono_ms();
    p->fetching = true;
    w->fetches++;
    pthread_mutex_unlock(&w->lock);
    bool good = fetch_keys(w, a, p->issuer, &text, &places, error);
    if (!good)
        log_warn("iam", "the keys of identity provider %s: %s", p->issuer, error);
    pthread_mutex_lock(&w->lock);
    now_ms += clock_mono_ms() - began;
    w->fetches--;
    p->fetching = false;
    p->failed = !good;
    p->failed_ms = now_ms;
    if (good) {
        store_keys(w, p, text, now_ms);
        p->places = places;
    }
    pthread_cond_broadcast(&w->done);
    arena_free(a);
}

bool jwks_get(struct jwks *w, struct arena *a, struct bytes issuer, uint64_t but, int64_t now_ms, struct jwks_set *ret)
{
    const char *name = bytes_cstr(a, issuer);
    if (!jwks_url_good(issuer, true))
        return false;
    pthread_mutex_lock(&w->lock);
    struct provider *p = find(w, name, now_ms);
    if (due(p, but, now_ms)) {
        if (!p->fetching && w->fetches < JWKS_FETCHES) {
            p->asked = p->asked || wants_newer(p, but);
            p->asked_ms = wants_newer(p, but) ? now_ms : p->asked_ms;
            refresh(w, p, now_ms);
        } else if (p->fetching && !usable(p, but, now_ms) && wait_for(w, name)) {
            p = find(w, name, now_ms);
        }
    }
    bool good = usable(p, but, now_ms);
    if (good)
        *ret = (struct jwks_set){bytes_dup(a, bytes_of(p->text, p->n)), p->serial};
    p->used_ms = now_ms;
    pthread_mutex_unlock(&w->lock);
    return good;
}

bool jwks_sign_in(struct jwks *w, struct arena *a, struct bytes issuer, int64_t now_ms, struct jwks_sign_in *ret)
{
    struct jwks_set keys;
    if (!jwks_get(w, a, issuer, 0, now_ms, &keys))
        return false;
    *ret = (struct jwks_sign_in){.authorization = BYTES_NONE};
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < JWKS_PROVIDERS; i++) {
        const struct places *at = &w->providers[i].places;
        if (bytes_eq_str(issuer, w->providers[i].issuer))
            *ret = (struct jwks_sign_in){bytes_dup(a, bytes_str(at->authorization)), bytes_dup(a, bytes_str(at->token)),
                                         at->has_code, at->has_fragment};
    }
    pthread_mutex_unlock(&w->lock);
    return ret->authorization.n > 0;
}

/* ---- life ---- */

struct jwks *jwks_create(jwks_fetch_f *fetch, void *ctx)
{
    struct jwks *w = xcalloc(1, sizeof *w);
    clock_cond_init(&w->done);
    pthread_mutex_init(&w->lock, NULL);
    w->fetch = fetch ? fetch : fetch_by_http;
    w->ctx = ctx;
    return w;
}

void jwks_free(struct jwks **pw)
{
    struct jwks *w = *pw;
    if (!w)
        return;
    for (size_t i = 0; i < JWKS_PROVIDERS; i++)
        free(w->providers[i].text);
    pthread_cond_destroy(&w->done);
    pthread_mutex_destroy(&w->lock);
    free(w);
    *pw = NULL;
}
