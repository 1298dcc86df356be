/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of If-Match and If-None-Match: `*`, or a comma-separated list of entity tags. S3 takes tags without quotes
 * and ignores the weak prefix W/. Threads: pure functions.
 */
#ifndef PAIL_SERVER_HTTP_ETAG_MATCH_H
#define PAIL_SERVER_HTTP_ETAG_MATCH_H

#include "base/bytes.h"

/* Writes decide by the form before they look at any object (If-None-Match: "x" is refused there). */
enum etag_list_form {
    ETAG_LIST_EMPTY, /* no tag at all: the header counts as absent */
    ETAG_LIST_STAR,  /* exactly `*`, without quotes */
    ETAG_LIST_ONE,
    ETAG_LIST_MANY,
};
enum etag_list_form etag_list_form(struct bytes header);

/* Does an existing object with this unquoted tag match? `*` matches every one. */
bool etag_list_matches(struct bytes header, struct bytes etag);

/* The tag without W/ and quotes, for values that hold just one. */
struct bytes etag_unquote(struct bytes tag);

#endif
