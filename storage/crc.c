/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three CRCs. CRC32 and CRC32C come from ISA-L; CRC64NVME, which ISA-L has only in newer releases than we can count
 * on, is folded here with carry-less multiplication, and falls back to tables where the processor has none.
 * https://nvmexpress.org/specifications (NVM Command Set, 64b CRC); the folding follows Intel's paper "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction".
 *
 * All three are reflected with all ones as init and final xor, so for a CRC of width w, bit i of a register stands for
 * x^(w-1-i), and the CRC of A followed by B is crc(A) * x^(8 * len(B)) + crc(B): the inversions cancel out. That is all
 * that combining needs.
 *
 * Folding: 16 bytes of message are an accumulator V whose low half (the earlier bytes) is worth x^64 more than the high
 * half. To move V by D bits towards the end: V * x^D = lo * x^(D+64) + hi * x^D, both reduced mod P. A carry-less
 * product of two reflected values comes out one bit short, so the constants are x^(D+63) and x^(D-1).
 *
 * Threads: any. Tables and the choice of code are made by a constructor before main and only read afterwards.
 */
#include "checksum.h"
#include "storage/crc.h"
#include <endian.h>
#include <isa-l/crc.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define CRC32_POLY     UINT64_C(0xedb88320) /* reflected, as all of them here */
#define CRC32C_POLY    UINT64_C(0x82f63b78)
#define CRC64NVME_POLY UINT64_C(0x9a6c9329ac4bc9b5)

typedef uint64_t crc64_run_f(uint64_t state, const unsigned char *p, size_t n); /* state: without the inversions */

static uint64_t crc64_table[8][256];
static uint64_t x_pow32[64], x_pow32c[64], x_pow64[64]; /* [k] = x^(8 * 2^k) mod P */
static crc64_run_f *crc64_run;

/* Multiplication mod P of two reflected polynomials of degree < w. */
static uint64_t gf2_mul(uint64_t a, uint64_t b, unsigned w, uint64_t poly)
{
    uint64_t product = 0;

    for (uint64_t m = UINT64_C(1) << (w - 1); m != 0; m >>= 1) {
        if (a & m)
            product ^= b;
        b = (b & 1) != 0 ? (b >> 1) ^ poly : b >> 1;
    }
    return product;
}

static void fill_x_pow(uint64_t pow[64], unsigned w, uint64_t poly)
{
    pow[0] = UINT64_C(1) << (w - 1 - 8); /* x^8 */
    for (int k = 1; k < 64; k++)
        pow[k] = gf2_mul(pow[k - 1], pow[k - 1], w, poly);
}

static uint64_t combine(uint64_t a, uint64_t b, uint64_t b_len, const uint64_t pow[64], unsigned w, uint64_t poly)
{
    for (int k = 0; b_len != 0; k++, b_len >>= 1)
        if (b_len & 1)
            a = gf2_mul(pow[k], a, w, poly);
    return a ^ b;
}

uint32_t crc32_iso_combine(uint32_t a, uint32_t b, uint64_t b_len)
{
    return (uint32_t)combine(a, b, b_len, x_pow32, 32, CRC32_POLY);
}

uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t b_len)
{
    return (uint32_t)combine(a, b, b_len, x_pow32c, 32, CRC32C_POLY);
}

uint64_t crc64nvme_combine(uint64_t a, uint64_t b, uint64_t b_len)
{
    return combine(a, b, b_len, x_pow64, 64, CRC64NVME_POLY);
}

uint32_t crc32_iso(uint32_t crc, const void *p, size_t n)
{
    return n > 0 ? crc32_gzip_refl(crc, p, n) : crc;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    const unsigned char *at = p;

    crc = ~crc;
    while (n > 0) {
        size_t run = n < (1u << 30) ? n : 1u << 30; /* ISA-L takes an int */
        crc = crc32_iscsi((unsigned char *)at, (int)run, crc);
        at += run;
        n -= run;
    }
    return ~crc;
}

/* --- CRC64NVME ------------------------------------------------------------------------------------------------- */

static uint64_t load64(const unsigned char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static uint64_t crc64_run_table(uint64_t state, const unsigned char *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        state ^= load64(p);
        state = crc64_table[7][state & 0xff] ^ crc64_table[6][(state >> 8) & 0xff] ^
                crc64_table[5][(state >> 16) & 0xff] ^ crc64_table[4][(state >> 24) & 0xff] ^
                crc64_table[3][(state >> 32) & 0xff] ^ crc64_table[2][(state >> 40) & 0xff] ^
                crc64_table[1][(state >> 48) & 0xff] ^ crc64_table[0][state >> 56];
    }
    for (; n > 0; p++, n--)
        state = crc64_table[0][(state ^ *p) & 0xff] ^ (state >> 8);
    return state;
}

