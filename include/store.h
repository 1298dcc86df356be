/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: buckets, objects and multipart uploads with S3's semantics, written once above an index and a blob store.
 *
 * What it promises: see ARCHITECTURE.md, invariants. In short: a write that answers STORE_OK is on stable storage;
 * readers see an object entirely or not at all; every byte handed out was verified.
 *
 * Threads. Calls marked [loop] never wait for the disk as long as the index is in memory and may run on an event loop.
 * Calls marked [worker] block. Handles (store_write, store_read) belong to one thread at a time and may be handed over.
 * Completions run on the index's committer thread and must only post a message.
 * Ownership. Inputs are borrowed for the call unless said otherwise; results live in the arena given.
 */
#ifndef PAIL_STORE_H
#define PAIL_STORE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "bucket_conf.h"
#include "checksum.h"
#include "index.h"

struct index;
struct blob_store;
struct store;

#define STORE_INLINE_MAX (16u * 1024) /* bytes of an object or part that live in its index record */
#define STORE_KEY_MAX    1024         /* bytes of an S3 key */
#define STORE_ACL_MAX    8192         /* bytes of an access list */
#define STORE_PARTS_MAX  10000
#define STORE_PART_MIN   (5ull << 20)  /* bytes, but for the last part */
#define STORE_PART_MAX   (5ull << 30)  /* also the largest single PUT and copy source */
#define STORE_OBJECT_MAX (50ull << 40) /* bytes */

enum store_rc {
    STORE_OK = 0,
    STORE_NO_SUCH_BUCKET = -1,
    STORE_NO_SUCH_KEY = -2,
    STORE_NO_SUCH_UPLOAD = -3,
    STORE_BUCKET_EXISTS = -4,
    STORE_BUCKET_NOT_EMPTY = -5,
    STORE_PRECONDITION_FAILED = -6, /* If-Match, If-None-Match on a write */
    STORE_CONFLICT = -7,            /* a write since CreateMultipartUpload; ConditionalRequestConflict */
    STORE_INVALID_PART = -8,        /* part missing, or its ETag or checksum is another */
    STORE_PART_TOO_SMALL = -9,
    STORE_OBJECT_TOO_LARGE = -10,
    STORE_CHECKSUM_MISMATCH = -11, /* the whole object's checksum, or a write's expected one */
    STORE_SIZE_MISMATCH = -12,
    STORE_UNAVAILABLE = -13, /* the index is down, or the outcome could not be settled */
    STORE_FULL = -14,
    STORE_IO = -15,
    STORE_CORRUPT = -16,
    STORE_BUSY = -17,        /* out of descriptors and the like: 503 */
    STORE_WOULD_BLOCK = -18, /* nowait reads only */
    STORE_ABORTED = -19,     /* the bucket is being deleted: OperationAborted */
    STORE_INVALID_RANGE = -20,
    STORE_MD5_MISMATCH = -21,
    STORE_NO_SUCH_VERSION = -22,
    STORE_DELETE_MARKER = -23,   /* what was asked for is a delete marker; lookups fill in *ret with it */
    STORE_LOCKED = -24,          /* retention or legal hold: AccessDenied */
    STORE_BUCKET_STATE = -25,    /* versioning and lock exclude this change: InvalidBucketState */
    STORE_NO_SUCH_SETTING = -26, /* the bucket has no configuration of that kind */
    STORE_NO_LOCK = -27,         /* retention or hold in a bucket without object lock */
    STORE_WRONG_KEY = -28,       /* an encrypted object or upload without a key, or a plain one with one */
    STORE_QUOTA = -29,           /* the bucket would hold more than its quota */
};

const char *store_rc_name(int rc);

struct store_options {
    struct index *index;      /* taken over: closed by store_close */
    struct blob_store *blobs; /* taken over */
    bool no_background;       /* tests: no threads of its own; call store_collect and store_lifecycle_run instead */
    bool trust_clock;         /* locks believe the wall clock, however far it is from when the store was last used */
    uint64_t lifecycle_day_seconds; /* how long a day of the lifecycle rules is, for tests and demos; 0: a day */
};

