/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the audit log, see audit_file.h. Two descriptors of one file: `fd` appends, `direct` writes whole blocks
 * past the page cache. Both write under flock(2) of `fd` after a look at the file's size, so that nobody's lines are
 * overwritten who appends in the same way; a file that others have cut or grown is appended to until the next piece.
 *
 * Invariant: with `aligned`, the present buffer's first byte belongs to the file's offset bytes - done, a multiple of
 * AUDIT_FILE_BLOCK, and its first `done` bytes are what the file has there.
 *
 * Threads: one.
 */
#include "server/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"

#define PATH_BYTES 4400
#define DEVICES    "/dev/" /* names there are not ours to rotate */
/*
 * Of one write through the cache. File systems with large folios (ext4 since Linux 6.16, XFS) take one run of pages for
 * each write; runs beyond this come from memory that nobody has used lately, and cost five times as much a byte.
 */
#define WRITE_BYTES (64u << 10)

struct audit_file {
    const char *path;
    uint64_t max;
    unsigned keep;
    int fd, direct; /* direct -1: the file system cannot, or this is no plain file */
    uint64_t bytes; /* the file's size as it was left */
    size_t done, carry;
    bool aligned;
    bool plain; /* a regular file under a name of its own: no pipe, and not what /dev/stdout happens to be */
    bool waits; /* the last piece's end was carried and is not in the file yet */
    bool torn;  /* the file ends in half a line of which the rest is lost */
};

/* As a process that was killed leaves it, or a disk that was full. */
static bool ends_in_half_a_line(const char *path, uint64_t bytes)
{
    char last = '\n';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool half = fd >= 0 && pread(fd, &last, 1, (off_t)(bytes - 1)) == 1 && last != '\n';
    if (fd >= 0)
        close(fd);
    return half;
}

static bool open_both(struct audit_file *f)
{
    struct stat st;
    /* A pipe that nobody reads would wait for a reader; with one, its writer may wait, but not the start. */
    f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
    if (f->fd < 0)
        return false;
    fcntl(f->fd, F_SETFL, O_APPEND);
    bool known = fstat(f->fd, &st) == 0;
    f->bytes = known ? (uint64_t)st.st_size : 0;
    f->plain = known && S_ISREG(st.st_mode) && strncmp(f->path, DEVICES, sizeof DEVICES - 1) != 0;
    f->direct = f->plain ? open(f->path, O_WRONLY | O_DIRECT | O_CLOEXEC) : -1;
    f->waits = false;
    f->torn = f->plain && f->bytes && ends_in_half_a_line(f->path, f->bytes);
    return true;
}

static void close_both(struct audit_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->direct >= 0)
        close(f->direct);
    f->fd = f->direct = -1;
}

/*
 * The oldest goes. Nothing is synced: that may take longer than the lines' buffer lasts; the system writes them as soon
 * as those of the file that is being written.
 */
static void rotate(struct audit_file *f)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    close_both(f);
    for (unsigned i = f->keep; i >= 1; i--) {
        snprintf(to, sizeof to, "%s.%u", f->path, i);
        if (i == 1)
            snprintf(from, sizeof from, "%s", f->path);
        else
            snprintf(from, sizeof from, "%s.%u", f->path, i - 1);
        if (rename(from, to) != 0 && errno != ENOENT)
            log_error("audit", "%s: %s", to, strerror(errno));
    }
    if (!open_both(f))
        log_error("audit", "%s: %s", f->path, strerror(errno));
}

size_t audit_append(int fd, const char *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        ssize_t put = write(fd, p + at, n - at < WRITE_BYTES ? n - at : WRITE_BYTES);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            break;
        at += (size_t)put;
    }
    return at;
}

