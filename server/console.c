/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web console's listener, see console.h. Requests below /api go the way of all requests, with less of them let
 * through and more headers on their replies; the page's files lie compressed in the program and go out as they are.
 * Invariant: every reply of this listener passes console_put_headers. Threads: the connection's loop; console_info runs
 * on a worker.
 */
#include "server/console.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "server/client_addr.h"
#include "server/conn.h"
#include "server/console_files.h"
#include "server/console_info.h"
#include "server/console_signin.h"
#include "server/http/etag_match.h"
#include "server/iam/query.h"
#include "server/ops.h"
#include "server/req.h"
#include "server/server.h"

#define PREFIX_MAX  256
#define INDEX_MAX   (64u * 1024) /* bytes of index.html */
#define ETAG_TEXT   32
#define INFO_PATH   "console.json"
#define INDEX_PATH  "index.html"
#define OWN_BASE    "<base href=\"/\" />"
#define ASSETS      "assets/" /* their names change with what they hold */
#define API_SEGMENT "api"
#define NOT_BUILT   "This server was built without its web console: build it where Node.js 18 and npm are installed.\n"

struct console {
    char prefix[PREFIX_MAX]; /* "/" or "/a/b/" */
    unsigned s3_port;
    struct buf index; /* index.html with the prefix in it */
    char index_etag[ETAG_TEXT + 1];
    struct console_signin *signin;
};

/* ---- life ---- */

bool console_is_built(void)
{
    return console_n_files > 0;
}

const char *console_prefix(const struct console *c)
{
    return c->prefix;
}

static const struct console_file *file_of(struct bytes path)
{
    size_t low = 0, high = console_n_files;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = bytes_cmp(path, bytes_str(console_files[middle].path));
        if (order == 0)
            return &console_files[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Room for f->size bytes. */
static void inflate_file(const struct console_file *f, char *to)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)f->gzip,
                  .avail_in = (unsigned)(f->gzip_end - f->gzip),
                  .next_out = (unsigned char *)to,
                  .avail_out = (unsigned)f->size};
    CHECK(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK);
    int rc = inflate(&z, Z_FINISH);
    CHECK(rc == Z_STREAM_END && z.avail_out == 0); /* it was compressed by the build */
    inflateEnd(&z);
}

/* The path of a URL that config.c has checked. */
static void set_prefix(struct console *c, const char *url)
{
    const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
    size_t n = path ? strlen(path) : 0;
    bool slash = n > 0 && path[n - 1] == '/';
    if (n + 2 > PREFIX_MAX)
        n = 0;
    snprintf(c->prefix, PREFIX_MAX, "%.*s%s", (int)n, n ? path : "", n && slash ? "" : "/");
}

/* All references of index.html are relative to the base, which is where the console lies. */
static void make_index(struct console *c)
{
    const struct console_file *f = file_of(BYTES_LIT(INDEX_PATH));
    unsigned char digest[EVP_MAX_MD_SIZE];
    buf_init(&c->index, INDEX_MAX + PREFIX_MAX + 64);
    if (!f || f->size > INDEX_MAX)
        return;
    char *text = xmalloc(f->size + 1);
    inflate_file(f, text);
    struct bytes whole = bytes_of(text, f->size);
    ptrdiff_t own = bytes_find(whole, BYTES_LIT(OWN_BASE), 0), head = bytes_find(whole, BYTES_LIT("<head>"), 0);
    size_t at = own >= 0 ? (size_t)own : head >= 0 ? (size_t)head + strlen("<head>") : 0;
    buf_put_bytes(&c->index, bytes_cut(whole, 0, at));
    buf_printf(&c->index, "<base href=\"%s\">", c->prefix);
    buf_put_bytes(&c->index, bytes_cut(whole, at + (own >= 0 ? strlen(OWN_BASE) : 0), SIZE_MAX));
    free(text);
    CHECK(EVP_Digest(c->index.p, c->index.n, digest, NULL, EVP_sha256(), NULL) == 1);
    hex_encode(digest, ETAG_TEXT / 2, c->index_etag);
}