int store_open(const struct store_options *, struct store **ret); /* also starts recovery in the background */
void store_close(struct store **);                                /* waits for what is running; accepts NULL inside */
/* One pass of the garbage collector, orphan recovery included; for tests and for `pail check`. [worker] */
int store_collect(struct store *);
void store_space(struct store *, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes);

/*
 * Does it work: the index answers, and with `write` a small record became durable and the blobs took bytes. STORE_OK,
 * or what went wrong. A full disk is reported, though what makes room still works. [worker]
 */
int store_probe(struct store *, bool write);

/* How it fares. [loop] */
struct store_stats {
    struct index_stats index;
    uint64_t blobs_removed, collections; /* garbage: since the start */
    uint64_t garbage_places;             /* buckets with something to collect, now or later */
    uint64_t lifecycle_examined, lifecycle_expired, lifecycle_moved, lifecycle_aborted, lifecycle_failed;
    uint64_t running; /* writes between commit and completion */
};
void store_stats(struct store *, struct store_stats *ret);

/* ---- buckets ---- */

struct store_bucket {
    struct bytes name;
    uint64_t partition, generation;
    int64_t created_ms;
    struct bytes owner;  /* account id */
    struct bytes region; /* as given at creation, may be empty */
    enum versioning versioning;
    bool lock_enabled; /* object lock: never to be turned off */
    struct lock_default lock_default;
    enum accelerate accelerate;
    bool requester_pays;
    uint64_t quota; /* bytes that everything in it may have together; 0: no limit */
    uint64_t
        settings_seq; /* another number whenever one of the documents below changes: for caches; 0: none ever did */
    uint64_t lifecycle_seq; /* another number whenever the lifecycle configuration changes; 0: there is none */
};

int store_bucket_get(struct store *, struct bytes name, struct arena *, struct store_bucket *ret); /* [loop] */
/* STORE_BUCKET_EXISTS: *ret is then the one that exists. [worker] */
struct store_bucket_new {
    struct bytes owner, region;
    bool lock;                         /* with object lock, so with versioning too */
    struct bytes tags, ownership, acl; /* its STORE_SETTING_TAGS, _OWNERSHIP and _ACL; empty: none */
};
int store_bucket_create(struct store *, struct bytes name, const struct store_bucket_new *, struct arena *,
                        struct store_bucket *ret);
int store_bucket_delete(struct store *, struct bytes name); /* [worker] NO_SUCH_BUCKET, NOT_EMPTY */

/*
 * Changes those settings that lie in the bucket's own record; what is not named stays. Answers once every later write
 * sees the change and no earlier one can land any more. BUCKET_STATE: lock without versioning, versioning suspended
 * with lock. *ret (may be NULL): the bucket afterwards. [worker]
 */
struct store_bucket_change {
    enum versioning versioning; /* NEVER: unchanged */
    bool lock;                  /* enable object lock, with this default */
    struct lock_default lock_default;
    bool set_accelerate, set_payment, set_quota;
    uint64_t quota;
    enum accelerate accelerate;
    bool requester_pays;
};
int store_bucket_change(struct store *, struct bytes name, const struct store_bucket_change *, struct arena *,
                        struct store_bucket *ret);

/*
 * What a bucket holds: kept as it changes, exact, whatever it was that changed it. [loop]
 */
#define STORE_COUNT_CLASSES 9
#define STORE_COUNT_SIZES   11
struct store_counts {
    uint64_t objects, object_bytes;   /* that are the newest version of their key */
    uint64_t versions, version_bytes; /* older ones */
    uint64_t markers;                 /* delete markers */
    uint64_t uploads, parts, part_bytes;
    uint64_t bytes; /* of all those together: what a quota limits */
    struct store_class_count {
        const char *name;
        uint64_t objects, bytes; /* older versions too */
    } classes[STORE_COUNT_CLASSES];
    struct store_size_count {
        uint64_t below;   /* objects of fewer bytes than this, and not in the range before; UINT64_MAX: all others */
        uint64_t objects; /* newest versions */
    } sizes[STORE_COUNT_SIZES];
};
int store_bucket_counts(struct store *, const struct store_bucket *, struct store_counts *ret);

