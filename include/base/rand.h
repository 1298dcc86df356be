/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes from the kernel (getrandom); aborts when there are none: no weak ids. Threads: any. */
#ifndef PAIL_BASE_RAND_H
#define PAIL_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

void rand_bytes(void *out, size_t n);
uint64_t rand_u64(void);

#endif
