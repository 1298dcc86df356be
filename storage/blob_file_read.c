/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a blob. Nothing is handed out that did not match: header and footer are checked at open, and every block that
 * a read touches is read whole and compared with its crc from the table.
 *
 * The table is read in pieces of TABLE_PIECE entries, when they are needed; for a small blob it comes with the footer.
 * An entry needs no crc of its own: a damaged one does not match its block.
 *
 * A read of whole blocks goes straight into the caller's memory; part of a block goes through a scratch of the thread,
 * which remembers whose block it holds, so that reading a block in small steps reads and verifies it once.
 *
 * nowait asks the kernel for what is in its page cache only. A blocking call asks the same way first, which costs
 * nothing when the bytes are there; when they are not, it also asks the kernel to read ahead, so that the next nowait
 * succeeds.
 *
 * Threads: a reader belongs to one thread at a time.
 */
#include "storage/blob_file_in.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/check.h"
#include "checksum.h"

#define TABLE_PIECE 2048u              /* entries kept by a reader: 8 KiB, good for 128 MiB of data */
#define TAIL_BYTES  1024u              /* read at open: the footer, and often trailer and table with it */
#define READ_RUN    (1024u * 1024)     /* most bytes of one read into the caller's memory */
#define READ_AHEAD  (2 * 1024u * 1024) /* asked for beyond a blocking read that had to wait */

struct blob_reader {
    struct file_store *store;
    struct blob_id id;
    uint64_t serial; /* never the same twice; for the scratch */
    int fd;
    struct blob_header header;
    struct blob_footer footer;
    uint32_t seed;
    uint32_t *table; /* entries [table_first, +table_n) */
    uint64_t table_first;
    size_t table_n;
    uint64_t ended; /* offset behind the last data read */
    bool unchecked; /* whoever reads can tell by himself */
    bool waited;    /* the last fill found less in the page cache than it wanted */
};

/* --- the thread's scratch
 * --------------------------------------------------------------------------------------------- */

struct scratch {
    uint64_t serial, block; /* whose block `data` holds; serial 0: nothing */
    unsigned char data[BLOB_BLOCK];
};

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static __thread struct scratch *scratch;

static void scratch_free(void *arg)
{
    free(arg);
    scratch = NULL;
}

static void scratch_key_make(void)
{
    CHECK(pthread_key_create(&scratch_key, scratch_free) == 0);
}

static struct scratch *scratch_get(void)
{
    if (__builtin_expect(scratch == NULL, 0)) {
        pthread_once(&scratch_once, scratch_key_make);
        scratch = xmalloc(sizeof(*scratch));
        scratch->serial = 0;
        CHECK(pthread_setspecific(scratch_key, scratch) == 0);
    }
    return scratch;
}

/* --- bytes of the file
 * -------------------------------------------------------------------------------------------------- */

static __thread bool verifying; /* who asks whether a blob is damaged need not be told */

/* Beyond what fits, the scrubber will come by. */
static void note_suspect(struct file_store *st, const struct blob_id *id)
{
    bool known = false;

    pthread_mutex_lock(&st->suspects_lock);
    for (size_t i = 0; i < st->n_suspects && !known; i++)
        known = memcmp(&st->suspects[i], id, sizeof(*id)) == 0;
    if (!known && st->n_suspects < BLOB_SUSPECTS)
        st->suspects[st->n_suspects++] = *id;
    pthread_mutex_unlock(&st->suspects_lock);
}

size_t blob_file_suspects(struct blob_store *base, struct blob_id *ret, size_t max)
{
    struct file_store *st = (struct file_store *)base;
    size_t n = 0;

    pthread_mutex_lock(&st->suspects_lock);
    while (n < max && st->n_suspects > 0)
        ret[n++] = st->suspects[--st->n_suspects];
    pthread_mutex_unlock(&st->suspects_lock);
    return n;
}

static int corrupt(struct blob_reader *r)
{
    atomic_fetch_add(&r->store->corrupt, 1);
    if (!verifying)
        note_suspect(r->store, &r->id);
    return BLOB_CORRUPT;
}

