/* SPDX-License-Identifier: Apache-2.0 */
/* Every table of server/xml/documents.c there and back, and sample documents byte for byte as S3 sends them. */
#include "server/xml/documents.h"

#include <criterion/criterion.h>

#include "base/check.h"
#include "server/xml/parse.h"
#include "server/xml/render.h"
#include "tests/model/xml_fill.h"

#define NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static struct arena *arena;
static struct buf out;

static void setup(void)
{
    arena = arena_create(0);
    buf_init(&out, 16u << 20);
}

static void teardown(void)
{
    buf_fini(&out);
    arena_free(arena);
}

TestSuite(documents, .init = setup, .fini = teardown);

static void expect(const char *want)
{
    cr_assert_not(out.failed);
    cr_assert(bytes_eq_str(buf_bytes(&out), want), "\n got: %.*s\nwant: %s", (int)out.n, out.p, want);
}

static void round_trip(const struct xml_doc *doc, struct xml_fill fill)
{
    char *obj = arena_zalloc(arena, doc->size), *back = arena_zalloc(arena, doc->size);
    struct xml_fault fault;
    fill.arena = arena;
    xml_fill_fields(&fill, doc->fields, obj);
    buf_reset(&out);
    xml_render(&out, doc, obj);
    cr_assert_not(out.failed);
    enum s3_error rc = xml_parse(buf_bytes(&out), doc, arena, back, &fault);
    cr_assert_eq(rc, S3E_OK, "%s: %s\n%.*s", doc->root, s3_error_code(rc), (int)out.n, out.p);
    cr_assert(xml_same_fields(doc->fields, obj, back), "%s\n%.*s", doc->root, (int)out.n, out.p);
}

Test(documents, every_table_goes_round)
{
    for (size_t i = 0; i < xml_documents_n; i++) {
        for (unsigned seed = 0; seed < 40; seed++) {
            round_trip(xml_documents[i].doc, (struct xml_fill){.seed = seed});
            round_trip(xml_documents[i].doc, (struct xml_fill){.seed = seed, .hostile = true});
        }
        round_trip(xml_documents[i].doc, (struct xml_fill){.sparse = true});
    }
}

static void check_tables(const struct xml_field *fields, unsigned depth)
{
    size_t n = 0;
    cr_assert(depth < XML_DEPTH_MAX);
    for (const struct xml_field *f = fields; f->kind != XML_KIND_END; f++, n++) {
        if (f->kind == XML_KIND_ENUM)
            cr_assert_not_null(f->names);
        if (f->rows)
            cr_assert(f->kind == XML_KIND_LIST && !f->wrap, "%s", f->name);
        if (f->kind == XML_KIND_CHILD || f->kind == XML_KIND_LIST)
            check_tables(f->fields, depth + 1);
        if (f->max)
            cr_assert(f->min <= (int64_t)f->max, "%s", f->name);
        if (f->name[0] && f->kind != XML_KIND_ATTR) {
            const char *name = f->wrap ? f->wrap : f->name;
            cr_assert_eq(xml_field_find(fields, name, strlen(name)), f, "%s twice", name);
        }
    }
    cr_assert(n <= XML_FIELD_MAX);
}

Test(documents, tables_are_sound)
{
    for (size_t i = 0; i < xml_documents_n; i++) {
        const struct xml_doc *doc = xml_documents[i].doc;
        check_tables(doc->fields, 1);
        cr_assert_eq(strlen(doc->root), doc->root_n);
    }
}

Test(documents, enum_names_are_those_of_the_checksums)
{
    for (int i = 1; i < CHECKSUM_ALG_COUNT; i++)
        cr_assert_not_null(xml_checksum_alg_names[i - 1]);
    cr_assert_null(xml_checksum_alg_names[CHECKSUM_ALG_COUNT - 1]);
}

