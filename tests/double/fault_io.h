/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An io table over the real one, for tests: any call can be made to fail, transfers can be made short, the page cache
 * can be made to look cold, and what was not synced can be forgotten, as a power cut would. There is one, for the whole
 * process; calls are counted and may come from any thread, settings from one.
 */
#ifndef PAIL_TESTS_FAULT_IO_H
#define PAIL_TESTS_FAULT_IO_H

#include "io.h"
#include <stdbool.h>

enum fault_call {
    FAULT_OPEN,
    FAULT_CLOSE,
    FAULT_WRITE,
    FAULT_READ,
    FAULT_FSYNC,
    FAULT_FDATASYNC,
    FAULT_LINK,
    FAULT_UNLINK,
    FAULT_MKDIR,
    FAULT_STAT,
    FAULT_RENAME,
    FAULT_WRITEBACK,
    FAULT_STATVFS,
    FAULT_DIRECT,
    FAULT_ANY /* all of them, counted together */
};

extern const struct io fault_io;

void fault_reset(void); /* no faults, no watching, counters at 0 */

/* The nth call of the kind from now on (0: the next) fails with err and does nothing, but close, which closes. */
void fault_arm(enum fault_call call, int nth, int err);
void fault_arm_from(enum fault_call call, int nth, int err); /* and so do all after it: a full disk, a dead one */
bool fault_disarm(void);                                     /* whether it came to that */
size_t fault_count(enum fault_call call);                    /* since fault_reset */

void fault_short(size_t most);    /* reads and writes transfer at most this; 0: as asked */
void fault_cold(bool cold);       /* reads with RWF_NOWAIT answer EAGAIN */
void fault_no_unnamed(bool none); /* O_TMPFILE answers EOPNOTSUPP */
void fault_no_proc(bool none);    /* linkat from /proc answers ENOENT */
void fault_no_direct(bool none);  /* set_direct answers EINVAL, when it is to be turned on */

/*
 * Writing past the page cache is only pretended, so that it works on every file system: writes that are not aligned to
 * 4 KiB answer EINVAL.
 */

/*
 * What happened, as words separated by blanks: "open write fdatasync link close fsync". Reads and stats are left out,
 * as are folders that are opened and closed. Ends with "..." when it was too long.
 */
void fault_trace_begin(void);
const char *fault_trace(void);

/*
 * From now on, remember what is not on disk yet. `graveyard` is an empty folder on the same file system, outside of
 * what is watched, which keeps removed files alive.
 */
void fault_power_watch(const char *graveyard);
/*
 * Takes back what was not synced: names given or removed without a sync of their folder, bytes written without a sync
 * of their file. Seed 0: all of it; otherwise, as chance has it, the later part of what happened in each folder, and
 * any pages of each file. Ends the watch. Descriptors must be closed by then.
 */
void fault_power_cut(unsigned seed);

#endif
