/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the index: how everything that the store keeps is laid out in a partition. The drawing is in key.c.
 * Made keys live in the arena given. Threads: pure functions.
 */
#ifndef PAIL_STORAGE_KEY_H
#define PAIL_STORAGE_KEY_H

#include "base/arena.h"
#include "base/bytes.h"
#include "blob.h"

#define KEY_UID_BYTES    16 /* names one object, part or write for ever; random */
#define KEY_UPLOAD_BYTES 24 /* milliseconds of initiation and a counter, big-endian, then 12 random bytes */
#define KEY_UPLOAD_TEXT  32 /* characters of the same as base64url */

enum key_kind { /* the first byte of every key */
                KEY_OBJECT = 'o',
                KEY_MANIFEST = 'm',
                KEY_UPLOAD = 'u',
                KEY_PART = 'p',
                KEY_REF = 'r',
                KEY_INTENT = 'i',
                KEY_GARBAGE = 'g',
                KEY_TOMBSTONE = 'c',
                KEY_VERSION = 'w',
                KEY_HISTORY = 'h',
                KEY_SUMS = 'q',
                /* in the system partition: */
                KEY_BUCKET = 'b',
                KEY_DROPPED = 'd',
                KEY_COUNTER = 'n',
                KEY_FORMAT = 'v',
                KEY_SETTING = 's',
                KEY_DOC = 'a',
                KEY_CLOCK = 'k',
                KEY_LIFECYCLE = 'l',
};

struct bytes key_of_kind(struct arena *, enum key_kind, struct bytes rest);
struct bytes key_rest(struct bytes key); /* without the kind: an S3 key of an object's, a name of a bucket's */

struct bytes key_object(struct arena *, struct bytes s3_key);
/*
 * A version that is not the current object: noncurrent ones and all delete markers. `uid` is that of the object, zeros
 * for the null version.
 */
struct bytes key_version(struct arena *, struct bytes s3_key, uint64_t seq, const unsigned char uid[KEY_UID_BYTES]);
struct bytes key_versions(struct arena *, struct bytes s3_key); /* prefix of all those of one key */
bool key_version_parse(struct bytes key, struct bytes *ret_s3_key, uint64_t *ret_seq, const unsigned char **ret_uid);
struct bytes key_history(struct arena *, struct bytes s3_key);
struct bytes key_manifest(struct arena *, const unsigned char uid[KEY_UID_BYTES]);
struct bytes key_upload(struct arena *, struct bytes s3_key, const unsigned char id[KEY_UPLOAD_BYTES]);
/* False when it is no upload's key. *ret_id points into the key. */
bool key_upload_parse(struct bytes key, struct bytes *ret_s3_key, const unsigned char **ret_id);
struct bytes key_part(struct arena *, const unsigned char id[KEY_UPLOAD_BYTES], unsigned number);
struct bytes key_parts(struct arena *, const unsigned char id[KEY_UPLOAD_BYTES]); /* prefix of all parts */
unsigned key_part_number(struct bytes key);
struct bytes key_ref(struct arena *, const struct blob_id *, const unsigned char ref[KEY_UID_BYTES]);
struct bytes key_refs(struct arena *, const struct blob_id *); /* prefix of all references to the blob */
struct bytes key_intent(struct arena *, const unsigned char uid[KEY_UID_BYTES]);
struct bytes key_garbage(struct arena *, int64_t time_ms);      /* a new one, with random tail */
struct bytes key_garbage_from(struct arena *, int64_t time_ms); /* the first that one of that time can have */
int64_t key_garbage_time_ms(struct bytes key);
struct bytes key_tombstone(struct arena *, const unsigned char id[KEY_UPLOAD_BYTES]);
struct bytes key_bucket(struct arena *, struct bytes name);
struct bytes key_setting(struct arena *, struct bytes bucket, unsigned setting);
struct bytes key_dropped(struct arena *, uint64_t partition);
uint64_t key_dropped_partition(struct bytes key); /* 0 when it is none */

/* The smallest key greater than every key that starts with `prefix`; false when there is none. Appends to `out`. */
bool key_after_prefix(struct buf *out, struct bytes prefix);

void upload_id_new(int64_t initiated_ms, unsigned char ret[KEY_UPLOAD_BYTES]);
int64_t upload_id_time_ms(const unsigned char id[KEY_UPLOAD_BYTES]);
struct bytes upload_id_text(struct arena *, const unsigned char id[KEY_UPLOAD_BYTES]);
bool upload_id_parse(struct bytes text, unsigned char ret[KEY_UPLOAD_BYTES]);

#endif
