/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zip archives in memory, by libzip: those that administrators send, which are hostile until proven otherwise, and
 * those that they get.
 *
 * Of what was sent, members are read one by one, each up to a limit that does not believe what the archive says of
 * itself; all of them together have one, too. Only stored and deflated members are read, none that are encrypted, and
 * an archive that has two of one name is refused. Names are never paths here: nothing is written to any file system.
 *
 * Ownership: all lies in the arena; what was unpacked is wiped with it. Threads: one at a time.
 */
#ifndef PAIL_SERVER_ADMIN_API_ARCHIVE_H
#define PAIL_SERVER_ADMIN_API_ARCHIVE_H

#include "base/arena.h"
#include "base/bytes.h"

#define ARCHIVE_BODY_MAX     (8u << 20)  /* bytes of an archive that is sent */
#define ARCHIVE_MEMBERS_MAX  20000       /* and of that many members */
#define ARCHIVE_NAME_MAX     512         /* bytes of a member's name */
#define ARCHIVE_MEMBER_MAX   (16u << 20) /* bytes of a member, unpacked */
#define ARCHIVE_UNPACKED_MAX (48u << 20) /* bytes of all that are read */

struct archive;

/* NULL: it is none, or too large; *ret_why says it in one line. Borrows `body`. */
struct archive *archive_open(struct bytes body, struct arena *, const char **ret_why);
size_t archive_count(const struct archive *);
struct bytes archive_name(const struct archive *, size_t i);
/* -1: it is not there. */
ptrdiff_t archive_find(const struct archive *, const char *name);
/* False: damaged, too large, or of a kind that is not read. */
bool archive_read(struct archive *, size_t i, struct bytes *ret, const char **ret_why);

struct archive_writer;
struct archive_writer *archive_begin(struct arena *);
/* `data` must stay until archive_end. */
void archive_add(struct archive_writer *, const char *name, struct bytes data);
/* Appends the archive. False: no memory, or `out` has no room. */
bool archive_end(struct archive_writer *, struct buf *out);

#endif
