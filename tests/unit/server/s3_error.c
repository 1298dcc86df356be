/* SPDX-License-Identifier: Apache-2.0 */
/* The error table's order and look-up, the store's errors, and the body as clients parse it. */
#include "s3_error.h"

#include <criterion/criterion.h>

#include "base/arena.h"
#include "server/xml/documents.h"
#include "server/xml/parse.h"
#include "store.h"

Test(s3_error, rows_are_sorted_and_whole)
{
    for (int e = 1; e < S3E_COUNT; e++) {
        cr_assert(e == 1 || strcmp(s3_error_code(e - 1), s3_error_code(e)) < 0, "%s", s3_error_code(e));
        int status = s3_error_status(e);
        cr_assert(status >= 300 && status < 600, "%s", s3_error_code(e));
        cr_assert(s3_error_message(e)[0] != 0);
        cr_assert_eq(s3_error_find(bytes_str(s3_error_code(e))), (enum s3_error)e);
    }
    cr_assert_eq(s3_error_status(S3E_OK), 200);
    cr_assert_eq(s3_error_find(BYTES_LIT("Nonsense")), S3E_OK);
    cr_assert_eq(s3_error_find(BYTES_LIT("")), S3E_OK);
    cr_assert_eq(s3_error_find(BYTES_LIT("ZZZ")), S3E_OK);
}

Test(s3_error, what_clients_rely_on)
{
    cr_assert_eq(s3_error_status(S3E_SLOW_DOWN), 503);
    cr_assert_eq(s3_error_status(S3E_NO_SUCH_KEY), 404);
    cr_assert_eq(s3_error_status(S3E_NOT_IMPLEMENTED), 501);
    cr_assert_eq(s3_error_status(S3E_INVALID_PART_NUMBER), 416);
    cr_assert_str_eq(s3_error_code(S3E_KEY_TOO_LONG), "KeyTooLongError");
    cr_assert_str_eq(s3_error_message(S3E_NO_SUCH_KEY), "The specified key does not exist.");
}

Test(s3_error, every_store_error_has_one)
{
    cr_assert_eq(s3_error_of_store(STORE_OK), S3E_OK);
    cr_assert_eq(s3_error_of_store(STORE_NO_SUCH_BUCKET), S3E_NO_SUCH_BUCKET);
    cr_assert_eq(s3_error_of_store(STORE_FULL), S3E_INSUFFICIENT_STORAGE);
    cr_assert_eq(s3_error_of_store(STORE_CORRUPT), S3E_INTERNAL_ERROR);
    cr_assert_eq(s3_error_of_store(-9999), S3E_INTERNAL_ERROR);
    for (int rc = -1; rc >= STORE_MD5_MISMATCH; rc--)
        cr_assert_neq(s3_error_of_store(rc), S3E_OK);
}

Test(s3_error, body)
{
    struct buf out;
    struct s3_error_extra extras[] = {{"Key", BYTES_LIT("a<b")}, {"Empty", BYTES_NONE}};
    buf_init(&out, 4096);
    s3_error_render(&out, S3E_NO_SUCH_KEY, NULL, extras, 2, BYTES_LIT("/b/a<b"), BYTES_LIT("REQ"), BYTES_LIT("HOST"));
    cr_assert(
        bytes_eq_str(buf_bytes(&out),
                     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified "
                     "key does not exist.</Message><Key>a&lt;b</Key><Empty></Empty><Resource>/b/a&lt;b</Resource>"
                     "<RequestId>REQ</RequestId><HostId>HOST</HostId></Error>"));
    struct arena *arena = arena_create(0);
    struct xml_error back;
    cr_assert_eq(xml_parse(buf_bytes(&out), &xml_error_doc, arena, &back, NULL), S3E_OK);
    cr_assert_eq(s3_error_find(back.code), S3E_NO_SUCH_KEY);
    buf_reset(&out);
    s3_error_render(&out, S3E_SLOW_DOWN, "Busy & tired", NULL, 0, BYTES_NONE, BYTES_NONE, BYTES_NONE);
    cr_assert(bytes_eq_str(buf_bytes(&out),
                           XML_PROLOG "<Error><Code>SlowDown</Code><Message>Busy &amp; tired</Message></Error>"));
    arena_free(arena);
    buf_fini(&out);
}
