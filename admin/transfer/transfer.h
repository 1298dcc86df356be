/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving data in and out: what `pail import` and `pail export` share. Each part is one idea in a file of its own.
 *
 * A planner lists both sides in the order of their keys and merges them; what the destination lacks becomes a job, one
 * for each key. Workers carry jobs out, several at once, and help each other with the parts of large objects. Nothing
 * of this is kept for a second run but the uploads that were open (the journal): what has arrived is found by listing.
 *
 * Threads: one planner, `workers` workers, and the first thread, which shows the progress; each has a `struct line` of
 * its own. `struct transfer` is shared; its fields below `lock` are under that.
 */
#ifndef PAIL_ADMIN_TRANSFER_TRANSFER_H
#define PAIL_ADMIN_TRANSFER_TRANSFER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "admin/place.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "checksum.h"
#include "http_client.h"

#define TRANSFER_PART_SIZE   (16u << 20)  /* larger objects go in parts of this size, unless the source names its own */
#define TRANSFER_PART_MIN    (5u << 20)   /* what S3 allows, but for the last */
#define TRANSFER_PART_MAX    (512u << 20) /* that a source's own part size is kept up to */
#define TRANSFER_PARTS_MAX   10000        /* that S3 allows */
#define TRANSFER_PART_LIMIT  (UINT64_C(5) << 30) /* which is more than S3 allows of one */
#define TRANSFER_MEMORY      (256u << 20)        /* bytes of objects in memory, all workers together */
#define TRANSFER_QUEUE_MAX   100000              /* jobs that the planner may be ahead */
#define TRANSFER_WORKERS     32
#define TRANSFER_WORKERS_MAX 256
#define TRANSFER_RETRIES     8
#define TRANSFER_NAMED_MAX   10000 /* problems that are named one by one */

/* ---- a run ---- */

struct transfer_options {
    const char *command; /* "import", "export" */
    struct place from, to;
    bool versions, all_buckets, create, dry_run, compare, json, follow_links;
    unsigned workers, retries;
    uint64_t limit;     /* bytes a second; 0: none */
    uint64_t part_size; /* 0: TRANSFER_PART_SIZE */
    const char *sse, *sse_key;
    const char *journal; /* a file; NULL: below the user's state folder */
};

/* Reads the arguments of either command; TRANSFER_HELP_SHOWN, TRANSFER_MISUSE or 0. Keys in argv are wiped. */
enum { TRANSFER_HELP_SHOWN = -1, TRANSFER_MISUSE = 2 };
int transfer_options_read(struct transfer_options *, bool import, const char *help, int argc, char **argv,
                          struct arena *);
extern const char transfer_flags_help[];
/* The exit status: 0, 1 something differs or failed, 2 it cannot be done so. */
int transfer_run(const struct transfer_options *);

/* What came of it; counted by any thread. */
struct transfer_counts {
    _Atomic uint64_t listed, planned, planned_bytes; /* keys seen at the source, versions to write and their bytes */
    _Atomic uint64_t copied, markers, bytes;         /* versions and delete markers written, bytes of them */
    _Atomic uint64_t same, gone, failed, differs, extra, skipped, retried, reused_parts, requests;
};

struct job;
struct large;
struct journal;
struct buffer;

/* Whether the destination checks a body against x-amz-checksum-...; its answers tell. */
enum { SUMS_UNKNOWN, SUMS_CHECKED, SUMS_UNCHECKED };

struct transfer {
    const struct transfer_options *o;
    const char *from_bucket, *to_bucket; /* of this run of many */
    const char *to_prefix;
    struct transfer_counts counts;
    _Atomic int stop;    /* 1: take nothing more and end soon, 2: end at once */
    _Atomic bool broken; /* the planner could not go on */
    _Atomic bool listed_all, no_conditions, no_classes;
    _Atomic int sums;   /* SUMS_... */
    bool to_locks;      /* the destination's bucket knows object lock */
    int from_fd, to_fd; /* of folders */
    struct journal *journal;
    int64_t began_ms;

    pthread_mutex_t lock;
    pthread_cond_t more, room; /* something to do; the queue or the memory has room */
    struct job *first, **last;
    size_t queued, running;
    struct large *larges; /* objects with parts to take */
    uint64_t memory;      /* bytes of objects in memory */
    struct buffer *spare; /* used before, and ready for the next */
    uint64_t spare_bytes;
    double allowance; /* bytes that the limit lets go now */
    int64_t allowed_at_ms, stopped_ms;
};

