/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob's file as a hostile disk would give it: a good one with bytes changed, cut or extended, or nothing but noise;
 * with the checksums put right, so that what they guard is reached. It must be refused or read, never more.
 *
 * Input: one byte of flags, one that says where to read, two for the length of the file, then either the file itself
 * (RAW) or patches of four bytes: 24 bits position, one byte value.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/check.h"
#include "blob_file.h"
#include "checksum.h"
#include "storage/blob_format.h"

#define RAW         1u
#define MEND_HEADER 2u
#define MEND_FOOTER 4u
#define RESIZE      8u
#define COLD        16u

#define DATA_BYTES (2 * BLOB_BLOCK + 100)
#define IMAGE_MAX  (256u * 1024)
#define FAKE_FD    1000000

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static unsigned char image[IMAGE_MAX], good[IMAGE_MAX];
static size_t image_n, good_n;
static bool cold;
static struct io io;
static struct blob_store *store;
static struct blob_id id;

/* --- a disk with one file, in memory
 * ------------------------------------------------------------------------------------- */

static int mem_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
    return (flags & O_DIRECTORY) != 0 ? io_real.open_beneath(dirfd, path, flags, mode) : FAKE_FD;
}

static int mem_close(int fd)
{
    return fd == FAKE_FD ? 0 : io_real.close(fd);
}

static int mem_fstat(int fd, struct stat *sb)
{
    (void)fd;
    memset(sb, 0, sizeof(*sb));
    sb->st_mode = S_IFREG | 0600;
    sb->st_size = (off_t)image_n;
    return 0;
}

static ssize_t mem_pread(int fd, void *p, size_t n, off_t offset)
{
    (void)fd;
    if ((uint64_t)offset >= image_n)
        return 0;
    n = n < image_n - (size_t)offset ? n : image_n - (size_t)offset;
    memcpy(p, image + offset, n);
    return (ssize_t)n;
}

static ssize_t mem_preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    (void)n, (void)flags;
    if (!cold)
        return mem_pread(fd, iov->iov_base, iov->iov_len, offset);
    errno = EAGAIN;
    return -1;
}

/* --- a good file
 * ----------------------------------------------------------------------------------------------------------- */

static void make_good(void)
{
    static const char desc[] = "bucket/key", trailer[] = "what came of it";
    uint32_t table[8], seed = blob_seed(&id);
    size_t header_n = blob_header_bytes(sizeof(desc)), blocks = (size_t)blob_block_count(DATA_BYTES);
    unsigned char *at = good + header_n;

    blob_header_encode(&id, bytes_of(desc, sizeof(desc)), good);
    for (size_t i = 0; i < DATA_BYTES; i++)
        at[i] = (unsigned char)(i * 7 + i / 251);
    for (uint64_t b = 0; b < blocks; b++)
        table[b] = crc32c(blob_block_seed(seed, b), at + b * BLOB_BLOCK, blob_block_bytes(DATA_BYTES, b));
    at += DATA_BYTES;
    blob_table_encode(table, blocks, at);
    struct blob_footer f = {.header_len = (uint32_t)header_n,
                            .length = DATA_BYTES,
                            .trailer_len = sizeof(trailer),
                            .trailer_crc = crc32c(seed, trailer, sizeof(trailer)),
                            .table_crc = crc32c(seed, at, BLOB_ENTRY_BYTES * blocks)};
    at += BLOB_ENTRY_BYTES * blocks;
    memcpy(at, trailer, sizeof(trailer));
    blob_footer_encode(&id, &f, at + sizeof(trailer));
    good_n = (size_t)blob_file_bytes(&f);
}

static void clean_up(void)
{
    store->ops->close(&store);
}