/*
 * Whole documents that belong to a bucket, kept as bytes of their owner's own format. They go with the bucket. Numbers
 * are on disk: append only.
 */
enum store_setting {
    STORE_SETTING_TAGS = 1,
    STORE_SETTING_LIFECYCLE = 2,
    STORE_SETTING_POLICY = 3,
    STORE_SETTING_CORS = 4,
    STORE_SETTING_PUBLIC_ACCESS = 5,
    STORE_SETTING_OWNERSHIP = 6,
    STORE_SETTING_ACL = 7,
    STORE_SETTING_ENCRYPTION = 8,
    STORE_SETTING_LAST = 8,
};
#define STORE_SETTING_MAX (1u << 20) /* bytes */
int store_setting_get(struct store *, struct bytes bucket, enum store_setting, struct arena *,
                      struct bytes *ret); /* NO_SUCH_SETTING [loop] */
/* The empty value removes it (STORE_OK too when there is none). [worker] */
int store_setting_put(struct store *, struct bytes bucket, enum store_setting, struct bytes value);
/* Names in order, those greater than `after` (may be empty) that start with `prefix`. [worker] */
int store_bucket_list(struct store *, struct bytes prefix, struct bytes after, size_t max, struct arena *,
                      struct store_bucket **ret, size_t *ret_n, bool *ret_more);
/* The same, of one owner: others' buckets are passed over where they lie. [worker] */
int store_bucket_list_of(struct store *, struct bytes owner, struct bytes prefix, struct bytes after, size_t max,
                         struct arena *, struct store_bucket **ret, size_t *ret_n, bool *ret_more);

/* ---- documents of other modules ---- */

/*
 * A small ordered map for what is no bucket and no object (identities, their keys and policies, ...): keys of up to
 * STORE_DOC_KEY_MAX bytes, values of up to STORE_SETTING_MAX. Modules keep apart by prefixes of their own.
 */
#define STORE_DOC_KEY_MAX 1024
#define STORE_DOCS_MAX    1000 /* of one change */

int store_doc_get(struct store *, struct bytes key, struct arena *, struct bytes *ret); /* NO_SUCH_SETTING [loop] */
struct store_doc {
    struct bytes key, value;
};
/* In order of keys: those that start with `prefix` and are greater than `after` (may be empty). [worker] */
int store_doc_list(struct store *, struct bytes prefix, struct bytes after, size_t max, struct arena *,
                   struct store_doc **ret, size_t *ret_n, bool *ret_more);
struct store_doc_change {
    struct bytes key;
    bool check; /* the document must be as in `was` (empty: absent), else CONFLICT and nothing happens */
    struct bytes was;
    bool put;           /* it becomes `value`; without: it is only checked */
    struct bytes value; /* empty: it is deleted */
};
/* All or nothing, durable. A key is named once. [worker] */
int store_doc_apply(struct store *, const struct store_doc_change *, size_t n);

/* ---- versions ---- */

/*
 * Which version of a key. In a bucket that never had versioning every object is the null version. Versions of a key are
 * ordered by `seq`, the newest has the greatest.
 */
struct store_version {
    uint64_t seq;
    unsigned char uid[16]; /* of the object */
    bool null;             /* then the rest need not be filled in to look it up */
};
#define STORE_VERSION_TEXT 32 /* characters of a version id, but for "null" */
/* As x-amz-version-id has it; answers its length. */
size_t store_version_text(const struct store_version *, char out[STORE_VERSION_TEXT]);
bool store_version_parse(struct bytes text, struct store_version *ret); /* false: no version can have this id */

/* ---- objects as they are read ---- */

