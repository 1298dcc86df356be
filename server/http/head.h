/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1.x request: request line, headers, and what they say about the body that follows.
 *
 * Strict on purpose: wherever two HTTP implementations are known to read the same bytes differently, this one refuses.
 * Every refusal means: answer with http_parse_status() and close the connection; the rest of its bytes means nothing.
 *
 * Use: http_head_init once per request with slots for limits.max_headers headers, then http_head_parse with everything
 * received since the request began, again whenever more came. The buffer may move or grow between calls as long as its
 * first bytes stay the same; a byte is looked at once, however slowly it arrives. On HTTP_PARSE_OK all `struct bytes`
 * point into the buffer of that last call, and the body (or the next request) begins at head_len. When the buffer moves
 * after that, call http_head_rebase.
 *
 * Threads: pure functions; a struct http_head belongs to one thread at a time.
 */
#ifndef PAIL_SERVER_HTTP_HEAD_H
#define PAIL_SERVER_HTTP_HEAD_H

#include "base/bytes.h"

/* Methods are case-sensitive. HTTP_OTHER is a well-formed method that we do not speak: answer 405 or 501. */
enum http_method { HTTP_GET, HTTP_HEAD, HTTP_PUT, HTTP_POST, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

enum http_target_form {
    HTTP_TARGET_ORIGIN,    /* /path?query */
    HTTP_TARGET_ABSOLUTE,  /* http://host/path?query; uri_split cuts the authority off */
    HTTP_TARGET_ASTERISK,  /* "*", only with OPTIONS */
    HTTP_TARGET_AUTHORITY, /* host:port, only with CONNECT (which is HTTP_OTHER) */
};

enum http_header_id {
    HDR_OTHER = 0,
#define HEADER_LEN(n)
#define HEADER(id, name) id,
#include "server/http/headers.def"
#undef HEADER_LEN
#undef HEADER
    HDR_COUNT
};

/* symbol, status to answer with, text for people */
#define HTTP_PARSE_MAP(X)                                                                                              \
    X(HTTP_PARSE_OK, 0, "complete")                                                                                    \
    X(HTTP_PARSE_MORE, 0, "incomplete")                                                                                \
    X(HTTP_BAD_REQUEST_LINE, 400, "The request line is malformed.")                                                    \
    X(HTTP_BAD_VERSION, 505, "Only HTTP/1.0 and HTTP/1.1 are supported.")                                              \
    X(HTTP_BAD_TARGET, 400, "The request target is malformed.")                                                        \
    X(HTTP_BAD_LINE_END, 400, "Lines of the request head must end with CR LF.")                                        \
    X(HTTP_BAD_FOLDING, 400, "Folded header lines are not accepted.")                                                  \
    X(HTTP_BAD_HEADER, 400, "A header line is malformed.")                                                             \
    X(HTTP_BAD_HEADER_VALUE, 400, "A header value contains a control character.")                                      \
    X(HTTP_BAD_CONTENT_LENGTH, 400, "The Content-Length header is malformed or repeated.")                             \
    X(HTTP_BAD_FRAMING, 400, "The length of the body is ambiguous.")                                                   \
    X(HTTP_BAD_TRANSFER_ENCODING, 501, "The only supported transfer encoding is chunked.")                             \
    X(HTTP_BAD_HOST, 400, "The Host header is missing, repeated or malformed.")                                        \
    X(HTTP_BAD_EXPECT, 417, "The only supported expectation is 100-continue.")                                         \
    X(HTTP_LONG_REQUEST_LINE, 414, "The request line is too long.")                                                    \
    X(HTTP_LONG_HEADERS, 431, "The request headers are too large.")                                                    \
    X(HTTP_MANY_HEADERS, 431, "The request has too many headers.")

enum http_parse {
#define X(symbol, status, text) symbol,
    HTTP_PARSE_MAP(X)
#undef X
};

/* What the head says about the body. HTTP_BODY_NONE: neither Content-Length nor Transfer-Encoding was sent. */
enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_limits {
    uint32_t max_request_line; /* bytes without its CR LF; beyond: 414 */
    uint32_t max_header_bytes; /* all header lines with their line ends and the final empty line; beyond: 431 */
    uint32_t max_headers;      /* lines; beyond: 431 */
};

/* A presigned URL can carry a 1,024-byte key (3 KiB encoded), hoisted metadata and a session token: hence 16 KiB. */
#define HTTP_DEFAULT_MAX_REQUEST_LINE (16 * 1024)
#define HTTP_DEFAULT_MAX_HEADER_BYTES (32 * 1024)
#define HTTP_DEFAULT_MAX_HEADERS      128
extern const struct http_limits http_limits_default;

#define HTTP_MAX_METHOD        16  /* bytes; no registered method that matters is longer */
#define HTTP_MAX_LEADING_CRLF  2   /* empty lines tolerated before the request line (RFC 9112, 2.2) */
#define HTTP_MAX_LENGTH_DIGITS 19  /* of Content-Length; the value is below 2^63 */
#define HTTP_MAX_HOST          261 /* name of 255 bytes, ':' and port */

struct http_header {
    struct bytes name;          /* as sent */
    struct bytes value;         /* trimmed of SP and HTAB */
    uint16_t id;                /* enum http_header_id */
    uint16_t next;              /* 1 + index of the next header with the same id (not for HDR_OTHER); 0: none */
    uint32_t name_at, value_at; /* offsets in the buffer */
};

struct http_head {
    /* Valid from HTTP_PARSE_OK on. */
    enum http_method method;
    enum http_target_form form;
    struct bytes method_text;
    struct bytes target;         /* as sent */
    int minor;                   /* HTTP/1.<minor>: 0 or 1 */
    struct http_header *headers; /* in order of arrival */
    unsigned header_count;
    enum http_framing framing;
    uint64_t content_length; /* HTTP_BODY_LENGTH: its value, below 2^63; otherwise 0 */
    bool keep_alive;         /* the client lets the connection live after this request */
    bool expect_continue;    /* it waits for "100 Continue" before it sends a body, which may be empty */
    struct bytes host;       /* host[:port] that the request is for; syntax checked; empty: HTTP/1.0 without Host */
    size_t head_len;         /* bytes up to and including the final empty line */

