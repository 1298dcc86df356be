/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every implementation of AES-256-GCM that this machine can use, held to NIST's vectors and to each other. Where there
 * is only OpenSSL, it is compared with itself.
 */
#include "storage/gcm.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/rand.h"

#define CHUNK (64u * 1024 - GCM_TAG_BYTES) /* what blobs are cut into */

static size_t implementations(const struct gcm *ret[2])
{
    ret[0] = gcm_openssl();
    ret[1] = gcm_ipsec_mb();
    return ret[1] ? 2 : 1;
}

static const struct gcm *other(void)
{
    return gcm_ipsec_mb() ? gcm_ipsec_mb() : gcm_openssl();
}

Test(gcm, there_is_a_best_one)
{
    cr_assert(gcm_best() == gcm_openssl() || gcm_best() == gcm_ipsec_mb());
    cr_assert_eq(gcm_best(), gcm_best());
    cr_assert_str_eq(gcm_openssl()->name, "openssl");
}

Test(gcm, the_environment_can_ask_for_openssl)
{
    setenv(GCM_VARIABLE, "openssl", 1);
    cr_assert_eq(gcm_best(), gcm_openssl());
}

Test(gcm, a_name_nobody_has_changes_nothing)
{
    setenv(GCM_VARIABLE, "rot13", 1);
    cr_assert_eq(gcm_best(), other());
}

/* ---- vectors ---- */

struct vector {
    const char *key, *nonce, *also, *clear, *sealed, *tag; /* hexadecimal */
};

#define FEFFE9 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define D93132                                                                                                         \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657" \
    "ba637b39"
#define AS522DC1                                                                                                       \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a" \
    "bcc9f662"
#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"
#define ZERO12 "000000000000000000000000"

/* The test cases with 256 bits of key and 96 of nonce of the specification that NIST took over, and of its CAVS files.
 */
