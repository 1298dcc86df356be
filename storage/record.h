/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: what the index keeps under a key, as bytes. Two bytes (kind, format version), then fields in protobuf's wire
 * format, written and read by one table per kind. Decoding copies nothing: struct bytes point into the value, which
 * must outlive what was decoded. Unknown fields are skipped; bytes that make no sense answer false and never more.
 * Threads: pure functions.
 */
#ifndef PAIL_STORAGE_RECORD_H
#define PAIL_STORAGE_RECORD_H

#include "base/arena.h"
#include "base/bytes.h"
#include "blob.h"
#include "storage/key.h"
#include "store.h"

/* These numbers are on disk: append only. */
enum rec_kind {
    REC_OBJECT = 1,
    REC_PART = 2,
    REC_MANIFEST = 3,
    REC_UPLOAD = 4,
    REC_REF = 5,
    REC_INTENT = 6,
    REC_GARBAGE = 7,
    REC_TOMBSTONE = 8,
    REC_BUCKET = 9,
    REC_DROPPED = 10,
    REC_COUNTER = 11,
    REC_BLOB_DESC = 12,
    REC_BLOB_TRAILER = 13,
    REC_FORMAT = 14,
    REC_HISTORY = 15,
    REC_SETTING = 16,
    REC_LIFECYCLE = 17,
    REC_LIFECYCLE_CURSOR = 18,
};

#define REC_LIST_MAX (1u << 20) /* elements of a list in one record; more is damage */

struct rec_type;
extern const struct rec_type rec_object, rec_part, rec_manifest, rec_upload, rec_ref, rec_intent, rec_garbage,
    rec_tombstone, rec_bucket, rec_dropped, rec_counter, rec_blob_desc, rec_blob_trailer, rec_format, rec_history,
    rec_setting, rec_lifecycle, rec_lifecycle_cursor;

/* The type of a kind; NULL for unknown ones. */
const struct rec_type *rec_type_of(unsigned kind);

/* Where bytes of an object lie: in a blob, or right here when data.n is not 0. */
struct store_extent {
    uint64_t partition; /* the blob's home: where its references are kept */
    struct blob_id blob;
    unsigned char ref[KEY_UID_BYTES];
    uint64_t offset, length;
    struct bytes data; /* then only `length` counts beside it: data.n, less what a box adds when it is encrypted */
    /* How it is kept, storage/coded.h and store_seal.c; offset and length are those of the object's bytes. */
    uint32_t codec;      /* enum store_codec */
    uint64_t seal;       /* number among the object's extents; 0: it is not encrypted */
    struct bytes sealed; /* the blob's data key, in a box of the object key; empty: a box itself, or not encrypted */
};

/* rec_object, rec_part, rec_manifest, rec_tombstone */
struct rec_object {
    struct store_object o;   /* o.key only in a tombstone */
    bool in_manifest;        /* extents and parts are in a record of their own */
    uint32_t manifest_parts; /* how many parts are there */
    bool versioned;          /* it has a version id of its own: o.version is not null */
    int64_t noncurrent_ms;   /* since when a newer version exists; 0: this is the newest */
    int64_t time_ms;         /* tombstone: when */
};

struct rec_upload {
    struct store_upload u; /* without key, id, initiated_ms: those are in the key */
    bool explicit_checksum;
    unsigned char current_uid[KEY_UID_BYTES]; /* of the object under this key when the upload began; zeros: none */
};

struct rec_intent {
    uint64_t partition;               /* of the record that is going to refer ... */
    struct bytes key;                 /* ... which is an object's or a part's ... */
    unsigned char uid[KEY_UID_BYTES]; /* ... with this uid, also the references' id */
    int64_t time_ms;
    const struct store_extent *extents;
    size_t n_extents;
};