Test(documents, list_buckets)
{
    struct xml_owner owner = {.id = BYTES_LIT("75aa57f0")};
    struct xml_bucket buckets[] = {{.name = BYTES_LIT("one"), .created_ms = 1700049760123}};
    struct xml_list_buckets doc = {.owner = &owner, .buckets = buckets, .n_buckets = 1};
    xml_render(&out, &xml_list_buckets_doc, &doc);
    expect("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListAllMyBucketsResult" NS "><Owner><ID>75aa57f0</ID></Owner>"
           "<Buckets><Bucket><Name>one</Name><CreationDate>2023-11-15T12:02:40.000Z</CreationDate></Bucket></Buckets>"
           "</ListAllMyBucketsResult>");
    doc.n_buckets = 0;
    buf_reset(&out);
    xml_render(&out, &xml_list_buckets_doc, &doc);
    expect(XML_PROLOG "<ListAllMyBucketsResult" NS
                      "><Owner><ID>75aa57f0</ID></Owner><Buckets/></ListAllMyBucketsResult>");
}

Test(documents, location_of_the_first_region_is_empty)
{
    struct xml_location_constraint doc = {.region = BYTES_NONE};
    xml_render(&out, &xml_location_constraint_doc, &doc);
    expect(XML_PROLOG "<LocationConstraint" NS "/>");
    buf_reset(&out);
    doc.region = BYTES_LIT("eu-west-1");
    xml_render(&out, &xml_location_constraint_doc, &doc);
    expect(XML_PROLOG "<LocationConstraint" NS ">eu-west-1</LocationConstraint>");
}

static const struct xml_object_row sample_row = {.key = {"a/b", 3},
                                                 .modified_ms = 1700049760000,
                                                 .etag = {"d41d8cd98f00b204e9800998ecf8427e", 32},
                                                 .checksum_alg = CHECKSUM_CRC64NVME,
                                                 .checksum_type = CHECKSUM_FULL_OBJECT,
                                                 .size = 42,
                                                 .storage_class = {"STANDARD", 8}};

#define SAMPLE_ROW                                                                                                     \
    "<Contents><Key>a/b</Key><LastModified>2023-11-15T12:02:40.000Z</LastModified>"                                    \
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"        \
    "<ChecksumType>FULL_OBJECT</ChecksumType><Size>42</Size><StorageClass>STANDARD</StorageClass></Contents>"

Test(documents, list_objects_v2_row_by_row)
{
    struct xml_list_objects_v2 doc = {
        .name = BYTES_LIT("bucket"), .prefix = BYTES_LIT(""), .delimiter = BYTES_LIT("/"), .max_keys = 1000};
    const struct xml_field *contents = xml_rows_field(&xml_list_objects_v2_doc, "Contents");
    const struct xml_field *prefixes = xml_rows_field(&xml_list_objects_v2_doc, "CommonPrefixes");
    struct xml_prefix_row group = {.prefix = BYTES_LIT("a/c/")};
    struct xml_rows rows;
    buf_put_str(&out, "before:");
    xml_rows_begin(&rows, &out, &xml_list_objects_v2_doc);
    xml_rows_add(&rows, contents, &sample_row);
    xml_rows_add(&rows, prefixes, &group);
    xml_rows_add(&rows, contents, &sample_row);
    doc.key_count = 3;
    doc.truncated = true;
    doc.next_continuation_token = BYTES_LIT("tok");
    xml_rows_end(&rows, &doc);
    expect("before:" XML_PROLOG "<ListBucketResult" NS "><Name>bucket</Name><Prefix></Prefix>"
           "<NextContinuationToken>tok</NextContinuationToken><KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys>"
           "<Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>" SAMPLE_ROW
           "<CommonPrefixes><Prefix>a/c/</Prefix></CommonPrefixes>" SAMPLE_ROW "</ListBucketResult>");
}

Test(documents, rows_and_arrays_give_the_same_bytes)
{
    struct xml_object_row objects[] = {sample_row, sample_row};
    struct xml_list_objects doc = {.name = BYTES_LIT("b"), .max_keys = 2};
    struct xml_rows rows;
    struct buf streamed;
    buf_init(&streamed, 1 << 20);
    xml_rows_begin(&rows, &streamed, &xml_list_objects_doc);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        xml_rows_add(&rows, xml_rows_field(&xml_list_objects_doc, "Contents"), &objects[i]);
    xml_rows_end(&rows, &doc);
    doc.objects = objects;
    doc.n_objects = ARRAY_LEN(objects);
    xml_render(&out, &xml_list_objects_doc, &doc);
    cr_assert(bytes_eq(buf_bytes(&out), buf_bytes(&streamed)));
    buf_fini(&streamed);
}

