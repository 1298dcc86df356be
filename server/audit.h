/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: one JSON line for every request, denied ones too: who, what, from where, what was decided and by whose
 * word, the result, bytes and times. Never secrets: no headers, and of query parameters only those that sign nothing.
 * The lines have MinIO's names, so that what reads its audit log reads this one.
 *
 * They go to a file (--audit-file, rotated by size) and to a webhook (--audit-webhook), before which they wait in files
 * of the data folder: so a receiver that is away, or a restart, loses none, up to --audit-queue-mib. Lines come at
 * least once, and in order but for those of a busy moment on different loops.
 *
 * Whoever ends a request puts its line into a buffer and never waits. When the disk does not keep up and the buffer
 * is full, lines are dropped and counted, and the log says so. A crash loses what was not written yet: twice
 * AUDIT_FLUSH_MS. A power cut loses what the system had not written: the file is synced at an orderly end only.
 *
 * Threads: audit_request on any loop; two threads of its own write and send.
 */
#ifndef PAIL_SERVER_AUDIT_H
#define PAIL_SERVER_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct audit;
struct config;
struct req;

#define AUDIT_FLUSH_MS   100
#define AUDIT_WAKE_BYTES (4u << 20)  /* of them are written at once; a write costs as much as hundreds of lines */
#define AUDIT_BUFFER     (32u << 20) /* bytes of lines that wait for the disk; twice, and in use only while it is slow */
#define AUDIT_LINE_MAX   (24u << 10) /* bytes; longer names are cut */
#define AUDIT_BATCH_MAX  (1u << 20)  /* bytes of one request to the webhook */

/* *ret stays NULL where the settings name neither file nor webhook. False: one clear line in ret_error. */
bool audit_open(const struct config *, const char *data_dir, struct audit **ret, char ret_error[512]);
void audit_request(struct audit *, const struct req *); /* once, when it has ended; audit may be NULL */
void audit_close(struct audit **); /* writes what is there; what is not sent yet stays for the next start */

struct audit_stats {
    uint64_t lines, dropped, sent, failed; /* failed: requests to the webhook that were not taken */
    uint64_t queued_bytes;                 /* that wait for the webhook */
};
void audit_stats_get(const struct audit *, struct audit_stats *ret); /* zeros for NULL */

#endif