/* What a thread has of its own. */
struct line {
    struct transfer *t;
    struct http_client_session *http;
    struct arena *arena; /* reset between jobs */
    uint64_t moved;      /* bytes of the request that runs, as the limit has counted them */
    bool limited;        /* this request counts for the limit */
};

/* ---- what is listed: admin/transfer/list.c ---- */

struct version {
    struct bytes id, etag; /* the ETag without its quotes; empty: of a folder */
    uint64_t size;
    int64_t mtime_ns;
    bool marker;
};
struct group {
    struct bytes key; /* without the place's prefix */
    struct version *versions;
    size_t n; /* oldest first */
};
struct listing;
struct listing *listing_open(struct line *, const struct place *, const char *bucket, const char *prefix, int folder_fd,
                             bool versions);
/* 1 and the group, which lives until the next call; 0 at the end; -1: it cannot be listed, which was reported. */
int listing_next(struct listing *, struct group *ret);
void listing_close(struct listing *);
/* One page of ListObjectsV2 or ListObjectVersions. Pure. Newest first, as S3 has them. */
struct list_row {
    struct bytes key;
    struct version v;
};
struct list_page {
    struct list_row *rows;
    size_t n;
    bool truncated;
    struct bytes next_key, next_version; /* for versions; or the token in next_key */
};
bool list_page_parse(struct bytes xml, bool versions, struct arena *, struct list_page *ret);
/* Seconds since 1970 in nanoseconds of "2026-01-31T23:59:59.123Z"; 0: it is no time. Pure. */
int64_t list_time_ns(struct bytes text);

/* ---- XML of replies: admin/transfer/xml.c, pure ---- */

/* Takes the next element off `rest`; false at the end, or when it is not well-formed. Namespace prefixes are cut. */
bool doc_next(struct bytes *rest, struct bytes *ret_name, struct bytes *ret_inner);
/* The content of the first element of that name among those of `inner`. */
bool doc_find(struct bytes inner, const char *name, struct bytes *ret);
/* The same, with its text decoded. */
struct bytes doc_find_text(struct bytes inner, const char *name, struct arena *);
struct bytes doc_text(struct bytes inner, struct arena *);
/* Nothing more is there: doc_next ended at the end, and not at something it refuses. */
bool doc_over(struct bytes rest);
/* The content of the document's element. */
bool doc_root(struct bytes doc, const char *name, struct bytes *ret);

/* ---- S3 requests: admin/transfer/s3.c ---- */

struct s3_call {
    const char *method, *bucket; /* a bucket, or NULL */
    struct bytes key;            /* empty: the bucket itself */
    const char *query;           /* encoded, without "?"; NULL: none */
    const struct http_client_header *headers;
    size_t n_headers;
    struct bytes body;
    char *into; /* for the body of a good reply */
    size_t into_room;
    bool data; /* it carries objects: counts for the limit, and may take long */
    bool once; /* when it answers BadDigest: the bytes are to be read again first */
    /* After an attempt whose end is not known: has it come to pass? True: *ret is filled as if it had answered. */
    bool (*landed)(void *arg, struct http_client_reply *ret);
    void *landed_arg;
};
struct s3_error {
    char code[64], message[320];
};
/* The status; 0: no answer, or the run was ended. Retried with growing pauses. Error set unless 2xx. */
int s3_send(struct line *, const struct place *, const struct s3_call *, struct http_client_reply *ret,
            struct s3_error *);
bool s3_good(int status);
struct bytes s3_encode(struct arena *, struct bytes text, bool path);  /* for a URL; `path`: slashes stay */
struct bytes s3_decode(struct arena *, struct bytes text);             /* of encoding-type=url */
const char *s3_etag(const struct http_client_reply *, struct arena *); /* without quotes; "" : none */
/* Milliseconds before attempt `n` (from 1); `retry_after`: of the header, or NULL. Pure but for chance. */
unsigned s3_pause_ms(unsigned n, const char *retry_after);
bool s3_worth_retry(int status, const char *code);

/* ---- folders: admin/transfer/folder.c ---- */

