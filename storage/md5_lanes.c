/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MD5 (RFC 1321) of several streams at a time.
 *
 * The steps of MD5 are one chain in which each instruction waits for the one before, while the processor could do four
 * at once. Two streams, step by step in turn, take hardly longer than one; more do not fit into the registers, but from
 * three on the processor's vectors take up to eight in the same time (md5_wide.c).
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
#include "storage/md5_wide.h"

#define MD5_THREADS_MAX  16u
#define MD5_THREAD_STACK (128 * 1024)
#define MD5_LANES_MAX    MD5_WIDE_LANES
#define MD5_LANES_PLAIN  2u   /* without vectors */
#define MD5_SLICE_BLOCKS 256u /* 16 KiB of each lane: some 20 us */

/* --- blocks
 * ------------------------------------------------------------------------------------------------------- */

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
    a += word_at(p, w) + md5_sines[i] + (early);                                                                       \
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
        MD5_ROUNDS(ONE);
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
    a += word_at(p, w) + md5_sines[i] + (early);                                                                       \
    a##2 += word_at(p2, w) + md5_sines[i] + (early2);                                                                  \
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
        MD5_ROUNDS(TWO);
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
    size_t lanes;          /* of each thread */
    md5_wide_f *wide;      /* NULL: none */
    bool stopping;
    pthread_t threads[MD5_THREADS_MAX];
};

struct md5_lanes *md5_lanes_new(void)
{
    struct md5_lanes *l = xcalloc(1, sizeof *l);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    l->max = processors < 1 ? 1 : processors > (long)MD5_THREADS_MAX ? MD5_THREADS_MAX : (size_t)processors;
    l->tail = &l->head;
    l->wide = md5_wide();
    l->lanes = l->wide ? MD5_LANES_MAX : MD5_LANES_PLAIN;
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

/* With the lock. The lanes in use come first; answers how many. */
static size_t fill_lanes(struct md5_lanes *l, struct md5_piece *lane[MD5_LANES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < l->lanes; i++)
        if (lane[i] != NULL)
            lane[n++] = lane[i];
    for (; n < l->lanes && l->head != NULL; n++) {
        lane[n] = l->head;
        l->head = lane[n]->next;
        if (l->head == NULL)
            l->tail = &l->head;
        l->waiting--;
        l->taken++;
    }
    for (size_t i = n; i < l->lanes; i++)
        lane[i] = NULL;
    return n;
}

static void hash_wide(md5_wide_f *run, struct md5_piece *const lane[MD5_LANES_MAX], size_t used, size_t blocks)
{
    uint32_t *state[MD5_WIDE_LANES], nobody[4] = {0};
    const unsigned char *p[MD5_WIDE_LANES];
    for (size_t i = 0; i < MD5_WIDE_LANES; i++) {
        state[i] = i < used ? lane[i]->stream->state : nobody;
        p[i] = lane[i < used ? i : 0]->p;
    }
    run(state, p, blocks);
}

static void hash_slice(const struct md5_lanes *l, struct md5_piece *const lane[MD5_LANES_MAX], size_t used)
{
    size_t n = MD5_SLICE_BLOCKS;
    for (size_t i = 0; i < used; i++)
        n = lane[i]->blocks < n ? lane[i]->blocks : n;
    if (used == 1)
        hash_one(lane[0]->stream->state, lane[0]->p, n);
    else if (used == 2)
        hash_two(lane[0]->stream->state, lane[1]->stream->state, lane[0]->p, lane[1]->p, n);
    else
        hash_wide(l->wide, lane, used, n);
    for (size_t i = 0; i < used; i++) {
        lane[i]->p += n * MD5_BLOCK_BYTES;
        lane[i]->blocks -= n;
    }
}

/* With the lock. After the signal the piece is its owner's again, who may be gone with it as soon as the lock is free.
 */
static void end_pieces(struct md5_lanes *l, struct md5_piece *lane[MD5_LANES_MAX])
{
    for (size_t i = 0; i < l->lanes; i++) {
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
    struct md5_piece *lane[MD5_LANES_MAX] = {NULL};

    pthread_mutex_lock(&l->lock);
    for (;;) {
        size_t used = fill_lanes(l, lane);
        if (used == 0) {
            if (l->stopping)
                break;
            l->idle++;
            pthread_cond_wait(&l->queued, &l->lock);
            l->idle--;
            l->woken -= l->woken > 0;
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        hash_slice(l, lane, used);
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

    if (l->taken + l->waiting < l->lanes * working)
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
