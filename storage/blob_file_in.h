/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the file backend of the blob store: what blob_file.c, blob_folder.c, blob_file_write.c,
 * blob_file_direct.c and blob_file_read.c know of one another.
 */
#ifndef PAIL_STORAGE_BLOB_FILE_IN_H
#define PAIL_STORAGE_BLOB_FILE_IN_H

#include <pthread.h>
#include <stdatomic.h>
#include "blob_file.h"
#include "storage/blob_format.h"

#define BLOB_MARK_FILE       "unsettled"
#define BLOB_MARK_FILE_TEMP  "unsettled.tmp"
#define BLOB_PROBE_FILE      "probe.tmp"
#define BLOB_HOLD_FILE       "hold"
#define BLOB_SUSPECTS        32
#define BLOB_FOLDER_NONE     UINT32_MAX
#define BLOB_RECOVER_BLIND   16                 /* folders looked into when the mark is gone */
#define BLOB_FOREIGN_LOG_MAX 16                 /* foreign names logged each run; all are counted */
#define BLOB_DIRECT_MIN      (8u * 1024 * 1024) /* blobs announced with less are written through the page cache */
#define BLOB_DIRECT_ALIGN    4096u              /* of memory, offset and length; a multiple of what disks ask for */
#define BLOB_DIRECT_BYTES    (512u * 1024)      /* one write; an area has room for two */
#define BLOB_DIRECT_WRITERS  24u                /* areas at once: 24 MiB */
#define BLOB_DIRECT_THREADS  8u                 /* writes at once */

/*
 * A folder of this run, as long as something in it is open. Guarded by folders.lock, except `fd`, which stays as it is
 * while `writers` or `active` hold the folder, and `number`.
 */
struct blob_folder {
    struct blob_folder *next;
    uint32_t number;
    int fd; /* -1 once nobody writes here any more */
    bool active;
    bool broken; /* its fsync failed: nothing more is finished here, since a second fsync would prove nothing */
    bool stuck;  /* something may have stayed that nobody will settle: recovery looks here after the next start */
    bool dirty;  /* names were removed: it is synced before it leaves the list, and may be empty then */
    unsigned writers, started;
    struct blob_id *unsettled;
    size_t unsettled_n, unsettled_cap;
    /* Shared sync: links are numbered; `synced` is the highest that is on disk. */
    uint64_t linked, synced;
    bool syncing;
    int sync_errno;
};

struct blob_folders {
    const struct io *io;
    int root; /* blobs/ */
    pthread_mutex_t lock;
    pthread_cond_t changed;      /* a sync ended, or a new folder was made */
    struct blob_folder *list;    /* those of this run */
    struct blob_folder *active;  /* may be NULL */
    bool making;                 /* a thread is making the next */
    uint32_t first_of_run, next; /* numbers */
    uint32_t recover_from;       /* lowest folder of former runs that is open still, or BLOB_FOLDER_NONE */
    uint32_t durable_hi;         /* the upper folder whose name is known to be on disk */
    uint32_t *failed;            /* folders not on the list whose fsync failed in this run */
    size_t failed_n;
    pthread_mutex_t mark_lock; /* taken before `lock`: one writer of the mark at a time */
    uint32_t mark;             /* as on disk */
    _Atomic uint64_t *foreign; /* counter of the store */
};

struct blob_direct_write {
    struct blob_direct_write *next;
    pthread_cond_t ended;
    int fd;
    const unsigned char *p;
    size_t n;
    uint64_t offset;
    bool busy;
    int rc;
};

struct blob_direct {
    const struct io *io;
    pthread_mutex_t lock;
    pthread_cond_t queued;
    struct blob_direct_write *head, **tail;
    size_t areas, idle, n_threads;
    bool refused; /* the file system does not do it */
    bool stopping;
    pthread_t threads[BLOB_DIRECT_THREADS];
};

struct file_store {
    struct blob_store base; /* first: what callers see */
    const struct io *io;
    int root;
    bool link_empty; /* linkat with AT_EMPTY_PATH works and /proc does not */
    bool named;      /* no unnamed temporary files here */
    bool trust_disk; /* see struct blob_file_options */
    struct blob_folders folders;
    struct blob_direct direct;
    pthread_mutex_t recovering;
    atomic_uint users; /* open readers and writers */
    _Atomic uint64_t corrupt, foreign, orphans;
    pthread_mutex_t suspects_lock;
    struct blob_id suspects[BLOB_SUSPECTS]; /* damaged, as readers found; each once */
    size_t n_suspects;
};

