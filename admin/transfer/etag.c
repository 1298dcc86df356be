/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ETags. Idea: what one says of the bytes shows in its form and in the headers beside it; of a file there is none until
 * it is computed, of the same parts as those of the object that it is compared with.
 * Threads: any.
 */
#include "admin/transfer/etag.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checksum.h"

struct bytes etag_bare(struct bytes e)
{
    return e.n >= 2 && e.p[0] == '"' && e.p[e.n - 1] == '"' ? bytes_cut(e, 1, e.n - 2) : e;
}

const char *etag_of_reply(const struct http_client_reply *r, struct arena *a)
{
    return bytes_cstr(a, etag_bare(bytes_str(http_client_reply_header(r, "etag"))));
}

bool etag_is_md5(struct bytes etag)
{
    unsigned char digest[16];
    return etag.n == 32 && hex_decode(etag, digest, sizeof digest);
}

bool etag_is_opaque(const struct http_client_reply *r)
{
    const char *encryption = http_client_reply_header(r, "x-amz-server-side-encryption");
    return (encryption && strncmp(encryption, "aws:kms", 7) == 0) ||
           http_client_reply_header(r, "x-amz-server-side-encryption-customer-algorithm");
}

void etag_of_parts(struct checksum_ctx *md5s, size_t n, char ret[ETAG_ROOM])
{
    struct checksum_value sum;
    checksum_final(md5s, &sum);
    checksum_free(md5s);
    hex_encode(sum.b, 16, ret);
    snprintf(ret + 32, ETAG_ROOM - 32, "-%zu", n);
}

bool etag_of_file(struct line *l, int fd, uint64_t size, uint64_t part_size, char ret[ETAG_ROOM])
{
    enum { PIECE = 1 << 20 };
    EVP_MD_CTX *md = EVP_MD_CTX_new(), *all = EVP_MD_CTX_new();
    unsigned char digest[16];
    uint64_t part = part_size ? part_size : size, parts = 0;
    char *p = xmalloc(PIECE);
    bool good = md && all && EVP_DigestInit_ex(all, EVP_md5(), NULL) == 1;
    for (uint64_t at = 0; good && (at < size || !parts); parts++) {
        uint64_t end = at + part < size ? at + part : size;
        good = EVP_DigestInit_ex(md, EVP_md5(), NULL) == 1;
        while (good && at < end && !l->t->stop) {
            ssize_t n = pread(fd, p, end - at < PIECE ? end - at : PIECE, (off_t)at);
            good = n > 0 && EVP_DigestUpdate(md, p, (size_t)n) == 1;
            at += good ? (uint64_t)n : 0;
        }
        good = good && at == end && EVP_DigestFinal_ex(md, digest, NULL) == 1 &&
               EVP_DigestUpdate(all, digest, sizeof digest) == 1;
    }
    if (good && part_size)
        good = EVP_DigestFinal_ex(all, digest, NULL) == 1;
    hex_encode(digest, sizeof digest, ret);
    ret[32] = '\0';
    if (part_size)
        snprintf(ret + 32, ETAG_ROOM - 32, "-%" PRIu64, parts);
    EVP_MD_CTX_free(md);
    EVP_MD_CTX_free(all);
    free(p);
    return good;
}
