/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of a blob's file; the drawing is in blob_format.h. Nothing read from a disk is believed before
 * its crc matched, and then every length is still held against its limit and against the size of the file.
 * Threads: any, no state.
 */
#include "storage/blob_format.h"
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include "base/bigendian.h"
#include "checksum.h"

static const char header_magic[8] = "PAILBLOB", footer_magic[8] = "PAILBEND", mark_magic[8] = "PAILMARK";

uint32_t blob_seed(const struct blob_id *id)
{
    return crc32c(0, id->b, sizeof(id->b));
}

uint32_t blob_block_seed(uint32_t seed, uint64_t block)
{
    unsigned char number[8];

    put64(number, block);
    return crc32c(seed, number, sizeof(number));
}

uint64_t blob_block_count(uint64_t length)
{
    return length / BLOB_BLOCK + (length % BLOB_BLOCK != 0);
}

size_t blob_block_bytes(uint64_t length, uint64_t block)
{
    uint64_t rest = length - block * BLOB_BLOCK;

    return rest < BLOB_BLOCK ? (size_t)rest : BLOB_BLOCK;
}

uint64_t blob_file_bytes(const struct blob_footer *f)
{
    return f->header_len + f->length + BLOB_ENTRY_BYTES * blob_block_count(f->length) + f->trailer_len +
           BLOB_FOOTER_BYTES;
}

size_t blob_header_bytes(size_t desc_n)
{
    return (BLOB_HEADER_FIXED + desc_n + BLOB_HEADER_ALIGN - 1) / BLOB_HEADER_ALIGN * BLOB_HEADER_ALIGN;
}

/* Offsets: 0 magic, 8 version, 12 header length, 16 id, 32 desc length, 36 block size, 40 crc of desc, 44 crc. */
void blob_header_encode(const struct blob_id *id, struct bytes desc, unsigned char *ret)
{
    uint32_t seed = blob_seed(id);
    size_t n = blob_header_bytes(desc.n);

    memset(ret, 0, n);
    memcpy(ret, header_magic, 8);
    put32(ret + 8, BLOB_FORMAT_VERSION);
    put32(ret + 12, (uint32_t)n);
    memcpy(ret + 16, id->b, sizeof(id->b));
    put32(ret + 32, (uint32_t)desc.n);
    put32(ret + 36, BLOB_BLOCK);
    put32(ret + 40, crc32c(seed, desc.p, desc.n));
    put32(ret + 44, crc32c(seed, ret, 44));
    if (desc.n > 0)
        memcpy(ret + BLOB_HEADER_FIXED, desc.p, desc.n);
}

int blob_header_decode(const unsigned char *in, const struct blob_id *id, struct blob_header *ret)
{
    struct blob_header h = {.header_len = get32(in + 12), .desc_len = get32(in + 32), .desc_crc = get32(in + 40)};

    if (memcmp(in, header_magic, 8) != 0 || get32(in + 44) != crc32c(blob_seed(id), in, 44))
        return BLOB_CORRUPT;
    if (get32(in + 8) != BLOB_FORMAT_VERSION || memcmp(in + 16, id->b, sizeof(id->b)) != 0 ||
        get32(in + 36) != BLOB_BLOCK)
        return BLOB_CORRUPT;
    if (h.desc_len > BLOB_DESC_MAX || h.header_len != blob_header_bytes(h.desc_len))
        return BLOB_CORRUPT;
    *ret = h;
    return BLOB_OK;
}

/* 0 magic, 8 version, 12 header length, 16 id, 32 length, 40 trailer length, 44 its crc, 48 crc of the table, 52 zeros,
   60 crc. */
void blob_footer_encode(const struct blob_id *id, const struct blob_footer *f, unsigned char *ret)
{
    memset(ret, 0, BLOB_FOOTER_BYTES);
    memcpy(ret, footer_magic, 8);
    put32(ret + 8, BLOB_FORMAT_VERSION);
    put32(ret + 12, f->header_len);
    memcpy(ret + 16, id->b, sizeof(id->b));
    put64(ret + 32, f->length);
    put32(ret + 40, f->trailer_len);
    put32(ret + 44, f->trailer_crc);
    put32(ret + 48, f->table_crc);
    put32(ret + 60, crc32c(blob_seed(id), ret, 60));
}

