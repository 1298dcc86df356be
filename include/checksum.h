/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksums of S3 by name, streaming, several at once over the same bytes; and the internal CRC32C.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 * Values are digests in wire order: CRCs and XXHASH big-endian.
 * Threads: a context belongs to one thread at a time; the rest is pure.
 */
#ifndef PAIL_CHECKSUM_H
#define PAIL_CHECKSUM_H

#include "base/bytes.h"

enum checksum_alg {
    CHECKSUM_NONE = 0,
    CHECKSUM_CRC32,
    CHECKSUM_CRC32C,
    CHECKSUM_CRC64NVME,
    CHECKSUM_SHA1,
    CHECKSUM_SHA256,
    CHECKSUM_SHA512,
    CHECKSUM_MD5,
    CHECKSUM_XXHASH64,
    CHECKSUM_XXHASH3,
    CHECKSUM_XXHASH128,
    CHECKSUM_ALG_COUNT
};
/* These numbers are stored on disk: append only. */

enum checksum_type { CHECKSUM_TYPE_NONE = 0, CHECKSUM_FULL_OBJECT = 1, CHECKSUM_COMPOSITE = 2 }; /* on disk too */

#define CHECKSUM_MAX_BYTES 64

struct checksum_info {
    const char *name;    /* "CRC32C", as in x-amz-checksum-algorithm */
    const char *lower;   /* "crc32c", as in x-amz-checksum-crc32c */
    const char *element; /* "ChecksumCRC32C", the XML element */
    const char *header;  /* "x-amz-checksum-crc32c" */
    size_t bytes;
    bool can_composite, can_full_object; /* for multipart uploads */
    enum checksum_type default_type;
};

const struct checksum_info *checksum_info(enum checksum_alg alg); /* NULL for NONE and out of range */
enum checksum_alg checksum_by_name(struct bytes name);            /* "CRC32C", any case; NONE if unknown */
const char *checksum_type_name(enum checksum_type type);          /* "FULL_OBJECT", "COMPOSITE" */

struct checksum_value {
    enum checksum_alg alg;
    unsigned char b[CHECKSUM_MAX_BYTES];
};

struct checksum_ctx;                                      /* one algorithm, streaming */
struct checksum_ctx *checksum_new(enum checksum_alg alg); /* free with checksum_free; aborts on NONE */
void checksum_free(struct checksum_ctx *);                /* accepts NULL */
void checksum_update(struct checksum_ctx *, const void *p, size_t n);
void checksum_final(struct checksum_ctx *, struct checksum_value *ret); /* once */
void checksum_of(enum checksum_alg alg, const void *p, size_t n, struct checksum_value *ret);
bool checksum_equal(const struct checksum_value *, const struct checksum_value *);

/* The checksum of A followed by B, from theirs and B's length. Only CRC32, CRC32C and CRC64NVME can; false for others.
 */
bool checksum_combine(const struct checksum_value *a, const struct checksum_value *b, uint64_t b_len,
                      struct checksum_value *ret);

/* Internal: CRC32C (Castagnoli) as usually written: init and final inversion inside; start with crc = 0 and chain. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
uint64_t crc64nvme(uint64_t crc, const void *p, size_t n);
uint32_t crc32_iso(uint32_t crc, const void *p, size_t n); /* of gzip and S3; ISA-L has a crc32_ieee of its own */

/* Compares all algorithms with known vectors, and the fast code with the plain; false means: do not start. */
bool checksum_self_test(void);

/* MD5 and SHA-256 on short runs of bytes, without a context of the caller's (per-thread contexts inside). */
void md5_of(const void *p, size_t n, unsigned char ret[16]);
void sha256_of(const void *p, size_t n, unsigned char ret[32]);
void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, unsigned char ret[32]);

#endif