struct console *console_create(const struct config *cfg, unsigned s3_port)
{
    struct console *c = xcalloc(1, sizeof *c);
    c->s3_port = s3_port;
    c->signin = console_signin_create();
    set_prefix(c, cfg->browser_redirect_url);
    make_index(c);
    return c;
}

void console_free(struct console **pc)
{
    struct console *c = *pc;
    if (!c)
        return;
    console_signin_free(&c->signin);
    buf_fini(&c->index);
    free(c);
    *pc = NULL;
}

/* ---- the page ---- */

/* `gzip` in Accept-Encoding, and not with q=0. */
static bool takes_gzip(const struct req *r)
{
    struct bytes list = http_head_value(&r->head, HDR_ACCEPT_ENCODING);
    for (size_t at = 0; at < list.n;) {
        ptrdiff_t comma = bytes_find_char(list, ',', at);
        size_t end = comma < 0 ? list.n : (size_t)comma;
        struct bytes item = bytes_trim(bytes_cut(list, at, end - at));
        ptrdiff_t semicolon = bytes_find_char(item, ';', 0);
        struct bytes name = bytes_trim(bytes_cut(item, 0, semicolon < 0 ? item.n : (size_t)semicolon));
        struct bytes q = semicolon < 0 ? BYTES_NONE : bytes_trim(bytes_cut(item, (size_t)semicolon + 1, SIZE_MAX));
        if (bytes_eq_str_nocase(name, "gzip") || bytes_eq_str(name, "*"))
            return !bytes_eq_str(q, "q=0") && !bytes_starts(q, BYTES_LIT("q=0.0"));
        at = end + 1;
    }
    return false;
}

static int fail_page(struct req *r, enum s3_error code, int status, const char *message)
{
    req_fail(r, code);
    r->err.status = status;
    r->err.message = message;
    return -1;
}

void console_respond_error(struct req *r)
{
    struct resp *resp = &r->resp;
    const char *message = r->err.message ? r->err.message : s3_error_message(r->err.code);
    resp->status = r->err.status ? r->err.status : s3_error_status(r->err.code);
    resp->content_type = "text/plain; charset=utf-8";
    buf_reset(&resp->headers);
    if (r->err.code == S3E_METHOD_NOT_ALLOWED)
        resp_header(r, "Allow", BYTES_LIT("GET, HEAD"));
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    buf_reset(&resp->doc);
    buf_printf(&resp->doc, "%s%s", message, strchr(message, '\n') ? "" : "\n");
    resp->body = buf_bytes(&resp->doc);
    resp->length = resp->body.n;
}

/* True: the client has it. */
static bool put_etag(struct req *r, const char *etag)
{
    resp_headerf(r, "ETag", "\"%s\"", etag);
    if (!http_head_has(&r->head, HDR_IF_NONE_MATCH) ||
        !etag_list_matches(http_head_value(&r->head, HDR_IF_NONE_MATCH), bytes_str(etag)))
        return false;
    r->resp.status = 304;
    return true;
}

static int send_file(struct req *r, const struct console_file *f)
{
    bool gzip = takes_gzip(r);
    char etag[ETAG_TEXT + 8];
    snprintf(etag, sizeof etag, "%s%s", f->etag, gzip ? "-gz" : "");
    resp_header(r, "Cache-Control",
                bytes_starts(bytes_str(f->path), BYTES_LIT(ASSETS)) ? BYTES_LIT("public, max-age=31536000, immutable")
                                                                    : BYTES_LIT("no-cache"));
    resp_header(r, "Vary", BYTES_LIT("Accept-Encoding"));
    if (put_etag(r, etag))
        return 0;
    r->resp.content_type = f->type;
    if (gzip) {
        resp_header(r, "Content-Encoding", BYTES_LIT("gzip"));
        r->resp.body = bytes_of(f->gzip, (size_t)(f->gzip_end - f->gzip));
    } else {
        char *plain = arena_alloc(r->arena, f->size + 1);
        inflate_file(f, plain);
        r->resp.body = bytes_of(plain, f->size);
    }
    r->resp.length = r->resp.body.n;
    return 0;
}

