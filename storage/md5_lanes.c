/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MD5 (RFC 1321) of several streams at a time.
 *
 * The steps of MD5 are one chain in which each instruction waits for the one before, while the processor could do four
 * at once. Two streams, step by step in turn, take hardly longer than one. More do not fit into the registers.
 *
 * Threads of uploads are never at the same step by themselves, so pieces go to threads that do nothing but hash. Such a
 * thread fills its lanes from the queue, hashes MD5_SLICE_BLOCKS of each, and looks into the queue again: who comes
 * waits for at most that long. One thread works as long as its lanes are enough; then the next is woken or started, as
 * many as there are processors. So a piece waits for a lane only while all processors hash.
 *
 * Limits: MD5_THREADS_MAX threads with small stacks. The queue has one piece of each upload, in its owner's memory; an
 * upload waits for its piece before it goes on, so a piece never outlives the stream or the bytes. Where no thread can
 * be started, the owner hashes.
 *
 * Threads: `lock` guards the queue, the counts and `busy`. What is in a lane (a piece's stream, bytes and `blocks`)
 * belongs to the thread of that lane, until `busy` is false again.
 */
#include "storage/md5_lanes.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/check.h"

#define MD5_THREADS_MAX  16u
#define MD5_THREAD_STACK (128 * 1024)
#define MD5_LANES        2u
#define MD5_SLICE_BLOCKS 256u /* 16 KiB of each lane: some 20 us */

/* --- blocks
 * ------------------------------------------------------------------------------------------------------- */

static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

/* Sixteen steps: step i takes word (mul * i + add) % 16 and turns by one of r0 to r3. */
#define FOUR(STEP, i, mul, add, r0, r1, r2, r3)                                                                        \
    STEP(a, b, c, d, ((mul) * (i) + (add)) % 16, i, r0);                                                               \
    STEP(d, a, b, c, ((mul) * ((i) + 1) + (add)) % 16, (i) + 1, r1);                                                   \
    STEP(c, d, a, b, ((mul) * ((i) + 2) + (add)) % 16, (i) + 2, r2);                                                   \
    STEP(b, c, d, a, ((mul) * ((i) + 3) + (add)) % 16, (i) + 3, r3)

#define ROUND(STEP, i, mul, add, r0, r1, r2, r3)                                                                       \
    FOUR(STEP, i, mul, add, r0, r1, r2, r3);                                                                           \
    FOUR(STEP, (i) + 4, mul, add, r0, r1, r2, r3);                                                                     \
    FOUR(STEP, (i) + 8, mul, add, r0, r1, r2, r3);                                                                     \
    FOUR(STEP, (i) + 12, mul, add, r0, r1, r2, r3)

#define ROUNDS(KIND)                                                                                                   \
    do {                                                                                                               \
        ROUND(KIND##_F, 0, 1, 0, 7, 12, 17, 22);                                                                       \
        ROUND(KIND##_G, 16, 5, 1, 5, 9, 14, 20);                                                                       \
        ROUND(KIND##_H, 32, 3, 5, 4, 11, 16, 23);                                                                      \
        ROUND(KIND##_I, 48, 7, 0, 6, 10, 15, 21);                                                                      \
    } while (0)

/*
 * The functions of the four rounds. G is two sets of bits without a common one, so they may be added one by one: the
 * first does not depend on b, which is the result of the step before and comes late.
 */
#define BITS_F(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define BITS_G(b, c, d) ((d) & (b))
#define EARLY_G(c, d)   (~(d) & (c))
#define BITS_H(b, c, d) ((b) ^ ((c) ^ (d)))
#define BITS_I(b, c, d) ((c) ^ ((b) | ~(d)))

#define TURN(x, n) ((x) << (n) | (x) >> (32 - (n)))

/* Keeps the compiler from adding in another order, which would make more wait for b, and from pairing lanes. */
#define READY(x) __asm__("" : "+r"(x))

static inline uint32_t word_at(const unsigned char *p, int i)
{
    uint32_t v;
    memcpy(&v, p + 4 * i, sizeof v);
    return le32toh(v);
}

#define ONE(a, b, early, bits, w, i, turn)                                                                             \
    a += word_at(p, w) + sines[i] + (early);                                                                           \
    READY(a);                                                                                                          \
    a += (bits);                                                                                                       \
    a = TURN(a, turn) + b
#define ONE_F(a, b, c, d, w, i, turn) ONE(a, b, 0, BITS_F(b, c, d), w, i, turn)
#define ONE_G(a, b, c, d, w, i, turn) ONE(a, b, EARLY_G(c, d), BITS_G(b, c, d), w, i, turn)
#define ONE_H(a, b, c, d, w, i, turn) ONE(a, b, 0, BITS_H(b, c, d), w, i, turn)
#define ONE_I(a, b, c, d, w, i, turn) ONE(a, b, 0, BITS_I(b, c, d), w, i, turn)

static void hash_one(uint32_t state[4], const unsigned char *p, size_t blocks)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

    for (; blocks > 0; blocks--, p += MD5_BLOCK_BYTES) {
        uint32_t a0 = a, b0 = b, c0 = c, d0 = d;
        ROUNDS(ONE);
        a += a0;
        b += b0;
        c += c0;
        d += d0;
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
}

#define TWO(a, b, c, d, early, bits, early2, bits2, w, i, turn)                                                        \
    a += word_at(p, w) + sines[i] + (early);                                                                           \
    a##2 += word_at(p2, w) + sines[i] + (early2);                                                                      \
    READY(a);                                                                                                          \
    READY(a##2);                                                                                                       \
    a += (bits);                                                                                                       \
    a##2 += (bits2);                                                                                                   \
    a = TURN(a, turn) + b;                                                                                             \
    a##2 = TURN(a##2, turn) + b##2
#define TWO_F(a, b, c, d, w, i, turn) TWO(a, b, c, d, 0, BITS_F(b, c, d), 0, BITS_F(b##2, c##2, d##2), w, i, turn)
#define TWO_G(a, b, c, d, w, i, turn)                                                                                  \
    TWO(a, b, c, d, EARLY_G(c, d), BITS_G(b, c, d), EARLY_G(c##2, d##2), BITS_G(b##2, c##2, d##2), w, i, turn)
#define TWO_H(a, b, c, d, w, i, turn) TWO(a, b, c, d, 0, BITS_H(b, c, d), 0, BITS_H(b##2, c##2, d##2), w, i, turn)
#define TWO_I(a, b, c, d, w, i, turn) TWO(a, b, c, d, 0, BITS_I(b, c, d), 0, BITS_I(b##2, c##2, d##2), w, i, turn)

static void hash_two(uint32_t s[4], uint32_t s2[4], const unsigned char *p, const unsigned char *p2, size_t blocks)
{
    uint32_t a = s[0], b = s[1], c = s[2], d = s[3];
    uint32_t a2 = s2[0], b2 = s2[1], c2 = s2[2], d2 = s2[3];

    for (; blocks > 0; blocks--, p += MD5_BLOCK_BYTES, p2 += MD5_BLOCK_BYTES) {
        uint32_t a0 = a, b0 = b, c0 = c, d0 = d;
        uint32_t a02 = a2, b02 = b2, c02 = c2, d02 = d2;
        ROUNDS(TWO);
        a += a0;
        b += b0;
        c += c0;
        d += d0;
        a2 += a02;
        b2 += b02;
        c2 += c02;
        d2 += d02;
    }
    memcpy(s, (uint32_t[4]){a, b, c, d}, 16);
    memcpy(s2, (uint32_t[4]){a2, b2, c2, d2}, 16);
}

/* --- one stream
 * ----------------------------------------------------------------------------------------------------------- */

void md5_init(struct md5_stream *s)
{
    *s = (struct md5_stream){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

/* Takes what is no whole block at the beginning or end of the bytes. Answers the blocks between, for the caller. */
static size_t take_ends(struct md5_stream *s, const unsigned char **p, size_t n)
{
    size_t have = (size_t)(s->length % MD5_BLOCK_BYTES), take = 0;

    if (n == 0)
        return 0;
    s->length += n;
    if (have > 0) {
        take = n < MD5_BLOCK_BYTES - have ? n : MD5_BLOCK_BYTES - have;
        memcpy(s->rest + have, *p, take);
        if (have + take < MD5_BLOCK_BYTES)
            return 0;
        hash_one(s->state, s->rest, 1);
    }
    *p += take;
    n -= take;
    memcpy(s->rest, *p + (n - n % MD5_BLOCK_BYTES), n % MD5_BLOCK_BYTES);
    return n / MD5_BLOCK_BYTES;
}

void md5_put(struct md5_stream *s, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    size_t blocks = take_ends(s, &p, n);
    hash_one(s->state, p, blocks);
}

void md5_end(struct md5_stream *s, unsigned char ret[MD5_DIGEST_BYTES])
{
    unsigned char pad[2 * MD5_BLOCK_BYTES] = {0x80};
    uint64_t bits = htole64(8 * s->length);
    size_t have = (size_t)(s->length % MD5_BLOCK_BYTES);
    size_t n = (have < MD5_BLOCK_BYTES - 8 ? MD5_BLOCK_BYTES - 8 : 2 * MD5_BLOCK_BYTES - 8) - have;

    memcpy(pad + n, &bits, sizeof bits);
    md5_put(s, pad, n + sizeof bits);
    for (int i = 0; i < 4; i++) {
        uint32_t word = htole32(s->state[i]);
        memcpy(ret + 4 * i, &word, sizeof word);
    }
}

/* --- lanes
 * ---------------------------------------------------------------------------------------------------------------- */

struct md5_lanes {
    pthread_mutex_t lock;
    pthread_cond_t queued;
    struct md5_piece *head, **tail;
    size_t max, n_threads; /* as many as there are processors; started */
    size_t idle, woken;    /* waiting on `queued`; of these, who have been called and have not come yet */
    size_t taken;          /* lanes in use */
    size_t waiting;        /* pieces in the queue */
    bool stopping;
    pthread_t threads[MD5_THREADS_MAX];
};

struct md5_lanes *md5_lanes_new(void)
{
    struct md5_lanes *l = xcalloc(1, sizeof *l);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    l->max = processors < 1 ? 1 : processors > (long)MD5_THREADS_MAX ? MD5_THREADS_MAX : (size_t)processors;
    l->tail = &l->head;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->queued, NULL);
    return l;
}

void md5_lanes_free(struct md5_lanes **pl)
{
    struct md5_lanes *l = *pl;

    *pl = NULL;
    if (l == NULL)
        return;
    pthread_mutex_lock(&l->lock);
    CHECK(l->head == NULL && l->taken == 0);
    l->stopping = true;
    pthread_cond_broadcast(&l->queued);
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < l->n_threads; i++)
        pthread_join(l->threads[i], NULL);
    pthread_cond_destroy(&l->queued);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* With the lock. */
static void fill_lanes(struct md5_lanes *l, struct md5_piece *lane[MD5_LANES])
{
    for (size_t i = 0; i < MD5_LANES; i++) {
        if (lane[i] != NULL || l->head == NULL)
            continue;
        lane[i] = l->head;
        l->head = lane[i]->next;
        if (l->head == NULL)
            l->tail = &l->head;
        l->waiting--;
        l->taken++;
    }
}

static void hash_slice(struct md5_piece *const lane[MD5_LANES])
{
    struct md5_piece *a = lane[0] != NULL ? lane[0] : lane[1], *b = lane[0] != NULL ? lane[1] : NULL;
    size_t n = a->blocks < MD5_SLICE_BLOCKS ? a->blocks : MD5_SLICE_BLOCKS;

    if (b == NULL) {
        hash_one(a->stream->state, a->p, n);
    } else {
        n = b->blocks < n ? b->blocks : n;
        hash_two(a->stream->state, b->stream->state, a->p, b->p, n);
        b->p += n * MD5_BLOCK_BYTES;
        b->blocks -= n;
    }
    a->p += n * MD5_BLOCK_BYTES;
    a->blocks -= n;
}

/* With the lock. After the signal the piece is its owner's again, who may be gone with it as soon as the lock is free.
 */
static void end_pieces(struct md5_lanes *l, struct md5_piece *lane[MD5_LANES])
{
    for (size_t i = 0; i < MD5_LANES; i++) {
        if (lane[i] == NULL || lane[i]->blocks > 0)
            continue;
        lane[i]->busy = false;
        pthread_cond_signal(&lane[i]->done);
        lane[i] = NULL;
        l->taken--;
    }
}

static void *hash_thread(void *arg)
{
    struct md5_lanes *l = arg;
    struct md5_piece *lane[MD5_LANES] = {NULL};

    pthread_mutex_lock(&l->lock);
    for (;;) {
        fill_lanes(l, lane);
        if (lane[0] == NULL && lane[1] == NULL) {
            if (l->stopping)
                break;
            l->idle++;
            pthread_cond_wait(&l->queued, &l->lock);
            l->idle--;
            l->woken -= l->woken > 0;
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        hash_slice(lane);
        pthread_mutex_lock(&l->lock);
        end_pieces(l, lane);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* With the lock. Another thread when those that work have no lane for all that waits; false when there is none. */
static bool have_lanes(struct md5_lanes *l)
{
    pthread_attr_t attr;
    size_t working = l->n_threads - l->idle + l->woken;

    if (l->taken + l->waiting < MD5_LANES * working)
        return true;
    if (l->idle > l->woken) {
        l->woken++;
        pthread_cond_signal(&l->queued);
    } else if (l->n_threads < l->max) {
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, MD5_THREAD_STACK);
        l->n_threads += pthread_create(&l->threads[l->n_threads], &attr, hash_thread, l) == 0;
        pthread_attr_destroy(&attr);
    }
    return l->n_threads > 0;
}

void md5_begin(struct md5_lanes *l, struct md5_piece *piece, struct md5_stream *s, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    size_t blocks = take_ends(s, &p, n);

    if (blocks * MD5_BLOCK_BYTES < MD5_PIECE_MIN) {
        hash_one(s->state, p, blocks);
        return;
    }
    CHECK(piece->stream == NULL);
    pthread_mutex_lock(&l->lock);
    bool handed = have_lanes(l);
    if (handed) {
        *piece = (struct md5_piece){.stream = s, .p = p, .blocks = blocks, .busy = true};
        pthread_cond_init(&piece->done, NULL);
        *l->tail = piece;
        l->tail = &piece->next;
        l->waiting++;
    }
    pthread_mutex_unlock(&l->lock);
    if (!handed)
        hash_one(s->state, p, blocks);
}

void md5_wait(struct md5_lanes *l, struct md5_piece *piece)
{
    if (piece->stream == NULL)
        return;
    pthread_mutex_lock(&l->lock);
    while (piece->busy)
        pthread_cond_wait(&piece->done, &l->lock);
    pthread_mutex_unlock(&l->lock);
    pthread_cond_destroy(&piece->done);
    piece->stream = NULL;
}