struct store_header { /* system and user metadata, names in lower case, in the order in which they are to be sent */
    struct bytes name, value;
};

struct store_etag {
    unsigned char md5[16];
    uint32_t parts; /* 0: a plain MD5; else `-parts` follows */
};
#define STORE_ETAG_TEXT_MAX 40
/* Text without quotes; answers its length. */
size_t store_etag_text(const struct store_etag *, char out[STORE_ETAG_TEXT_MAX]);

struct store_part_info {
    uint64_t size;
    struct checksum_value checksum; /* alg NONE when the upload had none */
};

struct store_extent; /* private: where bytes lie */

/*
 * Encryption. The store encrypts with an object key that its caller brings for each new object (32 random bytes, never
 * used for another one), and keeps beside the object the envelope in which the caller sealed that key. It neither
 * understands envelopes nor keeps keys: to read, the caller opens the envelope and brings the key again
 * (include/keyring.h does both).
 *
 * Each blob has a data key of its own, sealed with the object key beside its extent; copies seal the data keys anew and
 * move no bytes. Bytes are AES-256-GCM chunks (storage/seal.h says which), so a range costs what it touches, and a
 * chunk, blob or data key in another place does not open: STORE_CORRUPT. Whoever opened an envelope has the right key,
 * so a data key that another one was given for is no case of its own.
 */
#define STORE_KEY_BYTES    32
#define STORE_ENVELOPE_MAX 4096 /* bytes */

const char *
store_cipher_library(void); /* that encrypts objects in this process, for people; the first call chooses it */

struct store_seal {
    const unsigned char *key; /* the object key; NULL: the bytes are kept as they come */
    struct bytes envelope;    /* kept with the object; empty only without a key. A part's is its upload's: ignored */
    bool opaque_etag;         /* the ETag must not be the MD5 of the bytes (SSE-KMS, SSE-C) */
};

struct store_object {
    struct bytes key;
    uint64_t size; /* bytes */
    int64_t mtime_ms;
    struct store_etag etag;
    struct bytes storage_class; /* "STANDARD", ... never empty */
    struct bytes owner;         /* account id */
    struct checksum_value checksum;
    enum checksum_type checksum_type;
    bool explicit_checksum; /* the client chose the algorithm (multipart: part checksums are shown) */
    const struct store_header *headers;
    size_t n_headers;
    const struct store_part_info *parts; /* of a multipart object, in order; NULL otherwise */
    size_t n_parts;
    struct store_version version;
    bool marker;                     /* a delete marker: no size, no ETag, no bytes */
    bool latest;                     /* it was the newest version when it was looked up */
    const struct store_header *tags; /* name and value, in the order in which they were set */
    size_t n_tags;
    struct object_lock lock;
    struct bytes acl;          /* in its owner's own format; empty: none was set */
    int64_t restore_ready_ms;  /* RestoreObject was accepted: when the copy is there */
    int64_t restored_until_ms; /* an archived object can be read until then; 0: it was not restored */
    struct bytes envelope;     /* of its object key; empty: it is not encrypted */
    bool opaque_etag;
    /* private: */
    unsigned char uid[16];
    struct bytes inline_data;
    const struct store_extent *extents;
    size_t n_extents;
    uint64_t partition;
};

/*
 * A version (NULL: the newest) with all that reading it needs. NO_SUCH_KEY, NO_SUCH_VERSION; DELETE_MARKER with *ret
 * the marker. [loop]
 */
int store_object_get(struct store *, const struct store_bucket *, struct bytes key, const struct store_version *,
                     struct arena *, struct store_object **ret);
/*
 * The same for HEAD: of an object with many parts only their number is read, `parts` may be NULL with n_parts > 0, and
 * the object cannot be read from. [loop]
 */
int store_object_head(struct store *, const struct store_bucket *, struct bytes key, const struct store_version *,
                      struct arena *, struct store_object **ret);

