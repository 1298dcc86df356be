/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the file backend of the blob store: what a blob's file looks like. Pure functions over bytes; whatever
 * comes from a disk is checked here and nowhere else. Numbers are big-endian.
 *
 *   0            header, 48 bytes: magic, version, header length, id, description length, block size, crc of the
 *                description, crc of the header; then the description; then zeros up to a multiple of 4096
 *   header_len   data, contiguous
 *   + length     table: a CRC32C for each block of BLOB_BLOCK bytes of data
 *   + 4 * blocks trailer
 *   end - 64     footer: magic, version, header length, id, data length, trailer length, crcs of trailer and table, crc
 *
 * Every crc but the table's entries is seeded with the id, an entry with the id and its block's number; so a block, a
 * trailer or a whole file that is in the wrong place does not match.
 */
#ifndef PAIL_STORAGE_BLOB_FORMAT_H
#define PAIL_STORAGE_BLOB_FORMAT_H

#include "blob.h"

#define BLOB_FORMAT_VERSION 1u
#define BLOB_HEADER_ALIGN   4096u
#define BLOB_HEADER_FIXED   48u
#define BLOB_HEADER_MAX     (BLOB_DESC_MAX + BLOB_HEADER_ALIGN)
#define BLOB_FOOTER_BYTES   64u
#define BLOB_ENTRY_BYTES    4u
#define BLOB_LENGTH_MAX     (UINT64_C(1) << 40) /* 1 TiB: a single upload has at most 5 GiB */
#define BLOB_NAME_BYTES     32u                 /* the id in hex */
#define BLOB_TEMP_SUFFIX    ".tmp"
#define BLOB_PATH_BYTES     64u   /* "4294967/295/" + name + ".tmp" + NUL, rounded up */
#define BLOB_FOLDERS_PER_HI 1000u /* folder number D lies in D / 1000 / D % 1000 */
#define BLOB_HI_MAX         (UINT32_MAX / BLOB_FOLDERS_PER_HI)
#define BLOB_MARK_BYTES     24u

struct blob_header {
    uint32_t header_len, desc_len, desc_crc;
};

struct blob_footer {
    uint32_t header_len, trailer_len, trailer_crc, table_crc;
    uint64_t length;
};

uint32_t blob_seed(const struct blob_id *id);
uint32_t blob_block_seed(uint32_t seed, uint64_t block); /* the crc of a block goes on from here */
uint64_t blob_block_count(uint64_t length);
size_t blob_block_bytes(uint64_t length, uint64_t block); /* BLOB_BLOCK, or less for the last */
/* The length of the whole file that a footer speaks of. */
uint64_t blob_file_bytes(const struct blob_footer *f);

size_t blob_header_bytes(size_t desc_n);                                                  /* with padding */
void blob_header_encode(const struct blob_id *id, struct bytes desc, unsigned char *ret); /* blob_header_bytes() */
/* `in` holds BLOB_HEADER_FIXED bytes. BLOB_OK or BLOB_CORRUPT. */
int blob_header_decode(const unsigned char *in, const struct blob_id *id, struct blob_header *ret);

void blob_footer_encode(const struct blob_id *id, const struct blob_footer *f, unsigned char *ret);
/* `in` holds BLOB_FOOTER_BYTES bytes. BLOB_OK or BLOB_CORRUPT; also when its lengths do not add up to file_bytes. */
int blob_footer_decode(const unsigned char *in, const struct blob_id *id, uint64_t file_bytes, struct blob_footer *ret);

void blob_table_encode(const uint32_t *table, size_t n, unsigned char *ret);
void blob_table_decode(const unsigned char *in, size_t n, uint32_t *ret);

uint32_t blob_id_folder(const struct blob_id *id);
void blob_id_name(const struct blob_id *id, char ret[BLOB_NAME_BYTES + 1]);
void blob_folder_path(uint32_t folder, char ret[BLOB_PATH_BYTES]);

enum blob_name_kind { BLOB_NAME_FOREIGN, BLOB_NAME_BLOB, BLOB_NAME_TEMP };

/* What a name in the given folder is; *ret_id is set for BLOB_NAME_BLOB. */
enum blob_name_kind blob_name_parse(const char *name, uint32_t folder, struct blob_id *ret_id);
/* The decimal name of a sub-folder, at most max; false for any other. */
bool blob_number_parse(const char *name, uint32_t max, uint32_t *ret);

/* The file that says from which folder on unsettled blobs may be found. */
void blob_mark_encode(uint32_t from, unsigned char ret[BLOB_MARK_BYTES]);
/* BLOB_CORRUPT, with *ret_newer telling whether a newer version wrote it. */
int blob_mark_decode(const unsigned char *in, size_t n, uint32_t *ret_from, bool *ret_newer);

#endif