static int send_index(struct req *r)
{
    const struct console *c = r->server->console;
    resp_header(r, "Cache-Control", BYTES_LIT("no-cache"));
    if (put_etag(r, c->index_etag))
        return 0;
    r->resp.content_type = "text/html; charset=utf-8";
    r->resp.body = buf_bytes(&c->index);
    r->resp.length = r->resp.body.n;
    return 0;
}

static struct bytes last_segment(struct bytes path)
{
    size_t at = path.n;
    while (at > 0 && path.p[at - 1] != '/')
        at--;
    return bytes_cut(path, at, SIZE_MAX);
}

static bool has_dot_segment(struct bytes path)
{
    for (size_t at = 0; at <= path.n;) {
        ptrdiff_t slash = bytes_find_char(path, '/', at);
        size_t end = slash < 0 ? path.n : (size_t)slash;
        struct bytes segment = bytes_cut(path, at, end - at);
        if (bytes_eq_str(segment, ".") || bytes_eq_str(segment, "..") || bytes_starts_str_nocase(segment, "%2e"))
            return true;
        at = end + 1;
    }
    return false;
}

/* A place within the page, which the page itself finds. A browser that goes there may name a key with a dot in it. */
static bool is_place(struct req *r, struct bytes path)
{
    if (bytes_starts(path, BYTES_LIT(ASSETS)) || has_dot_segment(path))
        return false;
    return bytes_find_char(last_segment(path), '.', 0) < 0 || bytes_eq_str(req_header(r, "sec-fetch-mode"), "navigate");
}

static int check_method(struct req *r)
{
    if (r->head.method == HTTP_GET || r->head.method == HTTP_HEAD)
        return 0;
    return fail_page(r, S3E_METHOD_NOT_ALLOWED, 405, "The web console is only read.");
}

static int page_get(struct req *r)
{
    struct bytes path = bytes_cut(r->raw_path, 1, SIZE_MAX);
    const struct console_file *f = file_of(path);
    if (check_method(r) < 0)
        return -1;
    if (!console_is_built())
        return fail_page(r, S3E_NO_SUCH_KEY, 404, NOT_BUILT);
    if (r->server->console->index.n && (path.n == 0 || bytes_eq_str(path, INDEX_PATH) || (!f && is_place(r, path))))
        return send_index(r);
    return f ? send_file(r, f) : fail_page(r, S3E_NO_SUCH_KEY, 404, "The web console has no such file.");
}

static int info_get(struct req *r)
{
    const struct console *c = r->server->console;
    if (check_method(r) < 0)
        return -1;
    return console_is_built() ? console_info(r, c->prefix, c->s3_port) : fail_page(r, S3E_NO_SUCH_KEY, 404, NOT_BUILT);
}

/* ---- the request's steps ---- */

static const struct s3_op page_op = {.name = "ConsolePage",
                                     .level = ON_OWN,
                                     .path = "",
                                     .kind = OP_LOOP,
                                     .action = "pail:Console",
                                     .flags = OP_PUBLIC,
                                     .handle = page_get};
static const struct s3_op info_op = {.name = "ConsoleInfo",
                                     .level = ON_OWN,
                                     .path = "",
                                     .kind = OP_DOC,
                                     .action = "pail:Console",
                                     .flags = OP_PUBLIC,
                                     .handle = info_get};

/* The path without the prefix, which a proxy may have taken off already. */
static struct bytes without_prefix(const struct console *c, struct bytes path)
{
    struct bytes prefix = bytes_str(c->prefix);
    if (bytes_starts(path, prefix))
        return bytes_cut(path, prefix.n - 1, SIZE_MAX);
    return path.n + 1 == prefix.n && bytes_starts(prefix, path) ? BYTES_LIT("/") : path;
}

void console_locate(struct req *r, struct uri_parts *parts)
{
    struct bytes path = without_prefix(r->server->console, parts->path);
    if (bytes_starts(path, BYTES_LIT("/" API_SEGMENT)) &&
        (path.n == sizeof API_SEGMENT || path.p[sizeof API_SEGMENT] == '/')) {
        struct bytes rest = bytes_cut(path, sizeof API_SEGMENT, SIZE_MAX);
        r->console = CONSOLE_API;
        parts->path = rest.n ? rest : BYTES_LIT("/");
        return;
    }
    r->console = CONSOLE_PAGE;
    parts->path = path;
    r->op = bytes_eq_str(path, "/" INFO_PATH) ? &info_op : &page_op;
}