/*
 * Changes what may change of a version (NULL: the newest) without a new one: tags, lock, access list, restore state.
 * Size, ETag, time and version id stay. Retention that would become shorter or weaker is LOCKED, unless it is
 * GOVERNANCE and `bypass_governance` is set. In a bucket without object lock retention and hold are NO_LOCK. *ret: the
 * object afterwards, as of store_object_head. [worker]
 */
struct store_change {
    bool set_tags;
    const struct store_header *tags;
    size_t n_tags;
    bool set_retention; /* mode NONE takes it away */
    enum lock_mode mode;
    int64_t until_ms;
    bool bypass_governance;
    bool set_hold, hold;
    bool set_acl;
    struct bytes acl;
    bool set_restore;
    int64_t restore_ready_ms, restored_until_ms;
    const unsigned char *expect_uid; /* not NULL: only if it is that object (16 bytes); else PRECONDITION_FAILED */
};
int store_object_change(struct store *, const struct store_bucket *, struct bytes key, const struct store_version *,
                        const struct store_change *, struct arena *, struct store_object **ret);
/*
 * Gives a version another storage class, and moves its bytes when that class has a tier of its own (or the present one
 * has). expect_*: NULL, or as in struct store_delete. [worker]
 */
int store_object_transition(struct store *, const struct store_bucket *, struct bytes key, const struct store_version *,
                            struct bytes storage_class, const unsigned char *expect_uid,
                            const int64_t *expect_noncurrent_ms);
/*
 * The time that locks go by, in ms: the wall clock, but never before what it was once, across restarts too, and not
 * when it jumps ahead: by more than STORE_CLOCK_JUMP_MS while the store runs, or by more than STORE_CLOCK_GAP_MS since
 * it was last open. Then locks go by the time that has certainly passed, and the log says so. [loop]
 */
#define STORE_CLOCK_JUMP_MS (INT64_C(24) * 3600 * 1000)
#define STORE_CLOCK_GAP_MS  (INT64_C(366) * 24 * 3600 * 1000)
int64_t store_lock_now_ms(struct store *);

struct store_read;

struct store_span { /* verified bytes */
    struct bytes bytes;
    size_t n; /* of them; 0 at the end */
};

/*
 * Reads [offset, offset + length) of the object, which must lie inside it. The object (and its arena) must outlive the
 * reader. Opening registers the reader: blobs that it may need are not removed until it is closed, even if the object
 * is deleted or overwritten. To be sure of that for the object record itself, open within the same loop turn as the
 * get, or expect NO_SUCH_KEY from next and look the object up again. `object_key`: of an encrypted object
 * (WRONG_KEY), copied and wiped at close; NULL for others. CORRUPT: what lies in the record does not open. [loop]
 */
int store_read_open(struct store *, const struct store_object *, uint64_t offset, uint64_t length,
                    const unsigned char *object_key, struct store_read **ret);
/*
 * The next span, at most `max` bytes. `nowait`: STORE_WOULD_BLOCK instead of waiting for the disk (call again on a
 * worker without nowait). What lies in a blob is read into `scratch` (max bytes, never NULL), where the span then is;
 * what lies in the object's record is not copied: such a span points into the object, and scratch stays untouched
 * (unless it is encrypted: then scratch it is).
 * Spans end where blocks with a checksum end, or encrypted chunks, if they can: with `max` a multiple of BLOB_BLOCK,
 * read on until the end, every block is read, verified and opened once.
 */
int store_read_next(struct store_read *, size_t max, bool nowait, char *scratch, struct store_span *ret);
void store_read_close(struct store_read **); /* accepts NULL inside [loop] */

/*
 * Compares all that a version's bytes lie in with their checksums, as they lie on the disk; without keys. STORE_OK,
 * CORRUPT, NO_SUCH_KEY (it has gone meanwhile), IO; ABORTED: go_on answered false. [worker]
 */
int store_object_verify(struct store *, const struct store_object *, bool (*go_on)(void *arg, size_t bytes), void *arg);

/* ---- writing objects and parts ---- */