/* What the page cache has of it, up to n bytes; less when it is not all there. */
static size_t fill_cached(struct blob_reader *r, uint64_t at, unsigned char *p, size_t n)
{
    struct iovec iov = {p, n};
    ssize_t done = r->store->io->preadv2(r->fd, &iov, 1, (off_t)at, RWF_NOWAIT);

    return done > 0 ? (size_t)done : 0; /* a failure shows again when it is tried with waiting */
}

/* Exactly n bytes at the file offset, or why not. */
static int fill(struct blob_reader *r, uint64_t at, void *into, size_t n, bool nowait)
{
    unsigned char *p = into;
    size_t have = fill_cached(r, at, p, n);

    if (have == n)
        return BLOB_OK;
    if (nowait)
        return BLOB_WOULD_BLOCK;
    while (have < n) {
        ssize_t done = r->store->io->pread(r->fd, p + have, n - have, (off_t)(at + have));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return blob_rc_of_errno(errno);
        if (done == 0) /* somebody made the file shorter */
            return corrupt(r);
        have += (size_t)done;
    }
    r->waited = true;
    return BLOB_OK;
}

/*
 * The same for data. Who reads on from where he ended, and had to wait, will want the bytes behind too; only an advice,
 * so it does not go through the io table.
 */
static int fill_data(struct blob_reader *r, uint64_t offset, void *into, size_t n, bool nowait)
{
    uint64_t at = r->header.header_len + offset;

    r->waited = false;
    int rc = fill(r, at, into, n, nowait);
    if (rc != BLOB_OK)
        return rc;
    if (r->waited && offset == r->ended)
        posix_fadvise(r->fd, (off_t)(at + n), READ_AHEAD, POSIX_FADV_WILLNEED);
    r->ended = offset + n;
    return BLOB_OK;
}

/* --- opening
 * ------------------------------------------------------------------------------------------------------------ */

