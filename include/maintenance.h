/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking after a data folder: check, backup and restore, recovery of a lost index. For the commands of that name; they
 * open what they need by themselves and work beside a running server where it is said so.
 *
 * Everything that is found is told through callbacks in plain words, as it is found. Texts are valid during the call.
 * Threads: one call on one thread; callbacks on the same.
 */
#ifndef PAIL_MAINTENANCE_H
#define PAIL_MAINTENANCE_H

#include "base/bytes.h"

#define MAINTENANCE_TIERS_MAX 7
#define MAINTENANCE_ERROR     512 /* bytes of an error's text */

struct maintenance_folder {
    const char *path;
    struct maintenance_tier {
        const char *storage_class, *path;
    } tiers[MAINTENANCE_TIERS_MAX]; /* of blobs that lie in folders of their own */
    size_t n_tiers;
};

/* How far it is: `done` of `total` (0: not known) in bytes or in pieces; `what` is a few fixed words. */
struct maintenance_progress {
    void (*tick)(void *arg, const char *what, uint64_t done, uint64_t total, bool bytes); /* may be NULL */
    void *arg;
};

/* ---- check ---- */

enum check_kind {
    CHECK_INDEX,  /* pages or records of the index are damaged */
    CHECK_RULE,   /* records contradict each other */
    CHECK_OBJECT, /* an object, version or part whose bytes are missing or damaged; the blob is named too */
    CHECK_BLOB,   /* a blob that is damaged, or that is missing though referred to */
    CHECK_LAST_DAMAGE = CHECK_BLOB,
    CHECK_ORPHAN,  /* a blob that nothing refers to: only room is lost */
    CHECK_SPARE,   /* a reference or record that nobody needs */
    CHECK_FOREIGN, /* a name that is not ours */
    CHECK_MARKED,  /* marked as damaged by the scrubber or by a read, and damaged still */
    CHECK_KINDS
};
const char *check_kind_name(enum check_kind);

struct check_finding {
    enum check_kind kind;
    const char *what;
    struct bytes bucket, key, version; /* empty: it is of nobody, or not known. `version` as the API shows it */
    const char *blob;                  /* its id, or NULL */
    const char *path;                  /* CHECK_ORPHAN, CHECK_FOREIGN: relative to `blobs` of the folder; or NULL */
    uint64_t bytes;
};

struct check_report {
    uint64_t buckets, objects, versions, markers, uploads, parts;
    uint64_t object_bytes;      /* of objects and older versions, as clients see them */
    uint64_t blobs, blob_bytes; /* files */
    uint64_t read_bytes;        /* compared with their checksums */
    uint64_t records, pages;    /* of the index */
    uint64_t found[CHECK_KINDS];
    uint64_t orphan_bytes;
    uint64_t settling; /* blobs whose fate is open: finished moments ago, or shortly before a crash */
    uint64_t waiting;  /* pieces of garbage that the collector has yet to take away */
    uint64_t repaired, moved;
};

struct check_options {
    struct maintenance_folder folder;
    bool fast;   /* without the checksums of the data */
    bool repair; /* the caller has the folder locked */
    void (*finding)(void *arg, const struct check_finding *);
    void (*repairing)(void *arg, const char *text); /* what is going to be done, before it is done */
    void *arg;
    struct maintenance_progress progress;
};

/*
 * Looks at everything in a data folder (or a backup) and changes nothing; also while a server works in it: what is
 * under way is not damage. With `repair` it then does what cannot lose data: orphans are moved to `found/` beside
 * `blobs/`, references that nobody needs are dropped, references that are missing are put back.
 * 0: it could be looked at, the report says what was found; -1: it could not, ret_error says why.
 */
int check_run(const struct check_options *, struct check_report *ret, char ret_error[MAINTENANCE_ERROR]);
bool check_is_clean(const struct check_report *); /* no damage; orphans and foreign names are none */

/* ---- backup and restore ---- */

struct backup_options {
    struct maintenance_folder folder;
    const char *dest;
    bool without_key;                             /* leave the master key (pail.key) out */
    bool copy;                                    /* copy blobs also where they could be linked */
    void (*missing)(void *arg, const char *text); /* a blob that the data folder itself lacks */
    void *arg;
    struct maintenance_progress progress;
};
enum backup_key { BACKUP_KEY_INCLUDED, BACKUP_KEY_LEFT_OUT, BACKUP_KEY_ELSEWHERE };
struct backup_report {
    uint64_t blobs, blob_bytes; /* that the backup has */
    uint64_t linked, copied, copied_bytes, kept, pruned;
    uint64_t index_bytes;
    uint64_t missing;
    enum backup_key key;
    bool first; /* there was none in `dest` before */
};
/*
 * Copies a data folder, as of one moment, also while a server works in it (which then takes away no blobs until the
 * copy is made). `dest` is new, empty, or has an earlier backup of the same data, to which only what is new is added;
 * that one stays whole until the new one is, however this ends. 0, or -1 with ret_error.
 * A blob that lies on the same file system is linked: it shares its bytes with the data folder.
 */
int backup_run(const struct backup_options *, struct backup_report *ret, char ret_error[MAINTENANCE_ERROR]);

struct restore_options {
    const char *backup;
    struct maintenance_folder folder; /* new or empty, and so are those of its tiers */
    bool copy;
    bool fast; /* verify without the checksums of the data */
    void (*finding)(void *arg, const struct check_finding *);
    void *arg;
    struct maintenance_progress progress;
};
struct restore_report {
    uint64_t blobs, blob_bytes;
    bool key; /* the backup had the master key */
    struct check_report check;
};
/* A data folder from a backup, checked. What was found is told; the folder can be served in any case. */
int restore_run(const struct restore_options *, struct restore_report *ret, char ret_error[MAINTENANCE_ERROR]);

/* ---- recovery of a lost or broken index ---- */

struct recover_options {
    struct maintenance_folder folder; /* the caller has it locked */
    bool force;                       /* although the present index is whole */
    bool complete_uploads;            /* parts of uploads that nothing is known of become objects, if none is missing */
    void (*note)(void *arg, const char *text); /* one line about something that needs a look */
    void *arg;
    struct maintenance_progress progress;
};
struct recover_report {
    int64_t snapshot_ms;   /* of the snapshot that was used; 0: there was none */
    char moved_to[64];     /* where the old index is now, below the folder; empty: there was none */
    uint64_t buckets_made; /* whose name and owner came from blobs */
    uint64_t known;        /* blobs that the snapshot knew */
    uint64_t objects, uploads, parts, completed; /* put back from what blobs say */
    uint64_t encrypted;       /* of those objects: the keys lie in the index, so in the snapshot or nowhere */
    uint64_t gone;            /* objects and versions of the snapshot without their data: deleted or replaced since */
    uint64_t moved;           /* objects found again in another storage class */
    uint64_t superseded;      /* blobs that were garbage by then */
    uint64_t pieces, damaged; /* blobs that cannot be placed: part of something; unreadable */
};
/*
 * Makes a new index from the last snapshot in DIR/snapshots, if there is one, and what the blobs say about themselves,
 * and puts it in the place of the old one, which is kept beside. No blob is touched. 0, or -1 with ret_error and the
 * old index where it was.
 */
int recover_run(const struct recover_options *, struct recover_report *ret, char ret_error[MAINTENANCE_ERROR]);

#endif