/* Why a key cannot be a file, or NULL. Pure. */
const char *folder_key_problem(struct bytes key);
/* The folder that the key's last name lies in, made if asked; -1 and errno. *ret_name points into the key. */
int folder_open_parent(int root_fd, struct bytes key, bool make, struct bytes *ret_name);
/* A file below the root to read; symbolic links are followed only if asked, and never out of it. -1 and errno. */
int folder_open_file(int root_fd, struct bytes key, bool follow_links);
/* A file that is not there yet under its name: to write, then to put in its place, or to drop. */
struct folder_file {
    int parent_fd, fd;
    int direct_fd; /* past the page cache; -1: not opened, or the file system does not do it */
    char name[256], temporary[64];
};
bool folder_file_begin(struct folder_file *, int root_fd, struct bytes key, uint64_t size, char error[256]);
/* `is_new`: nothing had its name when the folder was listed, so no file that is there now is written over. */
bool folder_file_end(struct folder_file *, int64_t mtime_ns, bool is_new, char error[256]);
void folder_file_drop(struct folder_file *);
/* Large pieces go past the page cache where they can: filling it costs more than all else. */
void folder_file_direct(struct folder_file *);
bool folder_file_write(struct folder_file *, const char *p, uint64_t n, uint64_t at, char error[256]);
struct walk;
struct walk *walk_open(struct line *, int root_fd, bool follow_links, bool quiet);
int walk_next(struct walk *, struct bytes *ret_key, uint64_t *ret_size, int64_t *ret_mtime_ns); /* 1, 0 end, -1 */
void walk_close(struct walk *);
const char *folder_type_of(struct bytes key); /* a Content-Type by the name's end */

/* ---- jobs: admin/transfer/run.c hands them out ---- */

struct job {
    struct job *next;
    struct bytes key; /* relative */
    size_t n, n_have;
    struct version *versions, *have; /* the source's, and what the destination has already; oldest first */
};
/* ---- what an object carries beside its bytes: admin/transfer/carry.c ---- */

#define CARRIED_MAX      160
#define NOTE_MTIME       "x-amz-meta-mtime"            /* when the object was last changed, as rclone notes it */
#define NOTE_SOURCE_ETAG "x-amz-meta-pail-source-etag" /* by which the next run knows it again */
struct carried {
    struct http_client_header headers[CARRIED_MAX];
    size_t n;
    const char *etag; /* of the source; "" of a file */
    bool md5;         /* which is the MD5 of the bytes */
    bool opaque;      /* which says nothing of the bytes */
    int64_t mtime_ns;
    struct bytes checksum; /* base64, of the whole object; empty: none */
    int checksum_alg;      /* enum checksum_alg */
};
/* From the head of a GET or HEAD of the source; tags are asked for when there are any. */
bool carry_object(struct line *, const struct job *, const struct version *, const struct http_client_reply *,
                  struct carried *ret, char error[400]);
void carry_file(struct line *, struct bytes key, int64_t mtime_ns, struct carried *ret);
void carried_add(struct carried *, const char *name, const char *value);
/* "1700000000.123456789" and back; -1: it is none. Pure. */
int64_t mtime_of_text(const char *text);
const char *mtime_text(int64_t ns, struct arena *);
bool is_md5(struct bytes etag); /* pure */

/* ---- proof that bytes arrive as they are: admin/transfer/verify.c ---- */

/* What the destination is told that a body has to be. Its headers point into it: it is not to be copied. */
struct pledge {
    struct http_client_header headers[2];
    size_t n;
    char md5[25], hex[33]; /* in base64 and in hex; "": not told */
    enum checksum_alg alg; /* NONE: not told */
    char sum[CHECKSUM_MAX_BYTES * 4 / 3 + 5];
};
/* Of the MD5 that the body is known to have (NULL: none), or of its sum (NULL: of none); an MD5 only if need be. */
void pledge_make(struct line *, struct bytes data, const char *known_md5, const struct checksum_value *sum,
                 struct pledge *ret);
/* It was refused, since the destination does not know such sums: the next pledge is without. */
bool pledge_not_known(struct line *, const struct pledge *, int status, const struct s3_error *);
/* What a good answer says to it. False, and the error: something else arrived. */
bool pledge_kept(struct line *, const struct pledge *, struct bytes data, const struct http_client_reply *,
                 char error[400]);
/* The object with that head has just these bytes. */
bool pledge_is(struct line *, const struct pledge *, const struct http_client_reply *head);
bool etag_is_opaque(const struct http_client_reply *); /* an ETag beside such encryption is no MD5. Pure */
bool checksum_combines(int alg);                       /* of the parts follows that of the whole. Pure */
bool checksum_is(const struct checksum_value *, struct bytes base64); /* pure */
/* The bytes are those that the source's ETag or checksum tells of; true where it tells of none. Pure. */
bool carried_matches(const struct carried *, struct bytes data);

