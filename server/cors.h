/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-origin requests: which rule of a bucket speaks for a request, and what the reply says then.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
 *
 * Threads: matching is pure. The rest is for loop threads: it never waits, and parsed rules are kept by each loop for
 * itself, CORS_CACHE_SETS * CORS_CACHE_WAYS buckets of them.
 */
#ifndef PAIL_SERVER_CORS_H
#define PAIL_SERVER_CORS_H

#include "base/bytes.h"

#define CORS_RULES_MAX  100 /* of a bucket */
#define CORS_NAMES_MAX  256 /* headers in one Access-Control-Request-Headers; more match no rule */
#define CORS_CACHE_SETS 16
#define CORS_CACHE_WAYS 4

struct req;
struct store;
struct store_bucket;
struct xml_cors;
struct xml_cors_rule;

struct cors_request {
    struct bytes origin;  /* Origin, as sent */
    struct bytes method;  /* what is to be done */
    struct bytes headers; /* Access-Control-Request-Headers; p NULL: was not sent */
};

/* Does text fit a pattern with at most one `*`? */
bool cors_fits(struct bytes pattern, struct bytes text, bool any_case);
/* The first rule that has all of it, or NULL. */
const struct xml_cors_rule *cors_match(const struct xml_cors *, const struct cors_request *);

/* The bucket's rules, NULL: it has none (or they cannot be read just now). Valid until the next call with this cache,
 * which is made when it is NULL. */
struct cors_cache;
const struct xml_cors *cors_of_bucket(struct cors_cache **, struct store *, const struct store_bucket *);
void cors_cache_free(struct cors_cache **); /* accepts NULL inside */
/* What this request asks for: Origin, and the method that it names or has. */
void cors_request_of(const struct req *, struct cors_request *ret);
/* Header lines that every reply to a request with Origin gets, if the bucket has rules. */
void cors_put_headers(struct req *, struct buf *out);

#endif