static const struct vector vectors[] = {
    {ZERO32, ZERO12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {ZERO32, ZERO12, "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {FEFFE9, "cafebabefacedbaddecaf888", "", D93132 "1aafd255", AS522DC1 "898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {FEFFE9, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2", D93132, AS522DC1,
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {"b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4", "516c33929df5a3284ff463d7", "", "", "",
     "bdc1ac884d332457a1d2664f168c76f0"},
    {"78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223", "d79cf22d504cc793c3fb6c8a",
     "b96baa8c1c75a671bfb2d08d06be5f36", "", "", "3e5d486aa2e30b22e040b85723a06e76"},
    {"31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22", "0d18e06c7c725ac9e362e1ce", "",
     "2db5168e932556f8089a0622981d017d", "fa4362189661d163fcd6a56d8bf0405a", "d636ac1bbedd5cc3ee727dc2ab4a9489"},
};

static size_t from_hex(const char *text, unsigned char *out)
{
    size_t n = strlen(text) / 2;
    cr_assert(n == 0 || hex_decode(bytes_str(text), out, n));
    return n;
}

Test(gcm, vectors)
{
    const struct gcm *all[2];
    size_t n_all = implementations(all);
    for (size_t v = 0; v < ARRAY_LEN(vectors); v++)
        for (size_t g = 0; g < n_all; g++) {
            unsigned char key[GCM_KEY_BYTES], nonce[GCM_NONCE_BYTES], also[64], clear[64], sealed[80], out[80];
            size_t also_n = from_hex(vectors[v].also, also), n = from_hex(vectors[v].clear, clear);
            cr_assert_eq(from_hex(vectors[v].key, key), sizeof key);
            cr_assert_eq(from_hex(vectors[v].nonce, nonce), sizeof nonce);
            cr_assert_eq(from_hex(vectors[v].sealed, sealed), n);
            cr_assert_eq(from_hex(vectors[v].tag, sealed + n), GCM_TAG_BYTES);
            struct gcm_key *k = all[g]->key_new(key);
            all[g]->seal(k, nonce, bytes_of(also, also_n), clear, n, out);
            cr_assert_eq(memcmp(out, sealed, n + GCM_TAG_BYTES), 0, "vector %zu, %s", v, all[g]->name);
            memset(out, 0xee, sizeof out);
            cr_assert(all[g]->open(k, nonce, bytes_of(also, also_n), sealed, n, out), "vector %zu, %s", v,
                      all[g]->name);
            cr_assert_eq(memcmp(out, clear, n), 0);
            all[g]->key_free(k);
        }
}

/* ---- one against the other ---- */

struct pair {
    const struct gcm *a, *b;
    struct gcm_key *ka, *kb;
    unsigned char nonce[GCM_NONCE_BYTES], also[600];
    unsigned char *room[4]; /* ROOM bytes, of which the last ones are at the end of a page that ends memory */
};

#define ROOM      (512u * 1024)
#define AROUND    64u /* bytes beside a result, which stay as they were */
#define UNTOUCHED 0x5a

/* Reading or writing behind the end is a fault. */
static unsigned char *guarded(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *p = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(p != MAP_FAILED && mprotect(p + ROOM, page, PROT_NONE) == 0);
    return p;
}

static struct pair pair_new(void)
{
    struct pair p = {.a = gcm_openssl(), .b = other()};
    unsigned char key[GCM_KEY_BYTES];
    rand_bytes(key, sizeof key);
    p.ka = p.a->key_new(key);
    p.kb = p.b->key_new(key);
    for (size_t i = 0; i < ARRAY_LEN(p.room); i++)
        p.room[i] = guarded();
    return p;
}

static void pair_free(struct pair *p)
{
    p->a->key_free(p->ka);
    p->b->key_free(p->kb);
    for (size_t i = 0; i < ARRAY_LEN(p->room); i++)
        munmap(p->room[i], ROOM + (size_t)sysconf(_SC_PAGESIZE));
}

static bool same(const unsigned char *p, unsigned char c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != c)
            return false;
    return true;
}

/* n bytes, with `also_n` bound to them; `skew` bytes before the end of memory. */
static void compare(struct pair *p, size_t n, size_t also_n, size_t skew)
{
    struct bytes also = bytes_of(p->also, also_n);
    size_t at = ROOM - n - GCM_TAG_BYTES - skew;
    unsigned char *clear = p->room[0] + at + GCM_TAG_BYTES, *one = p->room[1] + at, *two = p->room[2] + at,
                  *back = p->room[3] + at + GCM_TAG_BYTES, bit = (unsigned char)(1 << n % 8);
    rand_bytes(p->nonce, sizeof p->nonce);
    rand_bytes(p->also, also_n);
    rand_bytes(clear, n);
    memset(two - AROUND, UNTOUCHED, AROUND);
    memset(back - AROUND, UNTOUCHED, n + AROUND + skew);
    p->a->seal(p->ka, p->nonce, also, clear, n, one);
    p->b->seal(p->kb, p->nonce, also, clear, n, two);
    cr_assert_eq(memcmp(one, two, n + GCM_TAG_BYTES), 0, "%zu bytes and %zu", n, also_n);
    cr_assert(same(two - AROUND, UNTOUCHED, AROUND), "written before the beginning");
    cr_assert(p->b->open(p->kb, p->nonce, also, one, n, back), "%zu bytes and %zu", n, also_n);
    cr_assert_eq(memcmp(back, clear, n), 0);
    cr_assert(same(back - AROUND, UNTOUCHED, AROUND) && same(back + n, UNTOUCHED, skew), "written beside it");

    one[n + n % GCM_TAG_BYTES] ^= bit; /* the tag */
    cr_assert_not(p->b->open(p->kb, p->nonce, also, one, n, back));
    cr_assert(same(back, 0, n), "clear text that was not verified stayed");
    one[n + n % GCM_TAG_BYTES] ^= bit;
    if (n) {
        one[n / 2] ^= bit;
        cr_assert_not(p->b->open(p->kb, p->nonce, also, one, n, back));
        one[n / 2] ^= bit;
    }
    if (also_n) {
        p->also[also_n - 1] ^= bit;
        cr_assert_not(p->b->open(p->kb, p->nonce, also, one, n, back));
        p->also[also_n - 1] ^= bit;
    }
    p->nonce[n % GCM_NONCE_BYTES] ^= bit;
    cr_assert_not(p->b->open(p->kb, p->nonce, also, one, n, back));
    p->nonce[n % GCM_NONCE_BYTES] ^= bit;

    p->b->seal(p->kb, p->nonce, also, back, 0, two); /* nothing between: the key is as it was */
    memcpy(two, clear, n);
    p->b->seal(p->kb, p->nonce, also, two, n, two); /* in place */
    cr_assert_eq(memcmp(one, two, n + GCM_TAG_BYTES), 0, "%zu bytes in place", n);
    cr_assert(p->b->open(p->kb, p->nonce, also, two, n, two));
    cr_assert_eq(memcmp(two, clear, n), 0);
    cr_assert_eq(memcmp(two + n, one + n, GCM_TAG_BYTES), 0, "the tag is not part of what is opened");
    two[n / 2] ^= 1;
    cr_assert_not(p->b->open(p->kb, p->nonce, also, two, n, two) && n);
    cr_assert(same(two, 0, n) || n == 0);
}

Test(gcm, every_short_length)
{
    struct pair p = pair_new();
    for (size_t n = 0; n <= 1200; n++)
        compare(&p, n, n % 40, 0);
    pair_free(&p);
}

Test(gcm, lengths_at_edges)
{
    static const size_t sizes[] = {2048,  4096,  8191,  16384,     32768,  65519,  65520,  65521,
                                   65535, 65536, 65537, 2 * CHUNK, 131072, 131089, 262144, 262161};
    struct pair p = pair_new();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t skew = 0; skew < 3; skew++)
            compare(&p, sizes[i], 0, skew * 7);
    pair_free(&p);
}

Test(gcm, every_length_of_what_is_bound)
{
    struct pair p = pair_new();
    for (size_t also_n = 0; also_n <= sizeof p.also; also_n++)
        compare(&p, also_n % 3 * 100, also_n, 0);
    pair_free(&p);
}

Test(gcm, anything_anywhere)
{
    struct pair p = pair_new();
    for (int i = 0; i < 600; i++) {
        uint32_t r[3];
        rand_bytes(r, sizeof r);
        compare(&p, r[0] % (i % 4 ? 5000 : 140000), r[1] % 4 ? 0 : r[1] % sizeof p.also, r[2] % 65);
    }
    pair_free(&p);
}

Test(gcm, every_bit_of_a_message)
{
    const struct gcm *all[2];
    size_t n_all = implementations(all);
    for (size_t g = 0; g < n_all; g++) {
        enum { N = 300 };
        unsigned char nonce[GCM_NONCE_BYTES] = {7}, clear[N] = {1}, sealed[N + GCM_TAG_BYTES], out[N];
        static const unsigned char key[GCM_KEY_BYTES] = "thirty-two bytes, of which some ";
        struct gcm_key *k = all[g]->key_new(key);
        all[g]->seal(k, nonce, BYTES_LIT("x"), clear, N, sealed);
        for (size_t i = 0; i < sizeof sealed * 8; i++) {
            sealed[i / 8] ^= (unsigned char)(1 << i % 8);
            memset(out, UNTOUCHED, N);
            cr_assert_not(all[g]->open(k, nonce, BYTES_LIT("x"), sealed, N, out));
            cr_assert(same(out, 0, N));
            sealed[i / 8] ^= (unsigned char)(1 << i % 8);
        }
        cr_assert(all[g]->open(k, nonce, BYTES_LIT("x"), sealed, N, out));
        all[g]->key_free(k);
    }
}

/* ---- keys, threads and processes ---- */

Test(gcm, keys_are_apart)
{
    const struct gcm *all[2];
    size_t n_all = implementations(all);
    for (size_t g = 0; g < n_all; g++) {
        unsigned char key[2][GCM_KEY_BYTES] = {{1}, {2}}, nonce[GCM_NONCE_BYTES] = {0}, out[2][100 + GCM_TAG_BYTES];
        unsigned char clear[100] = {0}, back[100];
        struct gcm_key *k[2] = {all[g]->key_new(key[0]), all[g]->key_new(key[1])};
        for (int i = 0; i < 2; i++)
            all[g]->seal(k[i], nonce, (struct bytes){0}, clear, sizeof clear, out[i]);
        for (int i = 0; i < 4; i++)
            cr_assert_eq(all[g]->open(k[i / 2], nonce, (struct bytes){0}, out[i % 2], sizeof clear, back),
                         i / 2 == i % 2);
        all[g]->key_free(k[0]);
        all[g]->key_free(k[1]);
    }
    gcm_openssl()->key_free(NULL);
    other()->key_free(NULL);
}

#define THREADS 8

static void *work(void *arg)
{
    const struct gcm *g = arg, *judge = gcm_openssl();
    static const size_t sizes[] = {1, 16, 1000, CHUNK};
    unsigned char *clear = xmalloc(CHUNK), *one = xmalloc(CHUNK + GCM_TAG_BYTES), *two = xmalloc(CHUNK + GCM_TAG_BYTES);
    bool good = true;
    for (int i = 0; i < 60; i++) {
        unsigned char key[GCM_KEY_BYTES], nonce[GCM_NONCE_BYTES];
        size_t n = sizes[i % 4];
        rand_bytes(key, sizeof key);
        rand_bytes(nonce, sizeof nonce);
        rand_bytes(clear, n);
        struct gcm_key *k = g->key_new(key), *kj = judge->key_new(key);
        g->seal(k, nonce, (struct bytes){0}, clear, n, one);
        judge->seal(kj, nonce, (struct bytes){0}, clear, n, two);
        good = good && memcmp(one, two, n + GCM_TAG_BYTES) == 0 && g->open(k, nonce, (struct bytes){0}, one, n, one) &&
               memcmp(one, clear, n) == 0;
        g->key_free(k);
        judge->key_free(kj);
    }
    free(clear);
    free(one);
    free(two);
    return good ? arg : NULL;
}

Test(gcm, many_threads)
{
    const struct gcm *all[2];
    size_t n_all = implementations(all);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work, (void *)all[(size_t)i % n_all]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *said = NULL;
        pthread_join(threads[i], &said);
        cr_assert_not_null(said, "a thread got something else");
    }
}

Test(gcm, a_child_goes_on)
{
    unsigned char nonce[GCM_NONCE_BYTES] = {3}, clear[500] = {4}, sealed[500 + GCM_TAG_BYTES], out[500];
    static const unsigned char key[GCM_KEY_BYTES] = {5};
    const struct gcm *g = other();
    struct gcm_key *k = g->key_new(key);
    g->seal(k, nonce, (struct bytes){0}, clear, sizeof clear, sealed);
    pid_t child = fork();
    if (child == 0)
        _exit(g->open(k, nonce, (struct bytes){0}, sealed, sizeof clear, out) ? 0 : 1);
    int status = -1;
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
    cr_assert(g->open(k, nonce, (struct bytes){0}, sealed, sizeof clear, out));
    g->key_free(k);
}
