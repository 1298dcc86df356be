/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes of the kernel, drawn in blocks per thread to save system calls. Threads: any. */
#include "base/rand.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"

#define RAND_POOL 256 /* bytes; the largest draw that getrandom never cuts short */

static void kernel_bytes(void *out, size_t n)
{
    char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n < RAND_POOL ? n : RAND_POOL, 0);
        if (got < 0 && errno == EINTR)
            continue;
        CHECK(got > 0); /* no weak ids: without a random source the process must not go on */
        p += got;
        n -= (size_t)got;
    }
}

void rand_bytes(void *out, size_t n)
{
    static _Thread_local unsigned char pool[RAND_POOL];
    static _Thread_local size_t left;
    if (n > RAND_POOL / 4) {
        kernel_bytes(out, n);
        return;
    }
    if (left < n) {
        kernel_bytes(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= n;
    memcpy(out, pool + left, n);
    memset(pool + left, 0, n); /* given once, kept nowhere */
}

uint64_t rand_u64(void)
{
    uint64_t v;
    rand_bytes(&v, sizeof v);
    return v;
}
