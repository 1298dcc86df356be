/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of the index. One partition per bucket, one byte of kind in front of every key, numbers big-endian so that
 * the byte order is the order wanted.
 *
 *   in a bucket's partition
 *     o <S3 key>                                   the current object: listing fields first, small data inside
 *     w <S3 key> 00 <~seq 8> <uid 16>              a version that is not the current object: older ones, newest first,
 * and delete markers; uid zeros: the null version h <S3 key>                                   its history, when the
 * two above do not tell all: struct rec_history m <uid 16>                                   manifest: extents and
 * parts that are too many for the object record u <S3 key> 00 <initiated ms 8> <random 16>   a multipart upload in
 * progress p <upload 24> <number 2>                     one of its parts c <upload 24> an upload that was completed,
 * kept a day: Complete may be sent twice r <blob 16> <ref 16>                         somebody needs the blob, which
 * has its home in this partition i <uid 16>                                   references were added here for a copy
 * that may not be committed yet g <time ms 8> <random 8>                     garbage: extents to release, or an upload
 * whose parts are to be purged
 *
 *   in the system partition
 *     b <name>             bucket            d <partition 8>      partition of a deleted (or not quite created) bucket
 *     n                    next partition    v                    format of the whole
 *     a <key>              a document of another module
 *     s <name> 00 <number> a bucket's setting k                   the latest time that was seen, for locks
 *     l                    how far the lifecycle worker has come
 *
 *   upload and part:    u photo.jpg 00 [ms rand] ----- [ms rand] is the upload id -----> p [ms rand] 0001, p [ms rand]
 * 0002 ... object and blob:    o photo.jpg { extent: home, blob, ref } ----> in `home`:  r [blob] [ref] ----> the blob
 * lives
 *
 * S3 keys have no 00 inside (the server refuses such), so the 00 behind them keeps their order.
 * Threads: pure functions.
 */
#include "storage/key.h"

#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/rand.h"

static void put_be(char *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(v >> (8 * (n - 1 - i)));
}