struct store_condition { /* of a write; zero: none */
    bool if_none_match;  /* `*`: there must be no current object */
    bool if_match;       /* there must be one, with the ETag below (or any, when if_match_any) */
    bool if_match_any;
    struct bytes if_match_etag; /* text without quotes */
};

struct store_put {
    const struct store_bucket *bucket;
    struct bytes key;
    struct bytes owner; /* account id */
    struct bytes storage_class;
    const struct store_header *headers;
    size_t n_headers;
    const struct store_header *tags;
    size_t n_tags;
    struct object_lock lock; /* mode NONE: the bucket's default applies when it is committed */
    struct bytes acl;        /* kept with it, at most STORE_ACL_MAX bytes of whoever understands them; empty: none */
    struct store_condition condition;
    struct store_seal seal; /* of an object, an upload, or a part (the key of its upload) */
    bool compress;          /* keep it compressed where that saves space; the bytes read are the same */
    /* A part of a multipart upload: */
    struct bytes upload_id; /* empty: an object */
    unsigned part_number;   /* 1 to 10,000 */
    enum checksum_alg
        checksum; /* computed over the bytes and kept; NONE lets the store choose (CRC64NVME; a part: its upload's) */
    bool explicit_checksum;
    uint64_t expected_size; /* bytes if known, UINT64_MAX if not */
};

struct store_write;

/*
 * Begins to take an object or part in. What `put` points to is copied. For a part, the upload is looked up
 * (NO_SUCH_UPLOAD). Nothing touches the disk while the bytes fit inline. [loop]
 */
int store_write_open(struct store *, const struct store_put *, struct store_write **ret);
/*
 * Hashes and keeps n bytes. [loop] while store_write_fits(w, n), i.e. while the total stays within STORE_INLINE_MAX
 * and the expected size is so too; otherwise [worker].
 */
int store_write_append(struct store_write *, const void *p, size_t n);
bool store_write_fits(const struct store_write *, size_t n);
/*
 * What the finished digests must be; any time before commit, but an MD5 before the first byte where the ETag is opaque
 * (nobody computes it then). A mismatch fails the commit and stores nothing; store_write_etag then tells the MD5.
 */
void store_write_expect_md5(struct store_write *, const unsigned char md5[16]);
void store_write_expect_checksum(struct store_write *, const struct checksum_value *);
/*
 * Makes it durable and visible, then calls done(arg, rc) once, on the committer's thread (or in this call, when it
 * fails early). [loop] when nothing had to go to a blob (store_write_fits(w, 0)); otherwise [worker]: the blob is
 * synced first. After done with STORE_OK the results below can be asked for. The handle stays the caller's: free it
 * with store_write_close.
 */
void store_write_commit(struct store_write *, void (*done)(void *arg, int rc), void *arg);
int store_write_commit_wait(struct store_write *); /* the same, blocking [worker] */
void store_write_close(
    struct store_write **); /* abandons what was not committed; accepts NULL inside [worker if a blob was begun] */
/* After all bytes were appended (before or after commit): */
uint64_t store_write_size(const struct store_write *);
void store_write_etag(struct store_write *, struct store_etag *ret);
void store_write_checksum(struct store_write *, struct checksum_value *ret);
int64_t store_write_mtime_ms(const struct store_write *);
void store_write_version(const struct store_write *, struct store_version *ret); /* after commit */

/*
 * Deletes as S3 does. Without `version`: the object, in a bucket that never had versioning (a missing one is STORE_OK
 * with `existed` false); otherwise a delete marker becomes the newest version. With `version`: that version goes for
 * good, the next newest becomes the newest one (LOCKED, NO_SUCH_VERSION). Many at once: as many batches as needed, each
 * one sync; every item gets its own answer; a key may be named more than once. [worker]
 */
