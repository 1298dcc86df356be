/* SPDX-License-Identifier: Apache-2.0 */
/* JSON replies of the server's own operations, see json_reply.h. Threads: the one that has the request. */
#include "server/json_reply.h"

#include <stdlib.h>

#include "server/http/date.h"
#include "server/iam/records.h"
#include "server/req.h"

/* With 17 digits 0.1 would be 0.10000000000000001; every decimal number of 15 digits comes out as it is. */
#define REAL_DIGITS 15

int json_reply(struct req *r, json_t *j)
{
    char *rendered = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(j);
    if (!rendered)
        return req_fail(r, S3E_INTERNAL_ERROR);
    buf_put_str(&r->resp.doc, rendered);
    free(rendered);
    if (resp_rendered(r) < 0)
        return -1;
    r->resp.content_type = "application/json";
    resp_header(r, "Cache-Control", BYTES_LIT("no-store"));
    return 0;
}

int json_body(struct req *r, json_t **ret)
{
    json_t *body = json_loadb(r->body.n ? r->body.p : "", r->body.n, JSON_REJECT_DUPLICATES, NULL);
    if (body)
        *ret = json_in(r->arena, body);
    return json_is_object(body) ? 0 : req_failf(r, S3E_INVALID_REQUEST, "The body must be a JSON object.");
}

json_t *json_u64(uint64_t n)
{
    return json_integer((json_int_t)n);
}

json_t *json_bytes_text(struct bytes s)
{
    json_t *j = json_stringn(s.n ? s.p : "", s.n);
    return j ? j : json_null();
}

json_t *json_moment(int64_t ms)
{
    char out[DATE_ISO_LEN + 1];
    if (ms == 0)
        return json_null();
    date_format_iso(ms, out);
    return json_string(out);
}