static void start(void)
{
    char dir[] = "/tmp/fuzz-blob-XXXXXX", path[64];

    CHECK(mkdtemp(dir) != NULL);
    io = io_real;
    CHECK(blob_file_open(&(struct blob_file_options){.folder = dir, .io = &io, .no_lock = true}, &store) == BLOB_OK);
    io.open_beneath = mem_open_beneath;
    io.close = mem_close;
    io.fstat = mem_fstat;
    io.pread = mem_pread;
    io.preadv2 = mem_preadv2;
    snprintf(path, sizeof(path), "%s/blobs/unsettled", dir); /* nothing is written below it any more */
    unlink(path);
    snprintf(path, sizeof(path), "%s/blobs", dir);
    rmdir(path);
    rmdir(dir);
    memset(id.b, 7, sizeof(id.b));
    make_good();
    atexit(clean_up);
}

/* --- one input
 * ----------------------------------------------------------------------------------------------------------------- */

static void mend(unsigned char *crc_at, const unsigned char *p, size_t n)
{
    uint32_t crc = crc32c(blob_seed(&id), p, n);

    for (int i = 0; i < 4; i++)
        crc_at[i] = (unsigned char)(crc >> (24 - 8 * i));
}

static void make_image(unsigned flags, size_t wanted, const uint8_t *in, size_t n)
{
    if ((flags & RAW) != 0) {
        image_n = n < IMAGE_MAX ? n : IMAGE_MAX;
        memcpy(image, in, image_n);
    } else {
        memcpy(image, good, sizeof(image));
        image_n = (flags & RESIZE) != 0 ? good_n - 32768 + wanted : good_n;
        for (; n >= 4; in += 4, n -= 4) {
            size_t at = (size_t)in[0] << 16 | (size_t)in[1] << 8 | in[2];
            at = at >= 0x800000 ? image_n - 1 - (0xffffff - at) : at; /* counted from the end */
            if (at < image_n)
                image[at] = in[3];
        }
    }
    if ((flags & MEND_HEADER) != 0 && image_n >= BLOB_HEADER_FIXED)
        mend(image + 44, image, 44);
    if ((flags & MEND_FOOTER) != 0 && image_n >= BLOB_FOOTER_BYTES)
        mend(image + image_n - 4, image + image_n - BLOB_FOOTER_BYTES, 60);
}

static void use_reader(struct blob_reader *r, unsigned where)
{
    static unsigned char out[IMAGE_MAX];
    const struct blob_ops *ops = store->ops;
    struct arena *arena = arena_create(0);
    struct bytes desc, trailer;
    uint64_t length = ops->length(r);
    size_t n = length < sizeof(out) ? (size_t)length : sizeof(out);

    CHECK(length <= image_n);
    ops->read(r, 0, out, n, false);
    uint64_t from = length * where / 256;
    ops->read(r, from, out, (size_t)((length - from) / 3), cold);
    ops->read(r, from, out, (size_t)(length - from), false);
    CHECK(ops->read(r, length, out, 1, false) == BLOB_CORRUPT);
    if (ops->describe(r, arena, &desc, &trailer) == BLOB_OK)
        CHECK(desc.n <= BLOB_DESC_MAX && trailer.n <= BLOB_DESC_MAX);
    arena_free(arena);
}

/* The other things that come from a disk. */
static void small_decoders(const uint8_t *in, size_t n)
{
    char name[64];
    struct blob_id got;
    uint32_t number;
    bool newer;
    size_t len = n < sizeof(name) - 1 ? n : sizeof(name) - 1;

    memcpy(name, in, len);
    name[len] = '\0';
    blob_name_parse(name, 0, &got);
    blob_number_parse(name, BLOB_HI_MAX, &number);
    blob_mark_decode(in, n, &number, &newer);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
    struct blob_reader *r = NULL;

    if (store == NULL)
        start();
    if (n < 4)
        return 0;
    unsigned flags = in[0];
    cold = (flags & COLD) != 0;
    make_image(flags, (size_t)in[2] << 8 | in[3], in + 4, n - 4);
    small_decoders(in + 4, n - 4);
    int rc = store->ops->open(store, &id, &r);
    CHECK(rc == BLOB_OK || rc == BLOB_CORRUPT);
    if (rc == BLOB_OK)
        use_reader(r, in[1]);
    else
        CHECK(image_n != good_n || memcmp(image, good, good_n) != 0);
    store->ops->close_reader(&r);
    return 0;
}
