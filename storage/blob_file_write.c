/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a blob: an unnamed file in the active folder, which gets its name when it is complete and on disk:
 *
 *   write everything -> fdatasync(file) -> link -> close -> fsync(folder) -> answer
 *
 * Until the link a crash leaves nothing; after the answer a crash loses nothing; in between it may leave an orphan,
 * which recovery finds. A failed write, sync, link or close drops the file: whoever tries again begins with a new one.
 *
 * Bytes are written in multiples of 4 KiB, at least WRITE_MIN at a time. A caller's big piece goes to the file from
 * where it lies (gathered with what was pending); only the odd end is copied. The crc of each block is taken on the way
 * in.
 *
 * A blob announced with BLOB_DIRECT_MIN or more goes past the page cache instead: it is gathered in one half of an
 * aligned area while the other half is being written (blob_file_direct.c). What is left at the end goes through the
 * page cache, and the order above is the same. So a large blob is not in the page cache when it is new; the first who
 * reads it brings it there.
 *
 * Where the file system has no unnamed files, the file is made exclusively as "<id>.tmp" and renamed.
 *
 * Threads: a writer belongs to one thread at a time.
 */
#include "storage/blob_file_in.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/check.h"
#include "base/rand.h"
#include "checksum.h"

#define WRITE_ALIGN     4096u
#define WRITE_MIN       (64u * 1024)       /* bytes pending before they are written */
#define WRITEBACK_BYTES (4u * 1024 * 1024) /* the kernel is asked to begin writing back this much at a time */

_Static_assert(WRITE_MIN >= BLOB_HEADER_MAX + WRITE_ALIGN, "the header has room in the buffer");
_Static_assert(WRITE_ALIGN == BLOB_HEADER_ALIGN, "data begins aligned");

struct blob_writer {
    struct file_store *store;
    struct blob_folder *folder;
    struct blob_id id;
    int fd;
    bool named;
    int failed; /* the first failure, answered from then on */
    uint32_t header_len;
    uint64_t length;    /* bytes of data taken */
    uint64_t written;   /* bytes of the file */
    uint64_t writeback; /* begun up to here */
    uint32_t seed, crc; /* of the id; of the block that is being filled */
    uint32_t *table;    /* crcs of the blocks before */
    size_t table_n, table_cap;
    unsigned char *buf; /* pending; first of all the header */
    size_t buf_n, buf_cap;
    unsigned char *area; /* past the page cache: `buf` is one half of it, and `write` may be at work on the other */
    struct blob_direct_write write;
};

static void temp_name(const struct blob_writer *w, char ret[BLOB_PATH_BYTES])
{
    char name[BLOB_NAME_BYTES + 1];

    blob_id_name(&w->id, name);
    snprintf(ret, BLOB_PATH_BYTES, "%s" BLOB_TEMP_SUFFIX, name);
}

/* --- beginning
 * -------------------------------------------------------------------------------------------------------- */