static int open_file(struct file_store *st, const struct blob_id *id, int *ret_fd, uint64_t *ret_bytes)
{
    char path[BLOB_PATH_BYTES], name[BLOB_NAME_BYTES + 1];
    struct stat sb;

    blob_folder_path(blob_id_folder(id), path);
    blob_id_name(id, name);
    size_t n = strlen(path);
    path[n++] = '/';
    memcpy(path + n, name, sizeof(name));
    /* O_NONBLOCK: a fifo in the place of a blob must not hold us up. */
    int fd = st->io->open_beneath(st->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (fd < 0) {
        if (errno == ENOENT)
            return BLOB_NOT_FOUND;
        if (errno != ELOOP && errno != ENOTDIR && errno != ENXIO && errno != EXDEV)
            return blob_rc_of_errno(errno);
        atomic_fetch_add(&st->corrupt, 1); /* a link, a device or a socket instead */
        return BLOB_CORRUPT;
    }
    if (st->io->fstat(fd, &sb) < 0) {
        int rc = blob_rc_of_errno(errno);
        st->io->close(fd);
        return rc;
    }
    if (!S_ISREG(sb.st_mode)) {
        atomic_fetch_add(&st->corrupt, 1);
        st->io->close(fd);
        return BLOB_CORRUPT;
    }
    *ret_fd = fd;
    *ret_bytes = (uint64_t)sb.st_size;
    return BLOB_OK;
}

static int read_header(struct blob_reader *r)
{
    unsigned char in[BLOB_HEADER_FIXED];
    int rc = fill(r, 0, in, sizeof(in), false);

    if (rc != BLOB_OK)
        return rc;
    return blob_header_decode(in, &r->id, &r->header) == BLOB_OK ? BLOB_OK : corrupt(r);
}

/* The table, if all of it is in the tail that was read anyway; then its own crc is compared too. */
static int table_from_tail(struct blob_reader *r, const unsigned char *tail, size_t tail_n)
{
    uint64_t blocks = blob_block_count(r->footer.length);
    uint64_t bytes = BLOB_ENTRY_BYTES * blocks, from_end = bytes + r->footer.trailer_len + BLOB_FOOTER_BYTES;

    if (blocks == 0 || from_end > tail_n)
        return BLOB_OK;
    const unsigned char *in = tail + (tail_n - (size_t)from_end);
    if (crc32c(r->seed, in, (size_t)bytes) != r->footer.table_crc)
        return corrupt(r);
    r->table = xmalloc((size_t)blocks * sizeof(*r->table));
    r->table_n = (size_t)blocks;
    blob_table_decode(in, r->table_n, r->table);
    return BLOB_OK;
}

static int read_footer(struct blob_reader *r, uint64_t file_bytes)
{
    unsigned char tail[TAIL_BYTES];
    size_t n = file_bytes < sizeof(tail) ? (size_t)file_bytes : sizeof(tail);

    if (file_bytes < BLOB_HEADER_ALIGN + BLOB_FOOTER_BYTES)
        return corrupt(r);
    int rc = fill(r, file_bytes - n, tail, n, false);
    if (rc != BLOB_OK)
        return rc;
    if (blob_footer_decode(tail + n - BLOB_FOOTER_BYTES, &r->id, file_bytes, &r->footer) != BLOB_OK ||
        r->footer.header_len != r->header.header_len)
        return corrupt(r);
    return table_from_tail(r, tail, n);
}

static void reader_free(struct blob_reader *r)
{
    r->store->io->close(r->fd);
    atomic_fetch_sub(&r->store->users, 1);
    free(r->table);
    free(r);
}

static int reader_begin(struct file_store *st, const struct blob_id *id, struct blob_reader **ret, uint64_t *ret_bytes)
{
    static _Atomic uint64_t serials;
    int fd = -1, rc = open_file(st, id, &fd, ret_bytes);

    if (rc != BLOB_OK)
        return rc;
    struct blob_reader *r = xcalloc(1, sizeof(*r));
    atomic_fetch_add(&st->users, 1);
    r->store = st;
    r->id = *id;
    r->fd = fd;
    r->serial = atomic_fetch_add(&serials, 1) + 1;
    r->seed = blob_seed(id);
    rc = *ret_bytes >= BLOB_HEADER_FIXED ? read_header(r) : corrupt(r);
    if (rc != BLOB_OK) {
        reader_free(r);
        return rc;
    }
    *ret = r;
    return BLOB_OK;
}

int blob_file_open_reader(struct blob_store *base, const struct blob_id *id, struct blob_reader **ret_reader)
{
    struct blob_reader *r;
    uint64_t file_bytes = 0;
    int rc = reader_begin((struct file_store *)base, id, &r, &file_bytes);

    if (rc != BLOB_OK)
        return rc;
    rc = read_footer(r, file_bytes);
    if (rc != BLOB_OK) {
        reader_free(r);
        return rc;
    }
    *ret_reader = r;
    return BLOB_OK;
}

void blob_file_compare(struct blob_reader *r, bool compare)
{
    r->unchecked = !compare;
}

uint64_t blob_file_length(const struct blob_reader *r)
{
    return r->footer.length;
}

void blob_file_close_reader(struct blob_reader **reader)
{
    if (*reader == NULL)
        return;
    reader_free(*reader);
    *reader = NULL;
}

/* --- verifying
 * ---------------------------------------------------------------------------------------------------------- */

static int table_entry(struct blob_reader *r, uint64_t block, bool nowait, uint32_t *ret)
{
    if (block - r->table_first >= r->table_n) { /* also when below, since it wraps */
        uint64_t first = block - block % TABLE_PIECE, blocks = blob_block_count(r->footer.length);
        size_t n = blocks - first < TABLE_PIECE ? (size_t)(blocks - first) : TABLE_PIECE;
        unsigned char in[TABLE_PIECE * BLOB_ENTRY_BYTES];
        int rc = fill(r, r->header.header_len + r->footer.length + BLOB_ENTRY_BYTES * first, in, n * BLOB_ENTRY_BYTES,
                      nowait);
        if (rc != BLOB_OK)
            return rc;
        r->table = xrealloc(r->table, n * sizeof(*r->table));
        blob_table_decode(in, n, r->table);
        r->table_first = first;
        r->table_n = n;
    }
    *ret = r->table[block - r->table_first];
    return BLOB_OK;
}

/* `p` holds `n` bytes of data that begin with the block; n is a whole number of blocks, or goes to the end. */
static int verify(struct blob_reader *r, uint64_t block, const unsigned char *p, size_t n, bool nowait)
{
    if (r->store->trust_disk || r->unchecked)
        return BLOB_OK;
    while (n > 0) {
        size_t bytes = blob_block_bytes(r->footer.length, block);
        uint32_t expected;
        int rc = table_entry(r, block, nowait, &expected);
        if (rc != BLOB_OK)
            return rc;
        if (crc32c(blob_block_seed(r->seed, block), p, bytes) != expected)
            return corrupt(r);
        p += bytes;
        n -= bytes;
        block++;
    }
    return BLOB_OK;
}

static bool range_exists(const struct blob_reader *r, uint64_t offset, size_t n)
{
    return offset <= r->footer.length && n <= r->footer.length - offset;
}

/* The block, verified, in the thread's scratch. */
static int block_in_scratch(struct blob_reader *r, uint64_t block, bool nowait, const unsigned char **ret)
{
    struct scratch *s = scratch_get();
    size_t bytes = blob_block_bytes(r->footer.length, block);

    *ret = s->data;
    if (s->serial == r->serial && s->block == block)
        return BLOB_OK;
    s->serial = 0;
    int rc = fill_data(r, block * BLOB_BLOCK, s->data, bytes, nowait);
    if (rc == BLOB_OK)
        rc = verify(r, block, s->data, bytes, nowait);
    if (rc == BLOB_OK) {
        s->serial = r->serial;
        s->block = block;
    }
    return rc;
}

/* How many of n bytes at the beginning of a block are whole blocks that can be read at once; 0: none. */
static size_t whole_blocks(const struct blob_reader *r, uint64_t offset, size_t n, size_t max)
{
    if (n > max)
        return max;
    return offset + n == r->footer.length ? n : n - n % BLOB_BLOCK;
}

int blob_file_read(struct blob_reader *r, uint64_t offset, void *into, size_t n, bool nowait)
{
    unsigned char *p = into;
    int rc = range_exists(r, offset, n) ? BLOB_OK : corrupt(r);

    for (size_t done = 0, run = 0; rc == BLOB_OK && done < n; done += run, offset += run) {
        size_t skip = (size_t)(offset % BLOB_BLOCK), rest = n - done;
        run = skip == 0 ? whole_blocks(r, offset, rest, READ_RUN) : 0;
        if (run > 0) {
            rc = fill_data(r, offset, p + done, run, nowait);
            if (rc == BLOB_OK)
                rc = verify(r, offset / BLOB_BLOCK, p + done, run, nowait);
            continue;
        }
        const unsigned char *block;
        run = BLOB_BLOCK - skip < rest ? BLOB_BLOCK - skip : rest;
        rc = block_in_scratch(r, offset / BLOB_BLOCK, nowait, &block);
        if (rc == BLOB_OK)
            memcpy(p + done, block + skip, run);
    }
    if (rc != BLOB_OK && n > 0)
        memset(into, 0, n); /* so that nobody sends what was not verified by mistake */
    return rc;
}

/* --- what the creator wrote
 * --------------------------------------------------------------------------------------------- */

static int read_checked(struct blob_reader *r, uint64_t at, uint32_t n, uint32_t crc, struct arena *arena,
                        struct bytes *ret)
{
    char *p = arena_alloc(arena, n > 0 ? n : 1);
    int rc = n > 0 ? fill(r, at, p, n, false) : BLOB_OK;

    if (rc != BLOB_OK)
        return rc;
    if (crc32c(r->seed, p, n) != crc)
        return corrupt(r);
    *ret = bytes_of(p, n);
    return BLOB_OK;
}

static int read_desc(struct blob_reader *r, struct arena *arena, struct bytes *ret)
{
    return read_checked(r, BLOB_HEADER_FIXED, r->header.desc_len, r->header.desc_crc, arena, ret);
}

int blob_file_describe(struct blob_reader *r, struct arena *arena, struct bytes *ret_desc, struct bytes *ret_trailer)
{
    uint64_t at = blob_file_bytes(&r->footer) - BLOB_FOOTER_BYTES - r->footer.trailer_len;
    struct bytes desc, trailer;
    int rc = read_desc(r, arena, &desc);

    if (rc == BLOB_OK)
        rc = read_checked(r, at, r->footer.trailer_len, r->footer.trailer_crc, arena, &trailer);
    if (rc != BLOB_OK)
        return rc;
    *ret_desc = desc;
    *ret_trailer = trailer;
    return BLOB_OK;
}

int blob_file_peek_desc(struct file_store *st, const struct blob_id *id, struct arena *arena, struct bytes *ret_desc)
{
    struct blob_reader *r;
    uint64_t file_bytes = 0;
    int rc = reader_begin(st, id, &r, &file_bytes);

    if (rc != BLOB_OK)
        return rc;
    rc = read_desc(r, arena, ret_desc);
    reader_free(r);
    return rc;
}

/* --- verifying all of it
 * ------------------------------------------------------------------------------------------------ */

#define VERIFY_RUN   (1024u * 1024) /* bytes of one read; whole blocks */
#define VERIFY_ALIGN 4096u

struct verifying {
    struct blob_reader *r;
    const struct blob_pace *pace;
    struct blob_findings *found;
    unsigned char *buffer;
    int direct; /* descriptor past the page cache, or -1 */
};

/* A second descriptor, so that the reader's own tables are read as ever. */
static int open_direct(struct blob_reader *r)
{
    uint64_t bytes;
    int fd = -1;

    if (open_file(r->store, &r->id, &fd, &bytes) != BLOB_OK)
        return -1;
    if (r->store->io->set_direct(fd, true) == 0)
        return fd;
    r->store->io->close(fd);
    return -1;
}

/* n bytes of data into the buffer, from the disk where that goes. */
static int verify_fill(struct verifying *v, uint64_t offset, size_t n)
{
    uint64_t at = v->r->header.header_len + offset;
    size_t wanted = (n + VERIFY_ALIGN - 1) / VERIFY_ALIGN * VERIFY_ALIGN, have = 0;

    while (v->direct >= 0 && have < n) {
        ssize_t done = v->r->store->io->pread(v->direct, v->buffer + have, wanted - have, (off_t)(at + have));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EINVAL)
            break; /* not on this file system after all */
        if (done < 0)
            return blob_rc_of_errno(errno);
        have += (size_t)done;
        if (done == 0 || done % VERIFY_ALIGN != 0)
            break;
    }
    if (have >= n)
        return BLOB_OK;
    return fill(v->r, at, v->buffer, n, false);
}

