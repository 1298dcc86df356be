/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That bytes arrive as they are. Idea: the destination hashes what it stores in any case, so it is told beforehand what
 * has to come out, and refuses anything else: the MD5 that the source's ETag is, passed on as it came, or else a CRC,
 * which a processor computes as fast as it reads memory. Either proves a body from one disk to the other without an MD5
 * computed here. That is only needed for destinations that do not check CRCs, and the first answers tell.
 * Invariant: a body that was taken has been checked against something, by the destination or by its answer's ETag.
 * Threads: any; what is known of the destination is one atomic.
 */
#include "admin/transfer/verify.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "admin/transfer/etag.h"

static void add(struct pledge *p, const char *name, const char *value)
{
    p->headers[p->n++] = (struct http_client_header){name, value};
}

void pledge_make(struct line *l, struct bytes data, const char *known_md5, const struct checksum_value *sum,
                 struct pledge *p)
{
    unsigned char digest[16];
    int sums = l->t->sums;
    bool known =
        known_md5 && etag_is_md5(bytes_str(known_md5)) && hex_decode(bytes_str(known_md5), digest, sizeof digest);
    bool summed = !known && sum && sums != SUMS_UNCHECKED;
    *p = (struct pledge){.alg = CHECKSUM_NONE};
    if (summed) {
        const struct checksum_info *info = checksum_info(sum->alg);
        p->alg = sum->alg;
        base64_encode(sum->b, info->bytes, p->sum);
        add(p, info->header, p->sum);
        if (sums == SUMS_CHECKED)
            return;
    }
    if (!known)
        md5_of(data.p, data.n, digest);
    base64_encode(digest, sizeof digest, p->md5);
    hex_encode(digest, sizeof digest, p->hex);
    add(p, "Content-MD5", p->md5);
}

bool pledge_not_known(struct line *l, const struct pledge *p, int status, const struct s3_error *e)
{
    int unknown = SUMS_UNKNOWN;
    if (p->alg == CHECKSUM_NONE || (status != 400 && status != 501) || strcmp(e->code, "BadDigest") == 0)
        return false;
    atomic_compare_exchange_strong(&l->t->sums, &unknown, SUMS_UNCHECKED);
    return unknown != SUMS_CHECKED;
}

bool pledge_kept(struct line *l, const struct pledge *p, struct bytes data, const struct http_client_reply *r,
                 char error[400])
{
    const char *noted = p->alg != CHECKSUM_NONE ? http_client_reply_header(r, checksum_info(p->alg)->header) : NULL;
    const char *etag = etag_of_reply(r, l->arena);
    unsigned char digest[16];
    char hex[33] = "";
    if (p->alg != CHECKSUM_NONE)
        l->t->sums = noted ? SUMS_CHECKED : SUMS_UNCHECKED;
    if (noted && strcmp(noted, p->sum) == 0)
        return true;
    if (noted || (etag_is_md5(bytes_str(etag)) && !etag_is_opaque(r))) {
        memcpy(hex, p->hex, sizeof hex);
        if (!noted && !*hex) {
            md5_of(data.p, data.n, digest);
            hex_encode(digest, sizeof digest, hex);
        }
        if (!noted && strcasecmp(etag, hex) == 0)
            return true;
        snprintf(error, 400, "the destination noted another checksum (%.90s) than was sent (%s)", noted ? noted : etag,
                 noted ? p->sum : hex);
        return false;
    }
    if (!*p->md5)
        snprintf(error, 400, "the destination tells no checksum of what it took");
    return *p->md5 != '\0';
}

bool pledge_is(struct line *l, const struct pledge *p, const struct http_client_reply *head)
{
    const char *noted = p->alg != CHECKSUM_NONE ? http_client_reply_header(head, checksum_info(p->alg)->header) : NULL;
    return (noted && strcmp(noted, p->sum) == 0) || (*p->hex && strcasecmp(etag_of_reply(head, l->arena), p->hex) == 0);
}

bool checksum_combines(int alg)
{
    return alg == CHECKSUM_CRC32 || alg == CHECKSUM_CRC32C || alg == CHECKSUM_CRC64NVME;
}

bool checksum_is(const struct checksum_value *v, struct bytes base64)
{
    struct checksum_value other = {.alg = v->alg};
    return base64_decode(base64, other.b, sizeof other.b) == (ptrdiff_t)checksum_info(v->alg)->bytes &&
           checksum_equal(v, &other);
}

bool carried_matches(const struct carried *c, struct bytes data)
{
    struct checksum_value sum;
    unsigned char md5[16];
    char hex[33] = "";
    enum checksum_alg alg = (enum checksum_alg)c->checksum_alg;
    if (c->checksum.n && (checksum_combines(c->checksum_alg) || !c->md5)) {
        checksum_of(alg, data.p, data.n, &sum);
        return checksum_is(&sum, c->checksum);
    }
    if (!c->md5)
        return true;
    md5_of(data.p, data.n, md5);
    hex_encode(md5, sizeof md5, hex);
    return strcasecmp(hex, c->etag) == 0;
}