/* Whole blocks. How much of it was written, a multiple of the block. */
static size_t write_direct(struct audit_file *f, const char *p, size_t n, uint64_t offset)
{
    size_t at = 0;
    while (at < n) {
        ssize_t put = pwrite(f->direct, p + at, n - at, (off_t)(offset + at));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < AUDIT_FILE_BLOCK) {
            if (put < 0 && errno == EINVAL) { /* a file system that only says so now */
                close(f->direct);
                f->direct = -1;
            }
            break;
        }
        at += (size_t)put / AUDIT_FILE_BLOCK * AUDIT_FILE_BLOCK;
    }
    return at;
}

/* What others have done to the file. */
static void look(struct audit_file *f)
{
    struct stat st;
    if (fstat(f->fd, &st) == 0 && (uint64_t)st.st_size != f->bytes) {
        f->bytes = (uint64_t)st.st_size;
        f->aligned = false;
    }
}

struct audit_file *audit_file_open(const char *path, uint64_t max_bytes, unsigned keep, char error[512])
{
    struct audit_file *f = xcalloc(1, sizeof *f);
    *f = (struct audit_file){.path = path, .max = max_bytes, .keep = keep, .fd = -1, .direct = -1};
    if (open_both(f))
        return f;
    struct stat st;
    int why = errno; /* ENXIO is also a socket's, as /dev/stdout may be one */
    bool unread = why == ENXIO && stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
    snprintf(error, 512, "--audit-file %.300s: %s", path, unread ? "nobody reads this pipe" : strerror(why));
    free(f);
    return NULL;
}

void audit_file_close(struct audit_file **pf)
{
    struct audit_file *f = *pf;
    *pf = NULL;
    if (!f)
        return;
    if (f->fd >= 0)
        fsync(f->fd);
    close_both(f);
    free(f);
}

size_t audit_file_done(const struct audit_file *f)
{
    return f->done;
}

size_t audit_file_carry(struct audit_file *f, size_t n)
{
    size_t tail = (f->bytes + n - f->done) % AUDIT_FILE_BLOCK;
    f->carry = tail <= (f->aligned ? n : n - f->done) ? tail : 0;
    return f->carry;
}

/* The present buffer is done with: the next one's first bytes are the file's last ones, unless something went wrong. */
static void to_next(struct audit_file *f, size_t done, bool same)
{
    f->done = done;
    f->aligned = same && (f->bytes - f->done) % AUDIT_FILE_BLOCK == 0 && f->bytes >= f->done;
}

bool audit_file_write(struct audit_file *f, const char *p, size_t n, bool hurry, size_t *ret_lost)
{
    size_t at = f->done, whole = n / AUDIT_FILE_BLOCK * AUDIT_FILE_BLOCK;
    if (f->fd < 0 && !open_both(f)) { /* it could not be opened before: perhaps now */
        *ret_lost = at;
        to_next(f, f->carry, false);
        return false;
    }
    flock(f->fd, LOCK_EX);
    look(f);
    bool carried = f->carry <= (f->aligned ? n : n - f->done);
    int why = 0;
    if (f->aligned && f->direct >= 0 && !hurry && n >= AUDIT_FILE_DIRECT) {
        size_t put = write_direct(f, p, whole, f->bytes - f->done);
        if (put > at) {
            f->bytes += put - at;
            at = put;
        }
    }
    /* What is left of the last block waits, unless the file ends here. */
    bool waits = at == whole && n - at == f->carry && f->aligned && n >= AUDIT_FILE_DIRECT && f->bytes < f->max;
    if (!waits && at < n) {
        if (f->torn && audit_append(f->fd, "\n", 1) == 1) {
            f->torn = false;
            f->bytes++;
        }
        size_t put = audit_append(f->fd, p + at, n - at);
        f->bytes += put;
        at += put;
        why = at == n ? 0 : errno;
    }
    if (why)
        f->torn = at > f->done ? p[at - 1] != '\n' : f->torn || f->waits;
    f->waits = waits;
    flock(f->fd, LOCK_UN);
    *ret_lost = at;
    to_next(f, waits ? 0 : f->carry, why == 0 && carried);
    if (f->bytes >= f->max && f->plain) {
        rotate(f);
        to_next(f, f->carry, false);
    }
    errno = why;
    return why == 0;
}