/* What browsers tell of a request: is it one that the page itself sends? Others do not tell. */
static bool is_of_the_page(struct req *r)
{
    static const char *const destinations[] = {"empty", "document", "image", "audio", "video", "track"};
    struct bytes site = req_header(r, "sec-fetch-site"), dest = req_header(r, "sec-fetch-dest");
    struct bytes origin = http_head_value(&r->head, HDR_ORIGIN);
    if (site.n && !bytes_eq_str(site, "same-origin") && !bytes_eq_str(site, "none"))
        return false;
    bool known = dest.n == 0;
    for (size_t i = 0; i < ARRAY_LEN(destinations); i++)
        known |= bytes_eq_str(dest, destinations[i]);
    if (!known)
        return false;
    if (!origin.n || site.n)
        return true;
    ptrdiff_t authority = bytes_find(origin, BYTES_LIT("://"), 0);
    return authority > 0 && bytes_eq_nocase(bytes_cut(origin, (size_t)authority + 3, SIZE_MAX), r->head.host);
}

static struct bytes address_of(const struct req *r)
{
    return client_addr_of(&r->server->proxies, r->conn->peer_name, r->conn->ssl != NULL, &r->head).ip;
}

/*
 * Does the request show a session's token, as all do of who has signed in? Others could be guesses of a secret,
 * whatever they ask for. In doubt it shows none: a header beside a parameter, of which one is not looked at, or an
 * empty one.
 */
static bool shows_token(struct req *r)
{
    struct bytes header = http_head_value(&r->head, HDR_X_AMZ_SECURITY_TOKEN), param = BYTES_NONE;
    size_t params = 0;
    for (size_t i = 0; i < r->query.n; i++) {
        if (!bytes_eq_str_nocase(r->query.params[i].name, "x-amz-security-token"))
            continue;
        param = r->query.params[i].value;
        params++;
    }
    if (params == 0)
        return header.n > 0;
    return params == 1 && param.n > 0 && req_param(r, "X-Amz-Signature").n > 0 &&
           !http_head_has(&r->head, HDR_X_AMZ_SECURITY_TOKEN) && !http_head_has(&r->head, HDR_AUTHORIZATION);
}

int console_admit(struct req *r)
{
    if (r->console != CONSOLE_API)
        return 0;
    if (!is_of_the_page(r))
        return req_failf(r, S3E_ACCESS_DENIED, "The console's API is for requests of the console itself.");
    bool signs_in = (r->op->flags & OP_SIGN_IN) != 0; /* a session's token beside it makes it no other request */
    if (!signs_in && ((r->op->flags & OP_PUBLIC) || shows_token(r)))
        return 0;
    r->console_wait_s = console_signin_begin(r->server->console->signin, address_of(r), clock_mono_ms());
    r->console_signin = r->console_wait_s == 0;
    if (r->console_signin)
        return 0;
    req_failf(r, S3E_SLOW_DOWN, "Too many failed sign-ins from this address. Try again in %u s.", r->console_wait_s);
    r->err.status = 429;
    return -1;
}

/* A query's signature may be known only with its body; what an identity provider says, only at the end. */
static void settle_signin(struct req *r)
{
    if (r->console_signin && !(r->op->flags & (OP_QUERY | OP_SIGN_IN)) && !r->err.code) {
        r->console_signin = false;
        console_signin_good(r->server->console->signin, address_of(r));
    }
}

int console_check_caller(struct req *r)
{
    settle_signin(r); /* now, not once a long reply has gone out */
    if (r->console != CONSOLE_API || !r->who.anonymous || (r->op->flags & (OP_QUERY | OP_AT_CONSOLE)))
        return 0;
    return req_failf(r, S3E_ACCESS_DENIED, "Requests to the console's API must be signed.");
}

