/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums against published vectors, against each other in pieces, and combined. */
#include "checksum.h"
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/check.h"

static void to_hex(const struct checksum_value *v, char out[2 * CHECKSUM_MAX_BYTES + 1])
{
    size_t n = checksum_info(v->alg)->bytes;

    hex_encode(v->b, n, out);
    out[2 * n] = '\0';
}

static void fill_noise(unsigned char *p, size_t n)
{
    uint32_t x = 12345;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (unsigned char)(x >> 24);
    }
}

Test(checksum, ROT_05_self_test_passes)
{
    cr_assert(checksum_self_test());
}

Test(checksum, known_vectors)
{
    static const struct {
        enum checksum_alg alg;
        const char *input, *hex;
    } rows[] = {
        {CHECKSUM_CRC32, "", "00000000"},
        {CHECKSUM_CRC32, "123456789", "cbf43926"},
        {CHECKSUM_CRC32, "The quick brown fox jumps over the lazy dog", "414fa339"},
        {CHECKSUM_CRC32C, "", "00000000"},
        {CHECKSUM_CRC32C, "123456789", "e3069283"},
        {CHECKSUM_CRC32C, "The quick brown fox jumps over the lazy dog", "22620404"},
        {CHECKSUM_CRC64NVME, "", "0000000000000000"},
        {CHECKSUM_CRC64NVME, "123456789", "ae8b14860a799888"},
        {CHECKSUM_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {CHECKSUM_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {CHECKSUM_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {CHECKSUM_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {CHECKSUM_SHA512, "abc",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
        {CHECKSUM_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
        {CHECKSUM_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {CHECKSUM_XXHASH64, "", "ef46db3751d8e999"},
        {CHECKSUM_XXHASH64, "abc", "44bc2cf5ad770999"},
        {CHECKSUM_XXHASH3, "", "2d06800538d394c2"},
        {CHECKSUM_XXHASH3, "abc", "78af5f94892f3950"},
        {CHECKSUM_XXHASH128, "", "99aa06d3014798d86001c324468d497f"},
        {CHECKSUM_XXHASH128, "abc", "06b05ab6733a618578af5f94892f3950"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct checksum_value v;
        char hex[2 * CHECKSUM_MAX_BYTES + 1];
        checksum_of(rows[i].alg, rows[i].input, strlen(rows[i].input), &v);
        to_hex(&v, hex);
        cr_expect_str_eq(hex, rows[i].hex, "%s of \"%s\"", checksum_info(rows[i].alg)->name, rows[i].input);
    }
}

/* NVM Command Set specification, figure on 64b CRC test cases: 4 KiB of zeros, and of ones. */
Test(checksum, crc64nvme_specification_cases)
{
    unsigned char block[4096];

    memset(block, 0, sizeof(block));
    cr_expect_eq(crc64nvme(0, block, sizeof(block)), UINT64_C(0x6482d367eb22b64e));
    memset(block, 0xff, sizeof(block));
    cr_expect_eq(crc64nvme(0, block, sizeof(block)), UINT64_C(0xc0ddba7302eca3ac));
}

Test(checksum, pieces_give_the_same_as_the_whole)
{
    static const size_t cuts[] = {0, 1, 3, 15, 16, 17, 63, 64, 127, 128, 255, 256, 257, 1000, 4096, 9999};
    static unsigned char data[10000];

    fill_noise(data, sizeof(data));
    for (int alg = CHECKSUM_NONE + 1; alg < CHECKSUM_ALG_COUNT; alg++) {
        struct checksum_value whole, v;
        checksum_of((enum checksum_alg)alg, data, sizeof(data), &whole);
        for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
            struct checksum_ctx *c = checksum_new((enum checksum_alg)alg);
            checksum_update(c, data, cuts[i]);
            checksum_update(c, NULL, 0);
            checksum_update(c, data + cuts[i], sizeof(data) - cuts[i]);
            checksum_final(c, &v);
            checksum_free(c);
            cr_expect(checksum_equal(&v, &whole), "%s cut at %zu", checksum_info(v.alg)->name, cuts[i]);
        }
    }
    checksum_free(NULL);
}

Test(checksum, combine)
{
    static unsigned char data[70000];
    static const size_t cuts[] = {0, 1, 2, 100, 35000, 65536, 69999, 70000};
    static const enum checksum_alg algs[] = {CHECKSUM_CRC32, CHECKSUM_CRC32C, CHECKSUM_CRC64NVME};

    fill_noise(data, sizeof(data));
    for (size_t k = 0; k < ARRAY_LEN(algs); k++)
        for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
            struct checksum_value whole, a, b, both;
            checksum_of(algs[k], data, sizeof(data), &whole);
            checksum_of(algs[k], data, cuts[i], &a);
            checksum_of(algs[k], data + cuts[i], sizeof(data) - cuts[i], &b);
            cr_assert(checksum_combine(&a, &b, sizeof(data) - cuts[i], &both));
            cr_expect(checksum_equal(&both, &whole), "%s cut at %zu", checksum_info(algs[k])->name, cuts[i]);
        }
}

/* 5 GiB of zeros, doubled up from one, against the register run over a known number of zero bits. */
Test(checksum, combine_of_long_parts)
{
    struct checksum_value part, sum;
    unsigned char zero = 0;
    uint64_t n = 1;

    checksum_of(CHECKSUM_CRC32, &zero, 1, &sum);
    for (; n < (UINT64_C(1) << 33); n *= 2)
        cr_assert(checksum_combine(&sum, &sum, n, &sum));
    /* The same length in two uneven halves. */
    struct checksum_value head = {.alg = CHECKSUM_CRC32}, tail = head;
    uint64_t done = 0;
    checksum_of(CHECKSUM_CRC32, &zero, 1, &part);
    for (uint64_t piece = 1, left = n - 1; piece <= left; left -= piece, piece *= 2, done += 0) {
        checksum_combine(&tail, &part, piece, &tail);
        checksum_combine(&part, &part, piece, &part);
        done += piece;
    }
    checksum_of(CHECKSUM_CRC32, &zero, 1, &head);
    cr_assert_eq(done, n - 1);
    checksum_combine(&head, &tail, done, &head);
    cr_assert(checksum_equal(&head, &sum));
}

Test(checksum, combine_refuses_what_it_cannot)
{
    struct checksum_value a = {.alg = CHECKSUM_SHA256}, b = a, ret = {.alg = CHECKSUM_MD5};

    cr_assert_not(checksum_combine(&a, &b, 5, &ret));
    a.alg = CHECKSUM_CRC32;
    b.alg = CHECKSUM_CRC32C;
    cr_assert_not(checksum_combine(&a, &b, 5, &ret));
    cr_assert_eq(ret.alg, CHECKSUM_MD5, "the output is left alone");
    cr_assert_not(checksum_equal(&a, &b));
}

Test(checksum, names)
{
    for (int alg = CHECKSUM_NONE + 1; alg < CHECKSUM_ALG_COUNT; alg++) {
        const struct checksum_info *info = checksum_info((enum checksum_alg)alg);
        cr_assert_not_null(info);
        cr_expect_eq((int)checksum_by_name(bytes_str(info->name)), alg);
        cr_expect_eq((int)checksum_by_name(bytes_str(info->lower)), alg);
        cr_expect(strncmp(info->element, "Checksum", 8) == 0 && strcmp(info->element + 8, info->name) == 0);
        cr_expect(info->can_composite || info->can_full_object);
        cr_expect(info->bytes > 0 && info->bytes <= CHECKSUM_MAX_BYTES);
    }
    cr_expect_null(checksum_info(CHECKSUM_NONE));
    cr_expect_null(checksum_info(CHECKSUM_ALG_COUNT));
    cr_expect_null(checksum_info((enum checksum_alg) - 1));
    cr_expect_eq(checksum_by_name(BYTES_LIT("")), CHECKSUM_NONE);
    cr_expect_eq(checksum_by_name(BYTES_LIT("CRC32CC")), CHECKSUM_NONE);
    cr_expect_str_eq(checksum_type_name(CHECKSUM_COMPOSITE), "COMPOSITE");
    cr_expect_str_eq(checksum_type_name(CHECKSUM_FULL_OBJECT), "FULL_OBJECT");
}

/* RFC 4231, cases 1, 2, 6 and 7: short keys, and one longer than a block. */
Test(checksum, hmac_sha256_vectors)
{
    unsigned char key[131], mac[32];
    char hex[65] = "";
    const char *long_text = "This is a test using a larger than block-size key and a larger than block-size data. The "
                            "key needs to be hashed before being used by the HMAC algorithm.";

    memset(key, 0x0b, 20);
    hmac_sha256(key, 20, "Hi There", 8, mac);
    hex_encode(mac, 32, hex);
    cr_expect_str_eq(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    hex_encode(mac, 32, hex);
    cr_expect_str_eq(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    hmac_sha256(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
    hex_encode(mac, 32, hex);
    cr_expect_str_eq(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256(key, sizeof(key), long_text, strlen(long_text), mac);
    hex_encode(mac, 32, hex);
    cr_expect_str_eq(hex, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    hmac_sha256(NULL, 0, NULL, 0, mac);
    hex_encode(mac, 32, hex);
    cr_expect_str_eq(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* The derived key of a signature is the key of the next step: input and output may be the same memory. */
Test(checksum, hmac_sha256_in_place)
{
    unsigned char key[32], other[32];

    memset(key, 7, sizeof(key));
    memset(other, 7, sizeof(other));
    hmac_sha256(key, sizeof(key), "aws4_request", 12, other);
    hmac_sha256(key, sizeof(key), "aws4_request", 12, key);
    cr_assert_arr_eq(key, other, 32);
}

static void *digest_many(void *arg)
{
    unsigned char in[200], first[32], again[32];
    size_t *wrong = arg;

    fill_noise(in, sizeof(in));
    sha256_of(in, sizeof(in), first);
    for (int i = 0; i < 300; i++) {
        unsigned char other[16];
        md5_of(in, (size_t)i % sizeof(in), other);
        sha256_of(in, sizeof(in), again);
        *wrong += memcmp(first, again, sizeof(first)) != 0;
    }
    return NULL;
}

Test(checksum, threads_have_their_own_contexts)
{
    pthread_t threads[8];
    size_t wrong[8] = {0};

    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, digest_many, &wrong[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(wrong[i], 0);
    }
}
