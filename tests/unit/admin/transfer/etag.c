/* SPDX-License-Identifier: Apache-2.0 */
/* What an ETag is, and how those of parts and of files come about. */
#include "admin/transfer/etag.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "checksum.h"

#define ABC      "900150983cd24fb0d6963f7d28e17f72" /* MD5 of "abc" */
#define ABC_PART ABC "-1"

Test(transfer_etag, what_it_is)
{
    static const struct http_client_header kms[] = {{"x-amz-server-side-encryption", "aws:kms"}},
                                           own[] = {{"x-amz-server-side-encryption", "AES256"}};
    cr_expect(bytes_eq_str(etag_bare(BYTES_LIT("\"a\"")), "a") && bytes_eq_str(etag_bare(BYTES_LIT("a")), "a"));
    cr_expect(bytes_eq_str(etag_bare(BYTES_LIT("\"")), "\"") && etag_bare(BYTES_LIT("\"\"")).n == 0);
    cr_expect(etag_is_md5(BYTES_LIT(ABC)));
    cr_expect_not(etag_is_md5(BYTES_LIT(ABC_PART)) || etag_is_md5(BYTES_NONE) ||
                  etag_is_md5(BYTES_LIT("900150983cd24fb0d6963f7d28e17f7z")));
    cr_expect(etag_is_opaque(&(struct http_client_reply){.headers = kms, .n_headers = 1}));
    cr_expect_not(etag_is_opaque(&(struct http_client_reply){.headers = own, .n_headers = 1}));
}

Test(transfer_etag, of_files_and_of_parts)
{
    struct transfer t = {.stop = 0};
    struct line l = {.t = &t};
    char etag[ETAG_ROOM], two[ETAG_ROOM];
    unsigned char md5[16];
    int fd = memfd_create("etag", 0);
    cr_assert(fd >= 0 && write(fd, "abcabc", 6) == 6);
    cr_assert(etag_of_file(&l, fd, 3, 0, etag));
    cr_expect_str_eq(etag, ABC);
    cr_assert(etag_of_file(&l, fd, 6, 3, etag));
    struct checksum_ctx *md5s = checksum_new(CHECKSUM_MD5);
    md5_of("abc", 3, md5);
    checksum_update(md5s, md5, sizeof md5);
    checksum_update(md5s, md5, sizeof md5);
    etag_of_parts(md5s, 2, two);
    cr_expect_str_eq(etag, two);
    cr_expect_not(etag_of_file(&l, fd, 7, 0, etag), "it is shorter");
    t.stop = 1;
    cr_expect_not(etag_of_file(&l, fd, 6, 0, etag), "it was stopped");
    close(fd);
}