static int verify_run(struct verifying *v, uint64_t offset, size_t n)
{
    int rc = verify_fill(v, offset, n);

    for (size_t done = 0; rc == BLOB_OK && done < n;) {
        uint64_t block = (offset + done) / BLOB_BLOCK;
        size_t bytes = blob_block_bytes(v->r->footer.length, block);
        uint32_t expected;
        rc = table_entry(v->r, block, false, &expected);
        if (rc == BLOB_OK && crc32c(blob_block_seed(v->r->seed, block), v->buffer + done, bytes) != expected) {
            if (v->found->bad_bytes == 0)
                v->found->first_bad = offset + done;
            v->found->bad_bytes += bytes;
        }
        done += bytes;
    }
    return rc;
}

int blob_file_verify(struct blob_store *base, const struct blob_id *id, const struct blob_pace *pace,
                     struct blob_findings *ret)
{
    struct blob_reader *r = NULL;
    struct bytes desc, trailer;
    struct arena *a = arena_create(0);

    *ret = (struct blob_findings){0};
    verifying = true;
    int rc = blob_file_open_reader(base, id, &r);
    if (rc == BLOB_OK) {
        ret->length = r->footer.length;
        rc = blob_file_describe(r, a, &desc, &trailer);
    }
    arena_free(a);
    if (rc == BLOB_OK) {
        struct verifying v = {r, pace, ret, aligned_alloc(VERIFY_ALIGN, VERIFY_RUN), open_direct(r)};
        CHECK(v.buffer != NULL);
        for (uint64_t at = 0, n = 0; rc == BLOB_OK && at < ret->length && !ret->stopped; at += n) {
            n = ret->length - at < VERIFY_RUN ? ret->length - at : VERIFY_RUN;
            rc = verify_run(&v, at, (size_t)n);
            ret->stopped = pace != NULL && !pace->go_on(pace->arg, (size_t)n);
        }
        if (v.direct >= 0)
            r->store->io->close(v.direct);
        free(v.buffer);
        if (rc == BLOB_OK && ret->bad_bytes > 0)
            rc = corrupt(r);
    }
    blob_file_close_reader(&r);
    verifying = false;
    return rc;
}
