/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to md5_lanes.c: what all ways of MD5 share; and blocks of up to MD5_WIDE_LANES streams at a time, one in
 * each element of the processor's vectors. Takes hardly longer than one stream alone, however many lanes are in use.
 * Threads: any; pure.
 */
#ifndef PAIL_STORAGE_MD5_WIDE_H
#define PAIL_STORAGE_MD5_WIDE_H

#include <stddef.h>
#include <stdint.h>

#define MD5_WIDE_LANES 8u

static const uint32_t md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

/* Sixteen steps: step i takes word (mul * i + add) % 16 and turns by one of r0 to r3. */
#define MD5_FOUR(STEP, i, mul, add, r0, r1, r2, r3)                                                                    \
    STEP(a, b, c, d, ((mul) * (i) + (add)) % 16, i, r0);                                                               \
    STEP(d, a, b, c, ((mul) * ((i) + 1) + (add)) % 16, (i) + 1, r1);                                                   \
    STEP(c, d, a, b, ((mul) * ((i) + 2) + (add)) % 16, (i) + 2, r2);                                                   \
    STEP(b, c, d, a, ((mul) * ((i) + 3) + (add)) % 16, (i) + 3, r3)

#define MD5_ROUND(STEP, i, mul, add, r0, r1, r2, r3)                                                                   \
    MD5_FOUR(STEP, i, mul, add, r0, r1, r2, r3);                                                                       \
    MD5_FOUR(STEP, (i) + 4, mul, add, r0, r1, r2, r3);                                                                 \
    MD5_FOUR(STEP, (i) + 8, mul, add, r0, r1, r2, r3);                                                                 \
    MD5_FOUR(STEP, (i) + 12, mul, add, r0, r1, r2, r3)

#define MD5_ROUNDS(KIND)                                                                                               \
    do {                                                                                                               \
        MD5_ROUND(KIND##_F, 0, 1, 0, 7, 12, 17, 22);                                                                   \
        MD5_ROUND(KIND##_G, 16, 5, 1, 5, 9, 14, 20);                                                                   \
        MD5_ROUND(KIND##_H, 32, 3, 5, 4, 11, 16, 23);                                                                  \
        MD5_ROUND(KIND##_I, 48, 7, 0, 6, 10, 15, 21);                                                                  \
    } while (0)

/* The same number of blocks of each lane; lanes that are not needed may name another's bytes, and a state to spoil. */
typedef void md5_wide_f(uint32_t *const state[MD5_WIDE_LANES], const unsigned char *const p[MD5_WIDE_LANES],
                        size_t blocks);

md5_wide_f *md5_wide(void); /* NULL: this processor has none */

#endif
