/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the audit log: pieces of whole lines are appended to it, and it is rotated by size: FILE becomes FILE.1,
 * that FILE.2 and so on.
 *
 * Large pieces go to the disk past the page cache (O_DIRECT), where the file system can do that: of all that a line
 * costs, copying it into new pages and writing those back was the most. Such writes begin and end at multiples of
 * AUDIT_FILE_BLOCK, so what lies behind the last whole block is carried: the next piece begins with it. Small pieces,
 * and those of a disk that falls behind, are appended through the cache.
 *
 * The protocol, of one thread: carry = audit_file_carry(f, n) of the buffer that is about to be written; then
 * audit_file_write(f, p, n); then the next buffer begins with the last `carry` bytes of this one.
 *
 * Other programs may rename the file or cut it short; and write to it, when they append under flock(2) as this does.
 * Half a line that a killed process or a full disk has left stays, and the next line begins behind a newline. Pipes and
 * what lies below /dev are only appended to.
 */
#ifndef PAIL_SERVER_AUDIT_FILE_H
#define PAIL_SERVER_AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_FILE_BLOCK  4096         /* bytes; buffers are aligned to it */
#define AUDIT_FILE_DIRECT (128u << 10) /* bytes of the smallest piece that goes past the page cache */

struct audit_file;

/* NULL: a line in error. `path` has to outlive it. */
struct audit_file *audit_file_open(const char *path, uint64_t max_bytes, unsigned keep, char error[512]);
void audit_file_close(struct audit_file **); /* syncs; may be NULL */

/* How many bytes at the start of the present buffer are in the file already; less than AUDIT_FILE_BLOCK. */
size_t audit_file_done(const struct audit_file *);
/* How many of the last bytes of a buffer of n the next one begins with; less than AUDIT_FILE_BLOCK, at most n. */
size_t audit_file_carry(struct audit_file *, size_t n);
/*
 * Writes p[audit_file_done()..n), but for what is carried: that may wait for the next piece. `hurry`: it must not wait
 * for the disk. False: lines were lost, errno tells why, and *ret_lost where they begin; the log goes on behind them.
 */
bool audit_file_write(struct audit_file *, const char *p, size_t n, bool hurry, size_t *ret_lost);

/* Behind what `fd` has. How much of it was written; less than n: errno tells why. */
size_t audit_append(int fd, const char *p, size_t n);

#endif