static void one_row(struct buf *b)
{
    struct xml_list_objects doc = {.name = BYTES_LIT("b")};
    struct xml_rows rows;
    xml_rows_begin(&rows, b, &xml_list_objects_doc);
    xml_rows_add(&rows, xml_rows_field(&xml_list_objects_doc, "Contents"), &sample_row);
    xml_rows_end(&rows, &doc);
}

Test(documents, rows_stop_at_the_ceiling)
{
    struct buf small;
    one_row(&out);
    for (size_t max = 0; max < out.n + 5; max++) {
        buf_init(&small, max);
        one_row(&small);
        cr_assert(small.n <= max);
        cr_assert_eq(small.failed, max < out.n);
        buf_fini(&small);
    }
}

Test(documents, delete_result)
{
    struct xml_deleted_row deleted[] = {{.key = BYTES_LIT("a")},
                                        {.key = BYTES_LIT("b"), .marker = true, .marker_version_id = BYTES_LIT("v1")}};
    struct xml_delete_error_row errors[] = {
        {.key = BYTES_LIT("c"), .code = BYTES_LIT("AccessDenied"), .message = BYTES_LIT("Access Denied")}};
    struct xml_delete_result doc = {.deleted = deleted, .n_deleted = 2, .errors = errors, .n_errors = 1};
    xml_render(&out, &xml_delete_result_doc, &doc);
    expect(XML_PROLOG
           "<DeleteResult" NS "><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key>"
           "<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>v1</DeleteMarkerVersionId></Deleted>"
           "<Error><Key>c</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>");
}

Test(documents, complete_result)
{
    struct xml_complete_result doc = {.location = BYTES_LIT("http://h/b/k"),
                                      .bucket = BYTES_LIT("b"),
                                      .key = BYTES_LIT("k"),
                                      .etag = BYTES_LIT("abc-2"),
                                      .checksum_type = CHECKSUM_COMPOSITE};
    doc.checksums[CHECKSUM_SHA256] = BYTES_LIT("c2hh-2");
    xml_render(&out, &xml_complete_result_doc, &doc);
    expect(XML_PROLOG "<CompleteMultipartUploadResult" NS "><Location>http://h/b/k</Location><Bucket>b</Bucket>"
                      "<Key>k</Key><ETag>&quot;abc-2&quot;</ETag><ChecksumSHA256>c2hh-2</ChecksumSHA256>"
                      "<ChecksumType>COMPOSITE</ChecksumType></CompleteMultipartUploadResult>");
}

Test(documents, object_attributes_carry_the_etag_without_quotes)
{
    struct xml_attributes_parts parts = {.total = 2};
    struct xml_object_attributes doc = {
        .etag = BYTES_LIT("abc-2"), .parts = &parts, .storage_class = BYTES_LIT("STANDARD"), .size = {0, true}};
    xml_render(&out, &xml_object_attributes_doc, &doc);
    expect(XML_PROLOG "<GetObjectAttributesResponse" NS "><ETag>abc-2</ETag><ObjectParts><PartsCount>2</PartsCount>"
                      "</ObjectParts><StorageClass>STANDARD</StorageClass><ObjectSize>0</ObjectSize>"
                      "</GetObjectAttributesResponse>");
}

Test(documents, list_uploads_keeps_its_empty_markers)
{
    struct xml_list_uploads doc = {.bucket = BYTES_LIT("b"), .max_uploads = 1000};
    xml_render(&out, &xml_list_uploads_doc, &doc);
    expect(
        XML_PROLOG
        "<ListMultipartUploadsResult" NS "><Bucket>b</Bucket><KeyMarker></KeyMarker><UploadIdMarker>"
        "</UploadIdMarker><NextKeyMarker></NextKeyMarker><NextUploadIdMarker></NextUploadIdMarker>"
        "<Prefix></Prefix><MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>");
}
