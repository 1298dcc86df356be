/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as the reply of an operation of the server's own. Threads: the one that has the request. */
#ifndef PAIL_SERVER_JSON_REPLY_H
#define PAIL_SERVER_JSON_REPLY_H

#include <jansson.h>

#include "base/bytes.h"

struct req;

int json_reply(struct req *, json_t *);    /* the reference is taken. 0, or -1 after req_fail */
int json_body(struct req *, json_t **ret); /* the request's, an object, in its arena. The same */
json_t *json_u64(uint64_t);
json_t *json_bytes_text(struct bytes); /* what is no UTF-8 is null */
json_t *json_moment(int64_t ms);       /* ISO 8601; null for 0 */

#endif