struct store_delete {
    struct bytes key;
    const struct store_version *version; /* NULL: see above */
    struct store_condition condition;    /* if_match, on the newest version; not together with `version` */
    /*
     * Not NULL: only while the version is an older one since just that time (0: while it is the newest); else
     * PRECONDITION_FAILED. Versions change their place when others are removed.
     */
    const int64_t *expect_noncurrent_ms;
    const unsigned char *expect_uid; /* not NULL: only if what goes (without version: the newest) is that object; else
                                        PRECONDITION_FAILED */
    int rc;                          /* out */
    bool bypass_governance;          /* in, as the fields above */
    bool existed;                    /* out: there was a current object, or the version */
    bool marker;                     /* out: a marker was made, or the version removed was one */
    bool has_version; /* out: there is a version id to tell: of the marker made, or of what was removed */
    struct store_version ret_version;
};
void store_objects_delete(struct store *, const struct store_bucket *, struct bytes owner, struct store_delete *items,
                          size_t n);

/*
 * Copies by reference: no bytes move (inline data is copied within the index). headers: those of the new object (the
 * caller applies the metadata directive). `checksum` NONE keeps the source's algorithm; a value that cannot be derived
 * (another algorithm, or COMPOSITE that has to become FULL_OBJECT and cannot be combined) is computed by reading the
 * source once. Where one side is encrypted and the other is not, all bytes are read and written; also where a plain
 * ETag is wanted of a source whose ETag is opaque, they are read. [worker]
 */
struct store_copy {
    const unsigned char *source_key; /* object key of an encrypted source, else NULL */
    const struct store_object *source;
    const struct store_bucket *source_bucket;
    struct store_put to;     /* object or part */
    uint64_t offset, length; /* a part may take a range of the source; an object takes all of it */
};
/* *ret tells of the new object or part what the answer needs: no headers, no parts, and it cannot be read from. */
int store_copy(struct store *, const struct store_copy *, struct arena *, struct store_object **ret);

/*
 * Visits the envelopes of all objects, versions and uploads, at most `max` a call, from `*cursor` on (empty: from the
 * beginning; afterwards where to go on, in the arena; empty again: that was the end). `look` sees each; when it answers
 * true, *ret_new takes the envelope's place, unless the object has changed meanwhile (that is then left alone: what
 * changed it has sealed anew). Others may write meanwhile: what exists from beginning to end is seen, once. For the
 * rotation of keys and for counting what a key is used for. [worker]
 */
typedef bool store_envelope_f(void *arg, uint64_t partition, struct bytes key, struct bytes envelope, struct arena *,
                              struct bytes *ret_new);
int store_envelopes(struct store *, struct bytes *cursor, size_t max, store_envelope_f *look, void *arg,
                    struct arena *);

/* ---- listing ---- */

struct store_list {
    struct bytes prefix;
    struct bytes delimiter; /* empty: none */
    struct bytes after; /* only keys greater than this; with a delimiter, a marker that lies in a group or is one skips
                           that group */
    size_t max;         /* keys and groups together; 0 gives an empty page */
};

struct store_list_row { /* valid during the call only */
    struct bytes key;   /* or the common prefix */
    bool is_prefix;
    uint64_t size;
    int64_t mtime_ms;
    struct store_etag etag;
    struct bytes storage_class;
    struct bytes owner;
    enum checksum_alg checksum_alg;
    enum checksum_type checksum_type;
    int64_t restore_ready_ms, restored_until_ms;
    struct store_version version; /* from here on: store_version_list only */
    bool latest, marker;
    struct bytes envelope;
};
typedef void store_list_f(void *arg, const struct store_list_row *);

struct store_list_end {
    bool truncated;
    struct bytes last; /* the last key or common prefix given, in the arena: what `after` of the next page should be */
};
/* `row` runs inside an index read: quick, and no store calls in it. [worker] */
int store_list_objects(struct store *, const struct store_bucket *, const struct store_list *, store_list_f *row,
                       void *arg, struct arena *, struct store_list_end *ret);