struct rec_garbage {
    unsigned char uid[KEY_UID_BYTES]; /* of the object or part dropped */
    bool in_manifest;                 /* its extents are in its manifest */
    const struct store_extent *extents;
    size_t n_extents;
    bool purge; /* instead: all parts of an upload */
    unsigned char upload[KEY_UPLOAD_BYTES];
};

/*
 * What the object record cannot tell of a key with versions: is the newest one a delete marker, and where the null
 * version lies when it is not the current object. Absent when there is nothing to tell.
 */
struct rec_history {
    uint64_t null_seq;                       /* of the null version among the older ones; 0: none */
    uint64_t marker_seq;                     /* of the delete marker that is the newest version; 0: none is */
    unsigned char marker_uid[KEY_UID_BYTES]; /* its own in the key; zeros: it is the null version */
};

struct rec_setting {
    struct bytes value;
};

/* rec_lifecycle: struct lifecycle of lifecycle.h. How far the worker's pass has come, see lifecycle.c: */
struct rec_lifecycle_cursor {
    int64_t began_ms;    /* of the pass; what is due is judged by it */
    bool done;           /* the pass came to its end */
    struct bytes bucket; /* this one is being looked at ... */
    uint64_t seq;        /* ... with this configuration ... */
    struct bytes key;    /* ... all records up to this key are behind it; empty: none yet */
    uint32_t newer;      /* noncurrent versions of that key passed so far */
};

enum rec_bucket_state { REC_BUCKET_ACTIVE = 0, REC_BUCKET_DELETING = 1 };
struct rec_bucket {
    struct store_bucket b; /* without name */
    uint32_t state;
};

enum rec_dropped_state { REC_DROPPED_DELETED = 0, REC_DROPPED_CREATING = 1, REC_DROPPED_CLEANING = 2 };
struct rec_dropped {
    uint32_t state;
    int64_t time_ms;
    struct bytes name;
};

struct rec_counter {
    uint64_t next;
};

struct rec_format {
    uint64_t format;
};

struct rec_blob_desc { /* whom a blob was written for; enough to rebuild the record */
    uint64_t partition;
    struct bytes bucket, key;
    unsigned char uid[KEY_UID_BYTES];
    unsigned char upload[KEY_UPLOAD_BYTES]; /* zeros: an object */
    uint32_t part_number;
    struct bytes owner, storage_class;
    int64_t time_ms;
    const struct store_header *headers;
    size_t n_headers;
    struct bytes envelope; /* as it was when the blob was written: keys may have been rotated since */
    bool opaque_etag;
};

struct rec_blob_trailer {
    uint64_t size;
    struct store_etag etag;
    struct checksum_value checksum;
    int64_t mtime_ms;
    uint32_t codec; /* as in the extent that was made of it, as are the rest */
    uint64_t seal, offset;
    struct bytes sealed;
};

/* Encodes into the arena. ret_head (may be NULL): how many bytes in front hold the fields that listings need. */
struct bytes record_encode(const struct rec_type *, const void *rec, struct arena *, size_t *ret_head);
/*
 * The same, written backwards from `end` into at most `room` bytes; the empty value when that is too little. A bytes
 * field that is written last and lies right before `end` already is not moved: so inline data is encoded where it was
 * received.
 */
struct bytes record_encode_before(const struct rec_type *, const void *rec, char *end, size_t room, size_t *ret_head);
size_t record_bound(const struct rec_type *, const void *rec); /* no encoding is longer */

/*
 * Zeroes *rec and fills it. Lists go to the arena, or are left out when it is NULL. Also takes a head alone.
 * False: another kind, a newer format version, or damage; *rec is then undefined.
 */
bool record_decode(const struct rec_type *, struct bytes value, struct arena *, void *rec);
/* Adds to what *rec has (the manifest to its object). */
bool record_decode_more(const struct rec_type *, struct bytes value, struct arena *, void *rec);

/* The one value of every reference: so it can be named in a precondition without being read. */
struct bytes record_ref_value(void);

#endif
