/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to storage/checksum.c: what crc.c offers beside the functions of checksum.h. All values are CRCs as usually
 * written (init and final inversion inside). Threads: any, no state after start.
 */
#ifndef PAIL_STORAGE_CRC_H
#define PAIL_STORAGE_CRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t crc32_iso_combine(uint32_t a, uint32_t b, uint64_t b_len);
uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t b_len);
uint64_t crc64nvme_combine(uint64_t a, uint64_t b, uint64_t b_len);

/* Runs every variant that this machine can run against a bit-by-bit reference; false when any differs. */
bool crc_self_test(void);

#endif