    /* The parser's own. */
    struct http_limits limits;
    enum http_parse result;
    bool have_line;
    unsigned leading;
    size_t pos, scan;                           /* where the current line begins; up to where no LF was seen */
    size_t fields_at;                           /* where the header lines begin */
    uint32_t line_at;                           /* where the request line begins */
    uint32_t host_at;                           /* offset of `host` */
    uint16_t first[HDR_COUNT], last[HDR_COUNT]; /* 1 + index into headers, by id */
};

/* `slots` has room for limits->max_headers (at most 65,534) and lives as long as the head. NULL limits: the defaults.
 */
void http_head_init(struct http_head *h, const struct http_limits *limits, struct http_header *slots);

/* `in`: everything received from the beginning of this request. A result other than HTTP_PARSE_MORE is final. */
enum http_parse http_head_parse(struct http_head *h, struct bytes in);

/* The same bytes now begin at `base`. */
void http_head_rebase(struct http_head *h, const char *base);

int http_parse_status(enum http_parse result); /* 0 for OK and MORE */
const char *http_parse_text(enum http_parse result);

enum http_header_id http_header_id(struct bytes name); /* any case; HDR_OTHER when not in headers.def */
const char *http_header_name(enum http_header_id id);  /* lower-case; "" for HDR_OTHER */

/* The first header with this id, or NULL; O(1). Not for HDR_OTHER. */
static inline const struct http_header *http_head_get(const struct http_head *h, enum http_header_id id)
{
    return h->first[id] ? &h->headers[h->first[id] - 1] : NULL;
}

/* The next one with the same id, or NULL. */
static inline const struct http_header *http_head_next(const struct http_head *h, const struct http_header *header)
{
    return header->next ? &h->headers[header->next - 1] : NULL;
}

/* Value of the first header with this id; the empty value (p NULL) when there is none. A header sent with an empty
   value has p != NULL. */
static inline struct bytes http_head_value(const struct http_head *h, enum http_header_id id)
{
    return h->first[id] ? h->headers[h->first[id] - 1].value : BYTES_NONE;
}

static inline bool http_head_has(const struct http_head *h, enum http_header_id id)
{
    return h->first[id] != 0;
}

/* Sent more than once? */
static inline bool http_head_repeated(const struct http_head *h, enum http_header_id id)
{
    return h->first[id] != h->last[id];
}

/* The first header of this name (any case) at or after `from`, or NULL: for those without an id. */
const struct http_header *http_head_find(const struct http_head *h, struct bytes name, unsigned from);

/* Is `token` (any case) an element of the comma-separated list `value`? */
bool http_list_has(struct bytes value, const char *token);

/*
 * Host syntax: a name of letters, digits, '-', '_' and single dots (one may end it), an IPv4 address or [IPv6], then
 * optionally ":port" with 1 to 65535. No user info, no escapes. `ret_name` keeps the brackets of an IPv6 literal;
 * `ret_port` is 0 when none was given. Both may be NULL; they are untouched on false.
 */
bool http_host_split(struct bytes host, struct bytes *ret_name, unsigned *ret_port);

#endif
