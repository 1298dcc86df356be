/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifecycle rules of a bucket as plain structs, what they say about one object (pure functions), how they are kept
 * (bytes for STORE_SETTING_LIFECYCLE), and the worker that carries them out.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html
 *
 * Time. A rule counts whole days from the creation of a version (from when it became noncurrent) and is due at the next
 * midnight UTC after that. With a day length other than 0 (--lifecycle-day, for tests and demos) a day is that long and
 * nothing is rounded; moments (Date) stay moments.
 *
 * Threads: rules are read-only once made; functions are pure unless they take the store.
 */
#ifndef PAIL_LIFECYCLE_H
#define PAIL_LIFECYCLE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "store.h"

#define LIFECYCLE_RULES_MAX   1000
#define LIFECYCLE_ID_MAX      255              /* bytes */
#define LIFECYCLE_NEWER_MAX   100              /* NewerNoncurrentVersions */
#define LIFECYCLE_DAY_MS      (86400 * 1000LL) /* a real day */
#define LIFECYCLE_SMALL_BYTES (128u * 1024)    /* objects below do not move to another class unless a rule says so */

/* Storage classes that objects move to. Numbers are on disk: append only. */
enum lifecycle_class {
    LIFECYCLE_STANDARD = 0, /* where objects start: STANDARD, REDUCED_REDUNDANCY */
    LIFECYCLE_STANDARD_IA = 1,
    LIFECYCLE_ONEZONE_IA = 2,
    LIFECYCLE_INTELLIGENT_TIERING = 3,
    LIFECYCLE_GLACIER_IR = 4,
    LIFECYCLE_GLACIER = 5,
    LIFECYCLE_DEEP_ARCHIVE = 6,
    LIFECYCLE_CLASS_COUNT
};
const char *lifecycle_class_name(enum lifecycle_class);
enum lifecycle_class lifecycle_class_of(struct bytes name); /* unknown ones are STANDARD */
/* Objects only move towards colder classes; a colder one has the greater rank. */
unsigned lifecycle_class_rank(enum lifecycle_class);
bool lifecycle_may_move(enum lifecycle_class from, enum lifecycle_class to);

/* How the filter was written, so that it can be shown as it was. On disk: append only. */
enum lifecycle_form {
    LIFECYCLE_OLD_PREFIX = 0, /* Rule/Prefix */
    LIFECYCLE_FILTER_ALL = 1, /* <Filter/> */
    LIFECYCLE_FILTER_PREFIX = 2,
    LIFECYCLE_FILTER_TAG = 3,
    LIFECYCLE_FILTER_GREATER = 4,
    LIFECYCLE_FILTER_LESS = 5,
    LIFECYCLE_FILTER_AND = 6
};

struct lifecycle_transition {
    bool is_date;
    uint32_t days;
    int64_t date_ms;
    uint32_t newer; /* noncurrent versions: this many newer ones stay; 0: none */
    enum lifecycle_class to;
};

/* On disk: append only. */
enum lifecycle_expire {
    LIFECYCLE_EXPIRE_NONE = 0,
    LIFECYCLE_EXPIRE_DAYS = 1,
    LIFECYCLE_EXPIRE_DATE = 2,
    LIFECYCLE_EXPIRE_MARKER = 3,   /* ExpiredObjectDeleteMarker */
    LIFECYCLE_EXPIRE_NO_MARKER = 4 /* the same, written as false: nothing */
};

struct lifecycle_rule {
    struct bytes id;
    bool enabled;
    enum lifecycle_form form;
    bool has_prefix; /* of LIFECYCLE_FILTER_AND */
    struct bytes prefix;
    const struct store_header *tags; /* all must be there */
    size_t n_tags;
    bool has_greater;
    uint64_t size_greater; /* bytes; only larger objects */
    uint64_t size_less;    /* bytes; only smaller ones; 0: no limit */
    enum lifecycle_expire expire;
    uint32_t expire_days;
    int64_t expire_date_ms;
    const struct lifecycle_transition *transitions;
    size_t n_transitions;
    const struct lifecycle_transition *noncurrent_transitions;
    size_t n_noncurrent_transitions;
    uint32_t noncurrent_days; /* NoncurrentVersionExpiration; 0: none */
    uint32_t noncurrent_newer;
    uint32_t abort_days; /* AbortIncompleteMultipartUpload; 0: none */
};