int blob_rc_of_errno(int err);
int blob_sync_dir(const struct io *io, int dirfd, const char *path); /* by a descriptor of its own; -1 and errno */
void blob_note_foreign(_Atomic uint64_t *counter, const char *folder, const char *name);

/* --- blob_folder.c --- */

int blob_folders_init(struct blob_folders *, const struct io *io, int root, _Atomic uint64_t *foreign);
void blob_folders_fini(struct blob_folders *);
/* For a writer: the active folder, counted in. Makes a new one when it is time. */
int blob_folder_enter(struct blob_folders *, struct blob_folder **ret);
/* After a link: answers when the folder, with that link, is on disk. Shared among those who come at the same time. */
int blob_folder_sync(struct blob_folders *, struct blob_folder *);
/* The writer's last word: a finished blob, unsettled from now on, or NULL; `stuck` when a name may have stayed. */
void blob_folder_leave(struct blob_folders *, struct blob_folder *, const struct blob_id *finished, bool stuck);
void blob_folders_settle(struct blob_folders *, const struct blob_id *);
uint64_t blob_folders_unsettled(struct blob_folders *);
/* After a name was removed. */
void blob_folders_removed(struct blob_folders *, uint32_t number);
/*
 * Answers when what was removed from the folder is gone for good, and takes the folder away if it is an old one and
 * empty. BLOB_IO for ever, in this run, once an fsync of the folder has failed.
 */
int blob_folders_sync_removed(struct blob_folders *, uint32_t number);
bool blob_folders_failed(struct blob_folders *, uint32_t number); /* whether one has */
/* Recovery has looked at everything below first_of_run; `left` is the lowest folder that must be looked at again. */
void blob_folders_recovered(struct blob_folders *, uint32_t left);
/* Drops what is settled, and writes down from where on a restart must look. A failure only costs time later. */
void blob_folders_advance(struct blob_folders *);

/* --- blob_file_direct.c --- */

void blob_direct_init(struct blob_direct *, const struct io *io);
void blob_direct_fini(struct blob_direct *); /* ends the threads; nobody writes any more */
/*
 * Turns the file to writing past the page cache and answers an area for it: two times BLOB_DIRECT_BYTES, aligned. NULL:
 * not here, or not now; the file is as it was.
 */
unsigned char *blob_direct_enter(struct blob_direct *, int fd);
void blob_direct_leave(struct blob_direct *, unsigned char *area);
/* The memory stays untouched, and the file open, until the wait. One write of a file at a time. */
void blob_direct_begin(struct blob_direct *, struct blob_direct_write *);
int blob_direct_wait(struct blob_direct *, struct blob_direct_write *); /* what became of it; again: the same */

/* --- blob_file_write.c --- */

int blob_file_create(struct blob_store *, struct bytes desc, uint64_t expected, struct blob_writer **ret_writer);
int blob_file_append(struct blob_writer *, const void *p, size_t n);
int blob_file_finish(struct blob_writer **, struct bytes trailer, struct blob_id *ret_id);
void blob_file_abandon(struct blob_writer **);

/* --- blob_file_read.c --- */

int blob_file_open_reader(struct blob_store *, const struct blob_id *, struct blob_reader **ret_reader);
uint64_t blob_file_length(const struct blob_reader *);
int blob_file_read(struct blob_reader *, uint64_t offset, void *p, size_t n, bool nowait);
void blob_file_compare(struct blob_reader *, bool);
int blob_file_describe(struct blob_reader *, struct arena *, struct bytes *ret_desc, struct bytes *ret_trailer);
void blob_file_close_reader(struct blob_reader **);
int blob_file_verify(struct blob_store *, const struct blob_id *, const struct blob_pace *, struct blob_findings *ret);

size_t blob_file_suspects(struct blob_store *, struct blob_id *ret, size_t max);

/* --- blob_list.c --- */

int blob_file_list(struct blob_store *, const struct blob_id *after, size_t max, struct blob_id *ret, size_t *ret_n);

/* --- blob_file_read.c --- */

/* For recovery: only the header is looked at. */
int blob_file_peek_desc(struct file_store *, const struct blob_id *, struct arena *, struct bytes *ret_desc);

#endif