static uint64_t get_be(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static struct bytes key_two(struct arena *a, enum key_kind kind, const void *x, size_t xn, const void *y, size_t yn)
{
    char *p = arena_alloc(a, 1 + xn + yn);
    p[0] = (char)kind;
    if (xn)
        memcpy(p + 1, x, xn);
    if (yn)
        memcpy(p + 1 + xn, y, yn);
    return bytes_of(p, 1 + xn + yn);
}

struct bytes key_of_kind(struct arena *a, enum key_kind kind, struct bytes rest)
{
    return key_two(a, kind, rest.p, rest.n, NULL, 0);
}

struct bytes key_rest(struct bytes key)
{
    return bytes_cut(key, 1, key.n);
}

struct bytes key_object(struct arena *a, struct bytes s3_key)
{
    return key_of_kind(a, KEY_OBJECT, s3_key);
}

#define VERSION_TAIL (1 + 8 + KEY_UID_BYTES)

struct bytes key_version(struct arena *a, struct bytes s3_key, uint64_t seq, const unsigned char uid[KEY_UID_BYTES])
{
    char tail[VERSION_TAIL] = {0};
    put_be(tail + 1, ~seq, 8);
    memcpy(tail + 9, uid, KEY_UID_BYTES);
    return key_two(a, KEY_VERSION, s3_key.p, s3_key.n, tail, sizeof tail);
}

struct bytes key_versions(struct arena *a, struct bytes s3_key)
{
    return key_two(a, KEY_VERSION, s3_key.p, s3_key.n, "", 1);
}

bool key_version_parse(struct bytes key, struct bytes *ret_s3_key, uint64_t *ret_seq, const unsigned char **ret_uid)
{
    if (key.n < 2 + VERSION_TAIL || key.p[0] != KEY_VERSION || key.p[key.n - VERSION_TAIL] != 0)
        return false;
    *ret_s3_key = bytes_of(key.p + 1, key.n - 1 - VERSION_TAIL);
    *ret_seq = ~get_be(key.p + key.n - VERSION_TAIL + 1, 8);
    *ret_uid = (const unsigned char *)key.p + key.n - KEY_UID_BYTES;
    return true;
}

struct bytes key_history(struct arena *a, struct bytes s3_key)
{
    return key_of_kind(a, KEY_HISTORY, s3_key);
}

struct bytes key_manifest(struct arena *a, const unsigned char uid[KEY_UID_BYTES])
{
    return key_two(a, KEY_MANIFEST, uid, KEY_UID_BYTES, NULL, 0);
}

struct bytes key_upload(struct arena *a, struct bytes s3_key, const unsigned char id[KEY_UPLOAD_BYTES])
{
    char tail[1 + KEY_UPLOAD_BYTES] = {0};
    memcpy(tail + 1, id, KEY_UPLOAD_BYTES);
    return key_two(a, KEY_UPLOAD, s3_key.p, s3_key.n, tail, sizeof tail);
}

bool key_upload_parse(struct bytes key, struct bytes *ret_s3_key, const unsigned char **ret_id)
{
    if (key.n < 2 + KEY_UPLOAD_BYTES || key.p[0] != KEY_UPLOAD || key.p[key.n - KEY_UPLOAD_BYTES - 1] != 0)
        return false;
    *ret_s3_key = bytes_of(key.p + 1, key.n - KEY_UPLOAD_BYTES - 2);
    *ret_id = (const unsigned char *)key.p + key.n - KEY_UPLOAD_BYTES;
    return true;
}

struct bytes key_part(struct arena *a, const unsigned char id[KEY_UPLOAD_BYTES], unsigned number)
{
    char be[2];
    put_be(be, number, sizeof be);
    return key_two(a, KEY_PART, id, KEY_UPLOAD_BYTES, be, sizeof be);
}

struct bytes key_parts(struct arena *a, const unsigned char id[KEY_UPLOAD_BYTES])
{
    return key_two(a, KEY_PART, id, KEY_UPLOAD_BYTES, NULL, 0);
}

unsigned key_part_number(struct bytes key)
{
    return key.n == 1 + KEY_UPLOAD_BYTES + 2 ? (unsigned)get_be(key.p + key.n - 2, 2) : 0;
}

struct bytes key_ref(struct arena *a, const struct blob_id *blob, const unsigned char ref[KEY_UID_BYTES])
{
    return key_two(a, KEY_REF, blob->b, sizeof blob->b, ref, KEY_UID_BYTES);
}

struct bytes key_refs(struct arena *a, const struct blob_id *blob)
{
    return key_two(a, KEY_REF, blob->b, sizeof blob->b, NULL, 0);
}

struct bytes key_intent(struct arena *a, const unsigned char uid[KEY_UID_BYTES])
{
    return key_two(a, KEY_INTENT, uid, KEY_UID_BYTES, NULL, 0);
}

struct bytes key_garbage(struct arena *a, int64_t time_ms)
{
    char be[8], tail[8];
    put_be(be, (uint64_t)time_ms, sizeof be);
    rand_bytes(tail, sizeof tail);
    return key_two(a, KEY_GARBAGE, be, sizeof be, tail, sizeof tail);
}

struct bytes key_garbage_from(struct arena *a, int64_t time_ms)
{
    char be[8];
    put_be(be, (uint64_t)time_ms, sizeof be);
    return key_two(a, KEY_GARBAGE, be, sizeof be, NULL, 0);
}

int64_t key_garbage_time_ms(struct bytes key)
{
    return key.n >= 9 ? (int64_t)get_be(key.p + 1, 8) : 0;
}

struct bytes key_tombstone(struct arena *a, const unsigned char id[KEY_UPLOAD_BYTES])
{
    return key_two(a, KEY_TOMBSTONE, id, KEY_UPLOAD_BYTES, NULL, 0);
}

struct bytes key_bucket(struct arena *a, struct bytes name)
{
    return key_of_kind(a, KEY_BUCKET, name);
}

struct bytes key_setting(struct arena *a, struct bytes bucket, unsigned setting)
{
    char tail[2] = {0, (char)setting};
    return key_two(a, KEY_SETTING, bucket.p, bucket.n, tail, sizeof tail);
}

struct bytes key_dropped(struct arena *a, uint64_t partition)
{
    char be[8];
    put_be(be, partition, sizeof be);
    return key_two(a, KEY_DROPPED, be, sizeof be, NULL, 0);
}

uint64_t key_dropped_partition(struct bytes key)
{
    return key.n == 9 && key.p[0] == KEY_DROPPED ? get_be(key.p + 1, 8) : 0;
}

bool key_after_prefix(struct buf *out, struct bytes prefix)
{
    while (prefix.n && (unsigned char)prefix.p[prefix.n - 1] == 0xff)
        prefix.n--;
    if (prefix.n == 0)
        return false;
    buf_put(out, prefix.p, prefix.n - 1);
    buf_put_char(out, (char)(prefix.p[prefix.n - 1] + 1));
    return !out->failed;
}

void upload_id_new(int64_t initiated_ms, unsigned char ret[KEY_UPLOAD_BYTES])
{
    static _Atomic uint32_t made; /* so that uploads of one millisecond are listed as they were begun */
    put_be((char *)ret, (uint64_t)initiated_ms, 8);
    put_be((char *)ret + 8, atomic_fetch_add(&made, 1), 4);
    rand_bytes(ret + 12, KEY_UPLOAD_BYTES - 12);
}

int64_t upload_id_time_ms(const unsigned char id[KEY_UPLOAD_BYTES])
{
    return (int64_t)get_be((const char *)id, 8);
}

struct bytes upload_id_text(struct arena *a, const unsigned char id[KEY_UPLOAD_BYTES])
{
    CHECK(base64url_len(KEY_UPLOAD_BYTES) == KEY_UPLOAD_TEXT);
    char *p = arena_alloc(a, KEY_UPLOAD_TEXT);
    base64url_encode(id, KEY_UPLOAD_BYTES, p);
    return bytes_of(p, KEY_UPLOAD_TEXT);
}

bool upload_id_parse(struct bytes text, unsigned char ret[KEY_UPLOAD_BYTES])
{
    return text.n == KEY_UPLOAD_TEXT && base64url_decode(text, ret, KEY_UPLOAD_BYTES) == KEY_UPLOAD_BYTES;
}
