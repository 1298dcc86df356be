/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an object's pieces are sealed with its object key.
 *
 * Each extent in a blob has a box with the blob's data key; what is small enough to live in a record is a box itself.
 * Either says, as what it belongs to, which of the object's extents it is and which of the blob's bytes it means. So a
 * box opens in its own object only (no two have one object key), in its own place there, and for its own range.
 *
 * Extents are numbered as (part, index within it, is it the part's last), part 0 for what was never in parts. A list is
 * whole when indices count up from the first to the last and parts ascend: then nothing in it was left out, repeated or
 * put elsewhere. CompleteMultipartUpload puts such lists together without any key; which parts a client wanted is
 * therefore not sealed, only that each is entire.
 *
 * Pure functions. Threads: any.
 */
#include <openssl/crypto.h>

#include "storage/coded.h"
#include "storage/gcm.h"
#include "storage/store_internal.h"

#define BELONGS_BYTES 26

const char *store_cipher_library(void)
{
    return gcm_best()->name;
}

enum box_kind { BOX_DATA_KEY = 'k', BOX_BYTES = 'b' };

uint64_t store__seal_number(unsigned part, size_t index, bool last)
{
    return (uint64_t)part << 32 | (uint64_t)(index + 1) << 1 | last;
}

static char *put_u64(char *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        *p++ = (char)(v >> (56 - 8 * i));
    return p;
}

static struct bytes belongs(char out[BELONGS_BYTES], enum box_kind kind, uint64_t number, uint64_t offset,
                            uint64_t length, unsigned codec)
{
    char *p = out;
    *p++ = (char)kind;
    p = put_u64(p, number);
    p = put_u64(p, offset);
    p = put_u64(p, length);
    *p = (char)codec;
    return bytes_of(out, BELONGS_BYTES);
}

struct bytes store__seal_data_key(const unsigned char *object_key, const struct store_extent *e,
                                  const unsigned char data_key[SEAL_KEY_BYTES], struct arena *a)
{
    char to[BELONGS_BYTES];
    unsigned char *box = arena_alloc(a, SEAL_KEY_BYTES + SEAL_BOX_BYTES);
    seal_box(object_key, belongs(to, BOX_DATA_KEY, e->seal, e->offset, e->length, e->codec), data_key, SEAL_KEY_BYTES,
             box);
    return bytes_of(box, SEAL_KEY_BYTES + SEAL_BOX_BYTES);
}

bool store__open_data_key(const unsigned char *object_key, const struct store_extent *e,
                          unsigned char ret[SEAL_KEY_BYTES])
{
    char to[BELONGS_BYTES];
    if (e->sealed.n != SEAL_KEY_BYTES + SEAL_BOX_BYTES)
        return false;
    return seal_box_open(object_key, belongs(to, BOX_DATA_KEY, e->seal, e->offset, e->length, e->codec), e->sealed,
                         ret);
}

void store__seal_bytes(const unsigned char *object_key, uint64_t number, const void *clear, size_t n,
                       unsigned char *out)
{
    char to[BELONGS_BYTES];
    seal_box(object_key, belongs(to, BOX_BYTES, number, 0, n, 0), clear, n, out);
}

bool store__open_bytes(const unsigned char *object_key, uint64_t number, struct bytes box, void *out)
{
    char to[BELONGS_BYTES];
    uint64_t n = box.n < SEAL_BOX_BYTES ? 0 : box.n - SEAL_BOX_BYTES;
    return seal_box_open(object_key, belongs(to, BOX_BYTES, number, 0, n, 0), box, out);
}

/* One after another: the next of the same part, or the first of a later one. */
static bool follows(uint64_t before, uint64_t number)
{
    if (before & 1)
        return number >> 32 > before >> 32 && (uint32_t)number >> 1 == 1;
    return number >> 1 == (before >> 1) + 1;
}

bool store__seals_whole(const struct store_object *o)
{
    uint64_t before = 1; /* as if a part -1 had ended */
    for (size_t i = 0; i < o->n_extents; i++) {
        uint64_t number = o->extents[i].seal;
        if (i == 0 ? (uint32_t)number >> 1 != 1 : !follows(before, number))
            return false;
        before = number;
    }
    return before & 1;
}

bool store__extent_fits(const struct store_extent *e, bool encrypted)
{
    if (e->length > STORE_OBJECT_MAX || e->codec > CODEC_ZSTD || (e->data.n && e->codec != CODEC_RAW))
        return false;
    if (!encrypted)
        return e->length > 0 && e->seal == 0 && e->sealed.n == 0 && e->codec != CODEC_BOX &&
               (e->data.n == 0 || e->data.n == e->length);
    if (e->data.n)
        return e->data.n == e->length + SEAL_BOX_BYTES && e->sealed.n == 0;
    return e->length > 0 && (e->codec == CODEC_BOX) == (e->sealed.n == 0);
}