struct store_version_list {
    struct bytes prefix, delimiter;
    struct bytes key_marker;                    /* keys after it ... */
    const struct store_version *version_marker; /* ... and, not NULL, versions of that key older than this */
    size_t max;
};
struct store_version_list_end {
    bool truncated;
    struct bytes last_key;
    bool last_is_version; /* false: last_key is a common prefix (or there was no row) */
    struct store_version last_version;
};
/* All versions and markers: keys ascending, versions of a key newest first. As store_list_objects. [worker] */
int store_version_list(struct store *, const struct store_bucket *, const struct store_version_list *,
                       store_list_f *row, void *arg, struct arena *, struct store_version_list_end *ret);

/* ---- multipart uploads ---- */

struct store_upload {
    struct bytes key;
    struct bytes id; /* URL-safe text */
    int64_t initiated_ms;
    struct bytes owner;
    struct bytes storage_class;
    enum checksum_alg checksum; /* NONE: none was chosen */
    enum checksum_type checksum_type;
    const struct store_header *headers;
    size_t n_headers;
    const struct store_header *tags;
    size_t n_tags;
    struct object_lock lock;
    struct bytes acl;
    struct bytes envelope; /* of the key of all its parts and of the object that it becomes; empty: not encrypted */
    bool opaque_etag;
};

/* checksum_type: NONE takes the algorithm's default. [worker] */
int store_upload_create(struct store *, const struct store_put *, enum checksum_type, struct arena *,
                        struct store_upload *ret);
int store_upload_get(struct store *, const struct store_bucket *, struct bytes key, struct bytes id, struct arena *,
                     struct store_upload *ret);                                                         /* [loop] */
int store_upload_abort(struct store *, const struct store_bucket *, struct bytes key, struct bytes id); /* [worker] */

struct store_part {
    unsigned number;
    uint64_t size;
    int64_t mtime_ms;
    struct store_etag etag;
    struct checksum_value checksum;
};
/* Parts with numbers greater than `after`. [worker] */
int store_part_list(struct store *, const struct store_bucket *, const struct store_upload *, unsigned after,
                    size_t max, struct arena *, struct store_part **ret, size_t *ret_n, bool *ret_more);

struct store_complete_part { /* as the client listed it; numbers strictly ascending (the caller has checked) */
    unsigned number;
    struct bytes etag;              /* text without quotes */
    struct checksum_value checksum; /* alg NONE: not given */
};
struct store_complete {
    const struct store_bucket *bucket;
    struct bytes key, upload_id;
    const struct store_complete_part *parts;
    size_t n_parts;
    struct store_condition condition;
    struct checksum_value checksum; /* of the whole object, to verify; alg NONE: not given */
    uint64_t expected_size;         /* UINT64_MAX: not given */
};
struct store_complete_error {
    unsigned part_number;
    uint64_t size;     /* of the part that is too small, or the object's computed size */
    struct bytes etag; /* as the client gave it */
};
/*
 * Sent again after it succeeded, it answers the same success (kept a day). On failure the upload stays usable.
 * *ret: as of store_copy.
 * COMPOSITE uploads' part checksums are compared here; that each is present is the caller's check. [worker]
 */
int store_upload_complete(struct store *, const struct store_complete *, struct arena *, struct store_object **ret,
                          struct store_complete_error *ret_error);

struct store_upload_list {
    struct bytes prefix, delimiter;
    struct bytes key_marker;       /* keys after it; with upload_id_marker also later uploads of that key */
    struct bytes upload_id_marker; /* empty: none */
    size_t max;
};
struct store_upload_row { /* valid during the call only */
    bool is_prefix;
    struct bytes prefix;
    struct store_upload upload; /* without headers */
};
typedef void store_upload_list_f(void *arg, const struct store_upload_row *);
struct store_upload_list_end {
    bool truncated;
    struct bytes last_key, last_id; /* of the last row; last_id empty after a common prefix */
};
/* Order: key, then time of initiation. [worker] */
int store_upload_list(struct store *, const struct store_bucket *, const struct store_upload_list *,
                      store_upload_list_f *row, void *arg, struct arena *, struct store_upload_list_end *ret);

#endif