static int open_temp(struct blob_writer *w)
{
    const struct io *io = w->store->io;
    char name[BLOB_PATH_BYTES];

    if (!w->store->named) {
        w->fd = io->openat(w->folder->fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
        if (w->fd >= 0)
            return BLOB_OK;
        if (errno != EOPNOTSUPP && errno != EISDIR)
            return blob_rc_of_errno(errno);
    }
    w->named = true;
    temp_name(w, name);
    w->fd = io->openat(w->folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return w->fd >= 0 ? BLOB_OK : blob_rc_of_errno(errno);
}

static void writer_free(struct blob_writer *w)
{
    pthread_cond_destroy(&w->write.ended);
    if (w->area != NULL)
        blob_direct_leave(&w->store->direct, w->area);
    else
        free(w->buf);
    free(w->table);
    atomic_fetch_sub(&w->store->users, 1);
    free(w);
}

/* Closes the file and takes its temporary name away. Answers whether a name may have stayed. */
static bool drop_temp(struct blob_writer *w)
{
    char name[BLOB_PATH_BYTES];

    blob_direct_wait(&w->store->direct, &w->write);
    if (w->fd >= 0)
        w->store->io->close(w->fd);
    w->fd = -1;
    if (!w->named)
        return false;
    temp_name(w, name);
    return w->store->io->unlinkat(w->folder->fd, name, 0) < 0 && errno != ENOENT;
}

static void take_buffer(struct blob_writer *w, uint64_t expected)
{
    if (expected >= BLOB_DIRECT_MIN)
        w->area = blob_direct_enter(&w->store->direct, w->fd);
    if (w->area != NULL) {
        w->buf_cap = BLOB_DIRECT_BYTES;
        w->buf = w->area;
        return;
    }
    w->buf_cap = expected > 0 && expected < WRITE_MIN - w->header_len ? w->header_len + (size_t)expected : WRITE_MIN;
    w->buf = xmalloc(w->buf_cap);
}

int blob_file_create(struct blob_store *base, struct bytes desc, uint64_t expected, struct blob_writer **ret_writer)
{
    struct file_store *st = (struct file_store *)base;
    struct blob_folder *folder;
    int rc;

    CHECK(desc.n <= BLOB_DESC_MAX);
    rc = blob_folder_enter(&st->folders, &folder);
    if (rc != BLOB_OK)
        return rc;
    struct blob_writer *w = xcalloc(1, sizeof(*w));
    w->store = st;
    w->folder = folder;
    w->fd = -1;
    pthread_cond_init(&w->write.ended, NULL);
    atomic_fetch_add(&st->users, 1);
    for (int i = 0; i < 4; i++)
        w->id.b[i] = (unsigned char)(folder->number >> (24 - 8 * i));
    rand_bytes(w->id.b + 4, sizeof(w->id.b) - 4);
    rc = open_temp(w);
    if (rc != BLOB_OK) {
        blob_folder_leave(&st->folders, folder, NULL, false);
        writer_free(w);
        return rc;
    }
    w->header_len = (uint32_t)blob_header_bytes(desc.n);
    w->seed = blob_seed(&w->id);
    take_buffer(w, expected);
    blob_header_encode(&w->id, desc, w->buf);
    w->buf_n = w->header_len;
    *ret_writer = w;
    return BLOB_OK;
}

/* --- appending
 * -------------------------------------------------------------------------------------------------------- */

static int write_all(struct blob_writer *w, struct iovec *iov, int n)
{
    for (;;) {
        while (n > 0 && iov->iov_len == 0) {
            iov++;
            n--;
        }
        if (n == 0)
            return BLOB_OK;
        ssize_t done = w->store->io->pwritev(w->fd, iov, n, (off_t)w->written);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? blob_rc_of_errno(errno) : BLOB_IO;
        w->written += (size_t)done;
        for (size_t left = (size_t)done; left > 0;) {
            size_t take = left < iov->iov_len ? left : iov->iov_len;
            iov->iov_base = (char *)iov->iov_base + take;
            iov->iov_len -= take;
            left -= take;
            if (iov->iov_len == 0) {
                iov++;
                n--;
            }
        }
    }
}

static void table_push(struct blob_writer *w)
{
    if (w->table_n == w->table_cap) {
        w->table_cap = w->table_cap == 0 ? 16 : 2 * w->table_cap;
        w->table = xrealloc(w->table, w->table_cap * sizeof(*w->table));
    }
    w->table[w->table_n++] = w->crc;
}

static void take_crc(struct blob_writer *w, const unsigned char *p, size_t n)
{
    while (n > 0) {
        size_t in_block = (size_t)(w->length % BLOB_BLOCK);
        size_t run = BLOB_BLOCK - in_block < n ? BLOB_BLOCK - in_block : n;
        if (in_block == 0)
            w->crc = blob_block_seed(w->seed, w->length / BLOB_BLOCK);
        w->crc = crc32c(w->crc, p, run);
        w->length += run;
        if (in_block + run == BLOB_BLOCK)
            table_push(w);
        p += run;
        n -= run;
    }
}

static void buf_take(struct blob_writer *w, const void *p, size_t n)
{
    if (w->buf_n + n > w->buf_cap) { /* more came than was announced */
        w->buf_cap = WRITE_MIN;
        w->buf = xrealloc(w->buf, w->buf_cap);
    }
    memcpy(w->buf + w->buf_n, p, n);
    w->buf_n += n;
}

/* So that the sync at the end finds little to do. Proves nothing: a failure shows in that sync. */
static void begin_writeback(struct blob_writer *w)
{
    if (w->written - w->writeback < WRITEBACK_BYTES)
        return;
    w->store->io->sync_file_range(w->fd, (off_t)w->writeback, (off_t)(w->written - w->writeback),
                                  SYNC_FILE_RANGE_WRITE);
    w->writeback = w->written;
}

/* The half that is full goes to be written; the other is free as soon as its write has ended. */
static int turn_area(struct blob_writer *w)
{
    struct blob_direct *d = &w->store->direct;
    int rc = blob_direct_wait(d, &w->write);

    if (rc != BLOB_OK)
        return rc;
    w->write.fd = w->fd;
    w->write.p = w->buf;
    w->write.n = w->buf_n;
    w->write.offset = w->written;
    blob_direct_begin(d, &w->write);
    w->written += w->buf_n;
    w->buf = w->buf == w->area ? w->area + BLOB_DIRECT_BYTES : w->area;
    w->buf_n = 0;
    return BLOB_OK;
}

static int append_direct(struct blob_writer *w, const unsigned char *p, size_t n)
{
    while (n > 0 && w->failed == BLOB_OK) {
        size_t room = w->buf_cap - w->buf_n, take = n < room ? n : room;
        memcpy(w->buf + w->buf_n, p, take);
        w->buf_n += take;
        p += take;
        n -= take;
        if (w->buf_n == w->buf_cap)
            w->failed = turn_area(w);
    }
    return w->failed;
}

int blob_file_append(struct blob_writer *w, const void *p, size_t n)
{
    if (w->failed != BLOB_OK || n == 0)
        return w->failed;
    if (n > BLOB_LENGTH_MAX - w->length)
        return w->failed = BLOB_FULL;
    take_crc(w, p, n);
    if (w->area != NULL)
        return append_direct(w, p, n);
    if (w->buf_n + n < WRITE_MIN) {
        buf_take(w, p, n);
        return BLOB_OK;
    }
    size_t rest = (w->buf_n + n) % WRITE_ALIGN; /* never more than n, since WRITE_MIN is aligned and was not reached */
    struct iovec iov[2] = {{w->buf, w->buf_n}, {(void *)p, n - rest}};
    w->failed = write_all(w, iov, 2);
    if (w->failed != BLOB_OK)
        return w->failed;
    w->buf_n = 0;
    if (rest > 0)
        buf_take(w, (const char *)p + (n - rest), rest);
    begin_writeback(w);
    return BLOB_OK;
}

/* --- finishing
 * -------------------------------------------------------------------------------------------------------- */

/* What is left has no whole blocks, so it goes through the page cache. */
static int end_direct(struct blob_writer *w)
{
    int rc = blob_direct_wait(&w->store->direct, &w->write);

    if (rc == BLOB_OK && w->store->io->set_direct(w->fd, false) < 0)
        rc = blob_rc_of_errno(errno);
    return rc;
}

/* What is pending, then table, trailer and footer: for a small blob this is the only write. */
static int write_end(struct blob_writer *w, struct bytes trailer)
{
    if (w->length % BLOB_BLOCK != 0)
        table_push(w);
    size_t table_bytes = BLOB_ENTRY_BYTES * w->table_n, n = table_bytes + trailer.n + BLOB_FOOTER_BYTES;
    unsigned char *end = xmalloc(n);
    blob_table_encode(w->table, w->table_n, end);
    if (trailer.n > 0)
        memcpy(end + table_bytes, trailer.p, trailer.n);
    struct blob_footer f = {.header_len = w->header_len,
                            .length = w->length,
                            .trailer_len = (uint32_t)trailer.n,
                            .trailer_crc = crc32c(w->seed, trailer.p, trailer.n),
                            .table_crc = crc32c(w->seed, end, table_bytes)};
    blob_footer_encode(&w->id, &f, end + table_bytes + trailer.n);
    struct iovec iov[2] = {{w->buf, w->buf_n}, {end, n}};
    int rc = write_all(w, iov, 2);
    free(end);
    return rc;
}

static int give_name(struct blob_writer *w, const char *name)
{
    const struct io *io = w->store->io;
    char from[BLOB_PATH_BYTES];
    int rc;

    if (w->named) {
        temp_name(w, from);
        rc = io->renameat(w->folder->fd, from, w->folder->fd, name);
    } else if (w->store->link_empty) {
        rc = io->linkat(w->fd, "", w->folder->fd, name, AT_EMPTY_PATH);
    } else {
        snprintf(from, sizeof(from), "/proc/self/fd/%d", w->fd);
        rc = io->linkat(AT_FDCWD, from, w->folder->fd, name, AT_SYMLINK_FOLLOW);
    }
    if (rc < 0)
        return blob_rc_of_errno(errno);
    w->named = false; /* no temporary name any more */
    return BLOB_OK;
}

/* From the complete file to the durable name. *ret_linked: the name was given, whatever happened then. */
static int publish(struct blob_writer *w, const char *name, bool *ret_linked)
{
    const struct io *io = w->store->io;

    if (io->fdatasync(w->fd) < 0)
        return blob_rc_of_errno(errno);
    int rc = give_name(w, name);
    if (rc != BLOB_OK)
        return rc;
    *ret_linked = true;
    int fd = w->fd;
    w->fd = -1;
    if (io->close(fd) < 0) /* some file systems report a failed write only here */
        return blob_rc_of_errno(errno);
    return blob_folder_sync(&w->store->folders, w->folder);
}

int blob_file_finish(struct blob_writer **writer, struct bytes trailer, struct blob_id *ret_id)
{
    struct blob_writer *w = *writer;
    struct blob_folders *folders = &w->store->folders;
    char name[BLOB_NAME_BYTES + 1];
    bool linked = false, stuck = false;
    int rc = w->failed;

    CHECK(trailer.n <= BLOB_DESC_MAX);
    *writer = NULL;
    blob_id_name(&w->id, name);
    if (rc == BLOB_OK && w->area != NULL)
        rc = end_direct(w);
    if (rc == BLOB_OK)
        rc = write_end(w, trailer);
    if (rc == BLOB_OK)
        rc = publish(w, name, &linked);
    if (rc != BLOB_OK && linked) {
        /* Nobody knows what of this reaches the disk, so the next start looks again. */
        w->store->io->unlinkat(w->folder->fd, name, 0);
        stuck = true;
    }
    if (rc != BLOB_OK)
        stuck = drop_temp(w) || stuck;
    else
        *ret_id = w->id;
    blob_folder_leave(folders, w->folder, rc == BLOB_OK ? &w->id : NULL, stuck);
    writer_free(w);
    return rc;
}

void blob_file_abandon(struct blob_writer **writer)
{
    struct blob_writer *w = *writer;

    if (w == NULL)
        return;
    *writer = NULL;
    bool stuck = drop_temp(w);
    blob_folder_leave(&w->store->folders, w->folder, NULL, stuck);
    writer_free(w);
}