int blob_footer_decode(const unsigned char *in, const struct blob_id *id, uint64_t file_bytes, struct blob_footer *ret)
{
    struct blob_footer f = {.header_len = get32(in + 12),
                            .length = get64(in + 32),
                            .trailer_len = get32(in + 40),
                            .trailer_crc = get32(in + 44),
                            .table_crc = get32(in + 48)};

    if (memcmp(in, footer_magic, 8) != 0 || get32(in + 60) != crc32c(blob_seed(id), in, 60))
        return BLOB_CORRUPT;
    if (get32(in + 8) != BLOB_FORMAT_VERSION || memcmp(in + 16, id->b, sizeof(id->b)) != 0)
        return BLOB_CORRUPT;
    if (f.header_len > BLOB_HEADER_MAX || f.header_len < BLOB_HEADER_ALIGN || f.header_len % BLOB_HEADER_ALIGN != 0 ||
        f.trailer_len > BLOB_DESC_MAX || f.length > BLOB_LENGTH_MAX || blob_file_bytes(&f) != file_bytes)
        return BLOB_CORRUPT;
    *ret = f;
    return BLOB_OK;
}

void blob_table_encode(const uint32_t *table, size_t n, unsigned char *ret)
{
    for (size_t i = 0; i < n; i++)
        put32(ret + BLOB_ENTRY_BYTES * i, table[i]);
}

void blob_table_decode(const unsigned char *in, size_t n, uint32_t *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = get32(in + BLOB_ENTRY_BYTES * i);
}

uint32_t blob_id_folder(const struct blob_id *id)
{
    return get32(id->b);
}

void blob_id_name(const struct blob_id *id, char ret[BLOB_NAME_BYTES + 1])
{
    hex_encode(id->b, sizeof(id->b), ret);
    ret[BLOB_NAME_BYTES] = '\0';
}

void blob_folder_path(uint32_t folder, char ret[BLOB_PATH_BYTES])
{
    snprintf(ret, BLOB_PATH_BYTES, "%u/%u", (unsigned)(folder / BLOB_FOLDERS_PER_HI),
             (unsigned)(folder % BLOB_FOLDERS_PER_HI));
}

enum blob_name_kind blob_name_parse(const char *name, uint32_t folder, struct blob_id *ret_id)
{
    struct bytes s = bytes_str(name);
    struct blob_id id;
    char again[BLOB_NAME_BYTES + 1];

    if (s.n < BLOB_NAME_BYTES || !hex_decode(bytes_cut(s, 0, BLOB_NAME_BYTES), id.b, sizeof(id.b)))
        return BLOB_NAME_FOREIGN;
    blob_id_name(&id, again); /* upper-case digits are another name */
    if (memcmp(again, name, BLOB_NAME_BYTES) != 0 || blob_id_folder(&id) != folder)
        return BLOB_NAME_FOREIGN;
    if (s.n == BLOB_NAME_BYTES) {
        *ret_id = id;
        return BLOB_NAME_BLOB;
    }
    return bytes_eq_str(bytes_cut(s, BLOB_NAME_BYTES, s.n), BLOB_TEMP_SUFFIX) ? BLOB_NAME_TEMP : BLOB_NAME_FOREIGN;
}

bool blob_number_parse(const char *name, uint32_t max, uint32_t *ret)
{
    uint64_t v;

    if ((name[0] == '0' && name[1] != '\0') || !bytes_to_u64(bytes_str(name), max, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* 0 magic, 8 version, 12 from, 16 zero, 20 crc. */
void blob_mark_encode(uint32_t from, unsigned char ret[BLOB_MARK_BYTES])
{
    memset(ret, 0, BLOB_MARK_BYTES);
    memcpy(ret, mark_magic, 8);
    put32(ret + 8, BLOB_FORMAT_VERSION);
    put32(ret + 12, from);
    put32(ret + 20, crc32c(0, ret, 20));
}

int blob_mark_decode(const unsigned char *in, size_t n, uint32_t *ret_from, bool *ret_newer)
{
    *ret_newer = false;
    if (n != BLOB_MARK_BYTES || memcmp(in, mark_magic, 8) != 0 || get32(in + 20) != crc32c(0, in, 20))
        return BLOB_CORRUPT;
    *ret_newer = get32(in + 8) > BLOB_FORMAT_VERSION;
    if (get32(in + 8) != BLOB_FORMAT_VERSION)
        return BLOB_CORRUPT;
    *ret_from = get32(in + 12);
    return BLOB_OK;
}
