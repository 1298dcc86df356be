/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of listings: keys of any bytes, versions and delete markers, where the next begins. */
#include "admin/transfer/list.h"

#include <criterion/criterion.h>

Test(transfer_list, a_page_of_objects)
{
    static const char doc[] =
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<Contents><Key>a%2Fb+c%00%FF</Key><LastModified>2026-01-31T23:59:59.250Z</LastModified>"
        "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>18446744073709551615</Size></Contents>"
        "<Contents><Key>z</Key><Size>7</Size></Contents><NextContinuationToken>t+/=</NextContinuationToken>"
        "</ListBucketResult>";
    struct arena *a = arena_create(0);
    struct list_page page;
    cr_assert(list_page_parse(bytes_str(doc), false, a, &page));
    cr_assert_eq(page.n, 2);
    cr_expect(bytes_eq(page.rows[0].key, bytes_of("a/b c\0\xff", 7)), "any bytes");
    cr_expect(bytes_eq_str(page.rows[0].v.etag, "d41d8cd98f00b204e9800998ecf8427e") && page.rows[0].v.size == 0);
    cr_expect_eq(page.rows[0].v.mtime_ns, INT64_C(1769903999250000000));
    cr_expect(page.rows[1].v.size == 7 && page.truncated && bytes_eq_str(page.next_key, "t+/="));
    cr_expect_not(list_page_parse(bytes_str(doc), true, a, &page), "another document");
    arena_free(a);
}

Test(transfer_list, a_page_of_versions)
{
    static const char doc[] = "<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
                              "<NextKeyMarker>k%20</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>"
                              "<DeleteMarker><Key>k+</Key><VersionId>v2</VersionId></DeleteMarker>"
                              "<Version><Key>k+</Key><VersionId>v1</VersionId><ETag>\"e\"</ETag><Size>1</Size></"
                              "Version></ListVersionsResult>";
    struct arena *a = arena_create(0);
    struct list_page page;
    cr_assert(list_page_parse(bytes_str(doc), true, a, &page) && page.n == 2);
    cr_expect(page.rows[0].v.marker && !page.rows[1].v.marker && bytes_eq_str(page.rows[1].v.id, "v1"));
    cr_expect(bytes_eq_str(page.next_key, "k ") && bytes_eq_str(page.next_version, "v1"));
    arena_free(a);
}
