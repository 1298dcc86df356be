/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MD5 (RFC 1321) of eight streams in the elements of AVX2's vectors. Idea: sixteen words of each of eight blocks are
 * turned, so that word w of all lies in one vector; then each step is that of one stream. The steps wait for each other
 * as they do with one stream, so eight take about the time of one.
 * Threads: any; pure.
 */
#include "storage/md5_wide.h"
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

typedef uint32_t vec __attribute__((vector_size(32)));

/* Eight words of eight blocks, turned. The halves of a vector are 128 bits each, and only the last step crosses them.
 */
TARGET static inline void turn_eight(const unsigned char *const p[MD5_WIDE_LANES], size_t at, vec ret[8])
{
    __m256i r[8], s[8];
    for (int i = 0; i < 8; i++)
        r[i] = _mm256_loadu_si256((const __m256i *)(const void *)(p[i] + at));
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_unpacklo_epi64(s[i], s[i + 2]);
        r[i + 1] = _mm256_unpackhi_epi64(s[i], s[i + 2]);
        r[i + 2] = _mm256_unpacklo_epi64(s[i + 1], s[i + 3]);
        r[i + 3] = _mm256_unpackhi_epi64(s[i + 1], s[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        ret[i] = (vec)_mm256_permute2x128_si256(r[i], r[i + 4], 0x20);
        ret[i + 4] = (vec)_mm256_permute2x128_si256(r[i], r[i + 4], 0x31);
    }
}

#define STEP(a, b, bits, w, i, turn)                                                                                   \
    a += m[w] + md5_sines[i];                                                                                          \
    a += (bits);                                                                                                       \
    a = (a << (turn) | a >> (32 - (turn))) + b
/* As in md5_lanes.c: what does not depend on b, the result of the step before, comes first. */
#define STEP_F(a, b, c, d, w, i, turn) STEP(a, b, (d) ^ ((b) & ((c) ^ (d))), w, i, turn)
#define STEP_G(a, b, c, d, w, i, turn)                                                                                 \
    a += ~(d) & (c);                                                                                                   \
    STEP(a, b, (d) & (b), w, i, turn)
#define STEP_H(a, b, c, d, w, i, turn) STEP(a, b, (b) ^ ((c) ^ (d)), w, i, turn)
#define STEP_I(a, b, c, d, w, i, turn) STEP(a, b, (c) ^ ((b) | ~(d)), w, i, turn)

TARGET static void run_avx2(uint32_t *const state[MD5_WIDE_LANES], const unsigned char *const p[MD5_WIDE_LANES],
                            size_t blocks)
{
    vec v[4], m[16];

    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < MD5_WIDE_LANES; i++)
            v[k][i] = state[i][k];
    vec a = v[0], b = v[1], c = v[2], d = v[3];
    for (size_t at = 0; blocks > 0; blocks--, at += 64) {
        vec a0 = a, b0 = b, c0 = c, d0 = d;
        turn_eight(p, at, m);
        turn_eight(p, at + 32, m + 8);
        MD5_ROUNDS(STEP);
        a += a0;
        b += b0;
        c += c0;
        d += d0;
    }
    for (size_t i = 0; i < MD5_WIDE_LANES; i++) {
        state[i][0] = a[i];
        state[i][1] = b[i];
        state[i][2] = c[i];
        state[i][3] = d[i];
    }
}

md5_wide_f *md5_wide(void)
{
    return __builtin_cpu_supports("avx2") ? run_avx2 : NULL;
}

#else

md5_wide_f *md5_wide(void)
{
    return NULL;
}

#endif