/* ---- copying: admin/transfer/copy.c, and in parts: admin/transfer_large.c ---- */

/* SPOILED: the bytes are not those that the source tells of */
enum copy_end { COPY_DONE, COPY_SAME, COPY_GONE, COPY_FAILED, COPY_SPOILED };
void job_run(struct line *, struct job *);
/* How many of the source's first versions are the destination's last ones; *conflict: none, and it has some. Pure. */
size_t job_overlap(size_t n, size_t n_have, bool (*same)(void *arg, size_t i, size_t have), void *arg, bool *conflict);
struct bytes key_from(struct line *, const struct job *); /* with the prefix of its place */
struct bytes key_to(struct line *, const struct job *);
const char *version_query(struct line *, const struct version *, const char *more); /* NULL: none */
/* A request that makes an object: sent anew without what the destination does not know. Headers: c's, then more. */
int send_new(struct line *, struct s3_call *, const struct carried *, const struct http_client_header *more,
             size_t n_more, struct http_client_reply *, struct s3_error *);
/*
 * After the first version that was added to what was there: *mine is its id, `before` that of the newest one before, or
 * NULL. Takes it back when a killed run's request has written it as well; *mine is what stays.
 */
bool late_settle(struct line *, struct job *, const char *before, const char **mine, char error[400]);
enum copy_end large_copy(struct line *, struct job *, const struct version *, const char **last_id, char error[400]);
bool is_large(const struct line *, const struct version *);
/* Takes parts of another worker's object; false: there is none to take. With the lock held, before and after. */
bool large_help(struct line *);
/* The ETag that a file's bytes would have in parts of that size; 0: in one. */
bool etag_of_file(struct line *, int fd, uint64_t size, uint64_t part_size, char ret[48]);
/* The size of a part that an object was made of, from 1 on; 0: it was made in one, or nobody knows. */
uint64_t part_size_at(struct line *, const struct place *, const char *bucket, struct bytes key, const char *query,
                      size_t number, struct http_client_reply *ret_head);

/* Memory for objects, admin/transfer/memory.c: waits for room; false: the run ends. */
bool memory_take(struct transfer *, uint64_t n);
void memory_give(struct transfer *, uint64_t n);
/* The bytes themselves, within what was taken. Large ones are kept for the next: fresh pages cost as much as a copy. */
struct buffer {
    struct buffer *next;
    char *p;
    uint64_t room;
};
struct buffer *buffer_take(struct transfer *, uint64_t n); /* NULL: the system has not that much */
void buffer_give(struct transfer *, struct buffer **);
void buffers_free(struct transfer *);

/* ---- the journal of open uploads: admin/transfer/journal.c ---- */

struct journal *journal_open(const struct transfer_options *, const char *from, const char *to, char error[256]);
/* The upload that an earlier run began for just this; NULL: none. In the arena. */
const char *journal_find(struct journal *, struct bytes key, const char *etag, uint64_t size, uint64_t part_size,
                         struct arena *);
void journal_begin(struct journal *, struct bytes key, const char *etag, uint64_t size, uint64_t part_size,
                   const char *upload);
void journal_end(struct journal *, const char *upload);
/* Visits what is still open; then the file goes, when nothing is. */
void journal_close(struct journal *, void (*open_one)(void *arg, struct bytes key, const char *upload), void *arg);

/* ---- what a bucket is set to: admin/transfer/buckets.c ---- */

/*
 * Looks at the destination, and makes it where it is missing and that was asked for. *ret_there: it may hold something.
 * False: it cannot be written to, which was reported.
 */
bool bucket_prepare(struct line *, bool *ret_there);
void bucket_configure(struct line *); /* after the objects: policy, lifecycle, ... where the destination has none */
/* The names of the source's buckets, in the arena; -1: reported. */
ptrdiff_t bucket_names(struct line *, const char ***ret);
bool bucket_name_plain(struct bytes name); /* it can be part of a URL and of a path as it is. Pure */

/* ---- what is said: admin/transfer/report.c ---- */

enum problem { PROBLEM_FAILED, PROBLEM_DIFFERS, PROBLEM_EXTRA, PROBLEM_SKIPPED, PROBLEM_NOTE, PROBLEM_WOULD };
void report(struct transfer *, enum problem, struct bytes key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void report_progress(struct transfer *, bool last);
int report_end(struct transfer *);

#endif