#if defined(__x86_64__)
/* _mm_set_epi64x takes the high half first: the constant for the high half is x^(D-1), for the low one x^(D+63). */
#define FOLD_128  0x21e9761e252621ac, 0xeadc41fd2ba3d420
#define FOLD_256  0xe1e0bb9d45d7a44c, 0xb0bc2e589204f500
#define FOLD_384  0xa3ffdc1fe8e82a8b, 0xbdd7ac0ee1a4a0f0
#define FOLD_512  0x62242240ace5045a, 0x0c32cdb31e18a84a
#define FOLD_640  0x03363823e6e791e5, 0x7b0ab10dd0f809fe
#define FOLD_768  0x34f5a24e22d66e90, 0x3c255f5ebc414423
#define FOLD_896  0x946588403d4adcbc, 0xd083dd594d96319d
#define FOLD_1024 0x5f852fb61e8d92dc, 0xa1ca681e733f9c40
#define FOLD_1536 0x6d2d13de8038b4ca, 0x758ee09da263e275
#define FOLD_2048 0xa043808c0f782663, 0x37ccd3e14069cabc

#define TARGET_CLMUL  __attribute__((target("sse4.1,pclmul")))
#define TARGET_VCLMUL __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.1")))

#define CONST128_2(hi, lo) _mm_set_epi64x((long long)(hi), (long long)(lo))
#define CONST128(...)      CONST128_2(__VA_ARGS__)
#define CONST512(...)      _mm512_broadcast_i32x4(CONST128(__VA_ARGS__))

TARGET_CLMUL static inline __m128i load128(const unsigned char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

TARGET_CLMUL static inline __m128i fold128(__m128i v, __m128i k, __m128i next)
{
    return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(v, k, 0x00), _mm_clmulepi64_si128(v, k, 0x11)), next);
}

/* Takes in the rest in steps of 16 bytes, then lets the tables reduce the last accumulator and the odd end. */
TARGET_CLMUL static inline uint64_t finish128(__m128i v, const unsigned char *p, size_t n)
{
    const __m128i k = CONST128(FOLD_128);
    unsigned char last[16];

    for (; n >= 16; p += 16, n -= 16)
        v = fold128(v, k, load128(p));
    _mm_storeu_si128((__m128i *)(void *)last, v);
    return crc64_run_table(crc64_run_table(0, last, sizeof(last)), p, n);
}

/* Eight accumulators hide the latency of the multiplication. */
TARGET_CLMUL static uint64_t crc64_run_clmul(uint64_t state, const unsigned char *p, size_t n)
{
    if (n < 128)
        return crc64_run_table(state, p, n);
    const __m128i k = CONST128(FOLD_1024);
    __m128i v[8];
    for (int i = 0; i < 8; i++)
        v[i] = load128(p + 16 * i);
    v[0] = _mm_xor_si128(v[0], _mm_cvtsi64_si128((long long)state));
    for (p += 128, n -= 128; n >= 128; p += 128, n -= 128) {
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 8
#endif
        for (int i = 0; i < 8; i++)
            v[i] = fold128(v[i], k, load128(p + 16 * i));
    }
    __m128i sum = fold128(v[0], CONST128(FOLD_896), v[7]);
    sum = fold128(v[1], CONST128(FOLD_768), sum);
    sum = fold128(v[2], CONST128(FOLD_640), sum);
    sum = fold128(v[3], CONST128(FOLD_512), sum);
    sum = fold128(v[4], CONST128(FOLD_384), sum);
    sum = fold128(v[5], CONST128(FOLD_256), sum);
    sum = fold128(v[6], CONST128(FOLD_128), sum);
    return finish128(sum, p, n);
}

TARGET_VCLMUL static inline __m512i load512(const unsigned char *p)
{
    return _mm512_loadu_si512((const void *)p);
}

TARGET_VCLMUL static inline __m512i fold512(__m512i v, __m512i k, __m512i next)
{
    return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(v, k, 0x00), _mm512_clmulepi64_epi128(v, k, 0x11), next,
                                     0x96); /* three-way xor */
}

/* The same with registers of four accumulators each. */
TARGET_VCLMUL static uint64_t crc64_run_vclmul(uint64_t state, const unsigned char *p, size_t n)
{
    if (n < 256)
        return crc64_run_clmul(state, p, n);
    const __m512i k = CONST512(FOLD_2048);
    __m512i a = load512(p), b = load512(p + 64), c = load512(p + 128), d = load512(p + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)state)));
    for (p += 256, n -= 256; n >= 256; p += 256, n -= 256) {
        a = fold512(a, k, load512(p));
        b = fold512(b, k, load512(p + 64));
        c = fold512(c, k, load512(p + 128));
        d = fold512(d, k, load512(p + 192));
    }
    d = fold512(a, CONST512(FOLD_1536), d);
    d = fold512(b, CONST512(FOLD_1024), d);
    d = fold512(c, CONST512(FOLD_512), d);
    __m128i sum = _mm512_extracti32x4_epi32(d, 3);
    sum = fold128(_mm512_extracti32x4_epi32(d, 0), CONST128(FOLD_384), sum);
    sum = fold128(_mm512_extracti32x4_epi32(d, 1), CONST128(FOLD_256), sum);
    sum = fold128(_mm512_extracti32x4_epi32(d, 2), CONST128(FOLD_128), sum);
    return finish128(sum, p, n);
}