/* x-amz-transition-default-minimum-object-size. On disk: append only. */
enum lifecycle_minimum { LIFECYCLE_ALL_128K = 0, LIFECYCLE_VARIES = 1 };

struct lifecycle {
    const struct lifecycle_rule *rules;
    size_t n_rules;
    enum lifecycle_minimum minimum;
};

/* The bytes to keep, in the arena. */
struct bytes lifecycle_encode(const struct lifecycle *, struct arena *);
/* False: damage, or a newer format. *ret points into the bytes and the arena. */
bool lifecycle_decode(struct bytes, struct arena *, struct lifecycle *ret);

/* ---- what rules say ---- */

/* One version, as the rules look at it. */
struct lifecycle_subject {
    struct bytes key;
    uint64_t size;
    const struct store_header *tags;
    size_t n_tags;
    enum lifecycle_class in;
    int64_t mtime_ms;
    int64_t noncurrent_ms; /* since when there is a newer version; 0: it is the newest */
    uint32_t newer;        /* noncurrent versions newer than this noncurrent one */
    bool marker;           /* a delete marker ... */
    bool alone;            /* ... without any older version */
    bool keeps;            /* expiring it keeps it as a noncurrent version (versioning) */
};

enum lifecycle_action {
    LIFECYCLE_NOTHING,
    LIFECYCLE_EXPIRE,        /* the newest version: as a client's DELETE without versionId */
    LIFECYCLE_DELETE_VERSION /* this version for good: a noncurrent one, or a marker that hides nothing */
};

struct lifecycle_due {
    bool move; /* to another class, before the action */
    enum lifecycle_class to;
    enum lifecycle_action action;
};

/*
 * What is due at now_ms. Several rules: an end for good goes before a move, a move before a delete marker; the earliest
 * end counts; of several moves the one to the coldest class. day_ms: see above.
 */
struct lifecycle_due lifecycle_due(const struct lifecycle *, const struct lifecycle_subject *, int64_t now_ms,
                                   int64_t day_ms);
/* When the newest version is going to expire (real days), and by which rule: x-amz-expiration. False: never. */
bool lifecycle_expiry(const struct lifecycle *, const struct lifecycle_subject *, int64_t *ret_ms,
                      struct bytes *ret_rule_id);
/* When an upload is going to be aborted, and by which rule. False: never. */
bool lifecycle_abort(const struct lifecycle *, struct bytes key, int64_t initiated_ms, int64_t day_ms, int64_t *ret_ms,
                     struct bytes *ret_rule_id);
/* The moment `days` after a moment: at midnight UTC (upwards), or exactly when day_ms is not 0. */
int64_t lifecycle_after(int64_t from_ms, uint32_t days, int64_t day_ms);
/* Which kinds of records any rule in force can concern. */
struct lifecycle_reach {
    bool current, versions, uploads;
};
struct lifecycle_reach lifecycle_reach(const struct lifecycle *);
/*
 * Did the wall clock jump? Both clocks at two moments; the second one (boot) also runs while the machine sleeps. A
 * worker that deletes by date does not trust a clock that has just moved by more than LIFECYCLE_JUMP_MS.
 */
#define LIFECYCLE_JUMP_MS (60 * 60 * 1000LL)
bool lifecycle_clock_jumped(int64_t wall_before_ms, int64_t boot_before_ms, int64_t wall_ms, int64_t boot_ms);

/* ---- in the store ---- */

/*
 * The bucket's rules, cached by struct store_bucket.lifecycle_seq; NULL when there are none (or they cannot be read).
 * They live as long as the arena. [loop]
 */
const struct lifecycle *store_lifecycle(struct store *, const struct store_bucket *, struct arena *);
/* A configuration has changed: the worker looks at it soon. Cheap, any thread. */
void store_lifecycle_wake(struct store *);
/* One whole pass over all buckets, on the caller's thread; for tests and tools. [worker] */
int store_lifecycle_run(struct store *);

#endif
