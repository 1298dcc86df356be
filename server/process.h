/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells of this process and this machine, from /proc. What cannot be read is 0.
 * Threads: any; each call reads a few small files that are in memory.
 */
#ifndef PAIL_SERVER_PROCESS_H
#define PAIL_SERVER_PROCESS_H

#include <stdint.h>

struct process_stats {
    double cpu_seconds;
    uint64_t resident_bytes, virtual_bytes, open_files, max_files;
    uint64_t read_chars, write_chars, read_calls, write_calls, read_bytes, write_bytes;
};
void process_stats(struct process_stats *ret);

struct memory_stats { /* bytes */
    uint64_t total, unused, available, buffers, cached, shared;
};
void memory_stats(struct memory_stats *ret);
void load_averages(double ret[3]); /* over 1, 5 and 15 minutes */

struct inode_stats {
    uint64_t total, available;
};
struct inode_stats process_inodes(const char *path);

#endif