static bool has_clmul(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

static bool has_vclmul(void)
{
    return has_clmul() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");
}
#endif

uint64_t crc64nvme(uint64_t crc, const void *p, size_t n)
{
    return n > 0 ? ~crc64_run(~crc, p, n) : crc;
}

__attribute__((constructor)) static void crc_start(void)
{
    for (int i = 0; i < 256; i++) {
        uint64_t v = (uint64_t)i;
        for (int bit = 0; bit < 8; bit++)
            v = (v & 1) != 0 ? (v >> 1) ^ CRC64NVME_POLY : v >> 1;
        crc64_table[0][i] = v;
    }
    for (int i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            crc64_table[t][i] = crc64_table[0][crc64_table[t - 1][i] & 0xff] ^ (crc64_table[t - 1][i] >> 8);
    fill_x_pow(x_pow32, 32, CRC32_POLY);
    fill_x_pow(x_pow32c, 32, CRC32C_POLY);
    fill_x_pow(x_pow64, 64, CRC64NVME_POLY);
    crc64_run = crc64_run_table;
#if defined(__x86_64__)
    if (has_vclmul())
        crc64_run = crc64_run_vclmul;
    else if (has_clmul())
        crc64_run = crc64_run_clmul;
#endif
}

/* --- self test ---------------------------------------------------------------------------------------------------- */

#define SELF_TEST_BYTES 1300 /* beyond two rounds of the widest loop, with every remainder of 16 on the way */

static uint64_t crc_plain(const unsigned char *p, size_t n, unsigned w, uint64_t poly)
{
    const uint64_t ones = w == 64 ? UINT64_MAX : (UINT64_C(1) << w) - 1;
    uint64_t state = ones;

    for (; n > 0; p++, n--) {
        state ^= *p;
        for (int bit = 0; bit < 8; bit++)
            state = (state & 1) != 0 ? (state >> 1) ^ poly : state >> 1;
    }
    return state ^ ones;
}

static bool crc64_agrees(const unsigned char *p, size_t n, uint64_t expected)
{
    bool ok = crc64nvme(0, p, n) == expected && ~crc64_run_table(~UINT64_C(0), p, n) == expected;

#if defined(__x86_64__)
    if (has_clmul())
        ok = ok && ~crc64_run_clmul(~UINT64_C(0), p, n) == expected;
    if (has_vclmul())
        ok = ok && ~crc64_run_vclmul(~UINT64_C(0), p, n) == expected;
#endif
    return ok;
}

bool crc_self_test(void)
{
    unsigned char data[SELF_TEST_BYTES + 3];
    uint32_t noise = 1;

    for (size_t i = 0; i < sizeof(data); i++) {
        noise = noise * 1103515245 + 12345;
        data[i] = (unsigned char)(noise >> 16);
    }
    for (size_t n = 0; n <= SELF_TEST_BYTES; n += n < 300 ? 1 : 41) {
        const unsigned char *p = data + n % 4; /* unaligned starts too */
        size_t cut = n / 3;
        uint64_t plain32 = crc_plain(p, n, 32, CRC32_POLY), plain32c = crc_plain(p, n, 32, CRC32C_POLY);
        uint64_t plain64 = crc_plain(p, n, 64, CRC64NVME_POLY);
        if (crc32_iso(0, p, n) != plain32 || crc32c(0, p, n) != plain32c || !crc64_agrees(p, n, plain64))
            return false;
        if (crc32_iso(crc32_iso(0, p, cut), p + cut, n - cut) != plain32 ||
            crc32c(crc32c(0, p, cut), p + cut, n - cut) != plain32c ||
            crc64nvme(crc64nvme(0, p, cut), p + cut, n - cut) != plain64)
            return false;
        if (crc32_iso_combine(crc32_iso(0, p, cut), crc32_iso(0, p + cut, n - cut), n - cut) != plain32 ||
            crc32c_combine(crc32c(0, p, cut), crc32c(0, p + cut, n - cut), n - cut) != plain32c ||
            crc64nvme_combine(crc64nvme(0, p, cut), crc64nvme(0, p + cut, n - cut), n - cut) != plain64)
            return false;
    }
    return true;
}