/* A secret, token or key that is not right; a clock that is wrong is no guess. */
static bool is_guess(const struct req *r)
{
    static const char *const codes[] = {"InvalidIdentityToken", "AccessDenied", "InvalidClientTokenId",
                                        "IDPRejectedClaim"};
    if ((r->op->flags & OP_SIGN_IN) && r->err.code)
        return true;
    if (r->err.code == S3E_SIGNATURE_DOES_NOT_MATCH || r->err.code == S3E_INVALID_ACCESS_KEY_ID)
        return true;
    for (size_t i = 0; r->query_call && r->query_call->code && i < ARRAY_LEN(codes); i++)
        if (strcmp(r->query_call->code, codes[i]) == 0)
            return true;
    return false;
}

void console_ended(struct req *r)
{
    if (r->console_signin && !is_guess(r))
        console_signin_good(r->server->console->signin, address_of(r));
}

/* ---- headers ---- */

static bool is_line_of(struct bytes line, const char *name)
{
    size_t n = strlen(name);
    return line.n > n && line.p[n] == ':' && bytes_eq_str_nocase(bytes_cut(line, 0, n), name);
}

/* What a page could load as part of itself: nosniff lets nothing else be a script or a sheet of styles. */
static bool is_code(struct bytes line)
{
    static const char *const words[] = {"script", "css"};
    for (size_t i = 0; i < line.n; i++)
        for (size_t k = 0; k < ARRAY_LEN(words); k++)
            if (bytes_starts_str_nocase(bytes_cut(line, i, SIZE_MAX), words[k]))
                return true;
    return false;
}

/* The reply's own lines, but for those that would make an object more than an attachment, or leave it behind. */
static void put_api_lines(struct req *r, struct buf *out)
{
    struct bytes all = buf_bytes(&r->resp.headers);
    bool object = r->op && strcmp(r->op->name, "GetObject") == 0 && r->resp.status < 300, attachment = false;
    bool shows = r->head.method == HTTP_HEAD; /* what is kept of the object */
    for (size_t at = 0; at < all.n;) {
        ptrdiff_t newline = bytes_find_char(all, '\n', at);
        size_t end = newline < 0 ? all.n : (size_t)newline + 1;
        struct bytes line = bytes_cut(all, at, end - at);
        at = end;
        if (!shows && is_line_of(line, "cache-control"))
            continue;
        if (object && !shows && is_line_of(line, "content-type") && is_code(line)) {
            buf_put_str(out, "Content-Type: text/plain\r\n");
            continue;
        }
        if (object && is_line_of(line, "content-disposition")) {
            struct bytes value = bytes_trim(bytes_cut(line, strlen("content-disposition:"), SIZE_MAX));
            size_t word = strlen("attachment");
            if (attachment || !bytes_starts_str_nocase(value, "attachment") || !strchr("; \t\r\n", value.p[word]))
                continue;
            attachment = true;
        }
        buf_put_bytes(out, line);
    }
    if (object && !attachment)
        buf_put_str(out, "Content-Disposition: attachment\r\n");
    if (!shows)
        buf_put_str(out, "Cache-Control: no-store\r\n");
}

void console_put_headers(struct req *r, struct buf *out)
{
    if (r->console == CONSOLE_PAGE) {
        buf_put_bytes(out, buf_bytes(&r->resp.headers));
        buf_put_str(out, "Content-Security-Policy: " CONSOLE_CSP "\r\n"
                         "Cross-Origin-Opener-Policy: same-origin\r\n"
                         "Cross-Origin-Resource-Policy: same-origin\r\n"
                         "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n"
                         "Referrer-Policy: no-referrer\r\n"
                         "X-Frame-Options: DENY\r\n");
        return;
    }
    put_api_lines(r, out); /* also of what was no request at all */
    buf_put_str(out, "Content-Security-Policy: " CONSOLE_API_CSP "\r\n"
                     "Cross-Origin-Resource-Policy: same-origin\r\n"
                     "Referrer-Policy: no-referrer\r\n");
    if (r->console_wait_s)
        buf_printf(out, "Retry-After: %u\r\n", r->console_wait_s);
}
