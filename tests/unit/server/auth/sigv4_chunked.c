/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunk and trailer signatures: AWS's two published uploads, the rows CHK-*, and bodies cut, continued or reordered.
 */
#include "tests/unit/server/auth/fixture.h"
#include "server/auth/sigv4_chunked.h"

struct upload {
    struct shot *shot;
    struct sigv4_chunked *c;
    char previous[65]; /* what the next chunk is signed after */
};

static struct upload upload_new(const char *mode)
{
    char seed[65];
    struct sign_request r = {.method = "PUT",
                             .path = "/k",
                             .payload = mode,
                             .date = DATE,
                             PAIRS({"Host", HOST}, {"x-amz-date", DATE}, {"x-amz-content-sha256", mode})};
    struct upload u = {.shot = shot_signed(&keys, &r)};
    free(sign_authorization(&keys, &r, seed));
    memcpy(u.previous, seed, sizeof(seed));
    shot_ok(u.shot);
    cr_assert_not_null(u.shot->res.seed);
    u.c = sigv4_chunked_new(u.shot->res.seed, strcmp(mode, SIGN_CHUNKED_TRAILER) == 0, u.shot->arena);
    return u;
}

static void upload_free(struct upload *u)
{
    shot_free(u->shot);
}

static bool feed(struct upload *u, const char *data, size_t n, const char *signature)
{
    if (!sigv4_chunk_begin(u->c, n, bytes_str(signature)))
        return false;
    for (size_t at = 0; at < n;) { /* in uneven pieces */
        size_t piece = at % 3 == 0 ? 1000 : 4321;
        piece = piece < n - at ? piece : n - at;
        sigv4_chunk_data(u->c, data + at, piece);
        at += piece;
    }
    return sigv4_chunk_end(u->c);
}

static bool chunk(struct upload *u, const char *data, size_t n)
{
    char hex[65];
    sign_chunk(&keys, DATE, u->previous, data, n, hex);
    memcpy(u->previous, hex, sizeof(hex));
    return feed(u, data, n, hex);
}

static void refused(struct upload *u, const char *code)
{
    const struct auth_error *e = sigv4_chunked_error(u->c);
    cr_assert_not_null(e->code);
    cr_assert_str_eq(e->code, code);
    /* and nothing helps any more */
    cr_assert_not(chunk(u, "", 0));
    cr_assert_not(sigv4_chunked_trailer(u->c, BYTES_LIT("a"), BYTES_LIT("b")));
    cr_assert_not(sigv4_chunked_trailer_signature(u->c, bytes_str(u->previous)));
    cr_assert_not(sigv4_chunked_finish(u->c));
    cr_assert_str_eq(sigv4_chunked_error(u->c)->code, code);
}

static char zeros[100000];

/* ---- docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html ---- */

static struct shot *streaming_example(const char *mode, const char *signed_headers, const char *signature)
{
    struct shot *s = shot_new("PUT", "/examplebucket/chunkObject.txt");
    char auth[600];
    snprintf(auth, sizeof(auth),
             "AWS4-HMAC-SHA256 Credential=" AK "/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s",
             signed_headers, signature);
    shot_header(s, "Host", "s3.amazonaws.com");
    shot_header(s, "x-amz-date", DATE);
    shot_header(s, "x-amz-storage-class", "REDUCED_REDUNDANCY");
    shot_header(s, "Authorization", auth);
    shot_header(s, "x-amz-content-sha256", mode);
    shot_header(s, "Content-Encoding", "aws-chunked");
    shot_header(s, "x-amz-decoded-content-length", "66560");
    return s;
}

Test(sigv4_chunked, aws_example)
{
    struct upload u = {.shot = streaming_example(SIGN_CHUNKED,
                                                 "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                                                 "x-amz-decoded-content-length;x-amz-storage-class",
                                                 "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")};
    shot_header(u.shot, "Content-Length", "66824");
    shot_ok(u.shot);
    cr_assert_eq(u.shot->res.payload, AUTH_PAYLOAD_CHUNKED_SIGNED);
    u.c = sigv4_chunked_new(u.shot->res.seed, false, u.shot->arena);
    memset(zeros, 'a', 66560);
    cr_assert(feed(&u, zeros, 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"));
    cr_assert(feed(&u, zeros, 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"));
    cr_assert_not(sigv4_chunked_finish(u.c)); /* not before the empty chunk */
    upload_free(&u);

    u.shot = streaming_example(SIGN_CHUNKED,
                               "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                               "x-amz-decoded-content-length;x-amz-storage-class",
                               "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
    shot_header(u.shot, "Content-Length", "66824");
    shot_ok(u.shot);
    u.c = sigv4_chunked_new(u.shot->res.seed, false, u.shot->arena);
    cr_assert(feed(&u, zeros, 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"));
    cr_assert(feed(&u, zeros, 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"));
    cr_assert(feed(&u, zeros, 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"));
    cr_assert(sigv4_chunked_finish(u.c));
    cr_assert_null(sigv4_chunked_error(u.c)->code);
    upload_free(&u);
}

/* docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html */
Test(sigv4_chunked, aws_example_with_trailer)
{
    struct upload u = {.shot = streaming_example(SIGN_CHUNKED_TRAILER,
                                                 "content-encoding;host;x-amz-content-sha256;x-amz-date;"
                                                 "x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
                                                 "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")};
    shot_header(u.shot, "x-amz-trailer", "x-amz-checksum-crc32c");
    shot_ok(u.shot);
    u.c = sigv4_chunked_new(u.shot->res.seed, true, u.shot->arena);
    memset(zeros, 'a', 66560);
    cr_assert(feed(&u, zeros, 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"));
    cr_assert(feed(&u, zeros, 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"));
    cr_assert(feed(&u, zeros, 0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"));
    cr_assert(sigv4_chunked_trailer(u.c, BYTES_LIT("X-Amz-Checksum-Crc32c"), BYTES_LIT(" sOO8/Q== ")));
    cr_assert(sigv4_chunked_trailer_signature(
        u.c, BYTES_LIT("d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435")));
    cr_assert(sigv4_chunked_finish(u.c));
    upload_free(&u);
}

/* ---- what verifies ---- */

Test(sigv4_chunked, empty_body)
{
    struct upload u = upload_new(SIGN_CHUNKED);
    cr_assert(chunk(&u, "", 0));
    cr_assert(sigv4_chunked_finish(u.c));
    upload_free(&u);
}

Test(sigv4_chunked, several_trailers_or_none)
{
    for (int n = 0; n < 3; n++) {
        struct upload u = upload_new(SIGN_CHUNKED_TRAILER);
        static const char *const lines[] = {"", "x-amz-checksum-crc32:AAAAAA==\n",
                                            "x-amz-checksum-crc32:AAAAAA==\nb:\n"};
        char hex[65];
        cr_assert(chunk(&u, "abc", 3));
        cr_assert(chunk(&u, "", 0));
        if (n > 0)
            cr_assert(sigv4_chunked_trailer(u.c, BYTES_LIT("x-amz-checksum-crc32"), BYTES_LIT("AAAAAA==")));
        if (n > 1)
            cr_assert(sigv4_chunked_trailer(u.c, BYTES_LIT("B"), BYTES_NONE));
        sign_trailers(&keys, DATE, u.previous, lines[n], hex);
        cr_assert(sigv4_chunked_trailer_signature(u.c, bytes_str(hex)));
        cr_assert(sigv4_chunked_finish(u.c));
        upload_free(&u);
    }
}

/* ---- refusals ---- */

Test(sigv4_chunked, wrong_chunk_signature_or_data)
{
    struct upload u = upload_new(SIGN_CHUNKED);
    cr_assert(chunk(&u, zeros, 9000));
    cr_assert_not(feed(&u, zeros, 9000, u.previous)); /* the previous one again */
    refused(&u, "SignatureDoesNotMatch");
    upload_free(&u);
    u = upload_new(SIGN_CHUNKED);
    char hex[65];
    sign_chunk(&keys, DATE, u.previous, "abc", 3, hex);
    cr_assert_not(feed(&u, "abd", 3, hex));
    refused(&u, "SignatureDoesNotMatch");
    upload_free(&u);
}

Test(sigv4_chunked, reordered_chunks)
{
    struct upload u = upload_new(SIGN_CHUNKED);
    char first[65], second[65];
    memset(zeros, 'b', 9000);
    sign_chunk(&keys, DATE, u.previous, zeros, 9000, first);
    sign_chunk(&keys, DATE, first, zeros, 8192, second);
    cr_assert_not(feed(&u, zeros, 8192, second));
    refused(&u, "SignatureDoesNotMatch");
    upload_free(&u);
}

Test(sigv4_chunked, CHK_02_last_chunk_signature_wrong_or_absent)
{
    static const char *const bad[] = {"", "00", SIGN_EMPTY_SHA256, SIGN_EMPTY_SHA256 "0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct upload u = upload_new(SIGN_CHUNKED);
        cr_assert(chunk(&u, "abc", 3));
        cr_assert_not(feed(&u, "", 0, bad[i]));
        refused(&u, "SignatureDoesNotMatch");
        upload_free(&u);
    }
    struct upload u = upload_new(SIGN_CHUNKED);
    cr_assert(chunk(&u, "abc", 3));
    cr_assert_not(sigv4_chunked_finish(u.c)); /* cut off */
    refused(&u, "IncompleteBody");
    upload_free(&u);
}

Test(sigv4_chunked, CHK_02_cut_inside_a_chunk_or_too_much_data)
{
    struct upload u = upload_new(SIGN_CHUNKED);
    cr_assert(sigv4_chunk_begin(u.c, 10, BYTES_LIT(SIGN_EMPTY_SHA256)));
    sigv4_chunk_data(u.c, zeros, 9);
    cr_assert_not(sigv4_chunk_end(u.c));
    refused(&u, "IncompleteBody");
    upload_free(&u);
    u = upload_new(SIGN_CHUNKED);
    cr_assert(sigv4_chunk_begin(u.c, 10, BYTES_LIT(SIGN_EMPTY_SHA256)));
    sigv4_chunk_data(u.c, zeros, 11);
    cr_assert_not(sigv4_chunk_end(u.c));
    refused(&u, "IncompleteBody");
    upload_free(&u);
    u = upload_new(SIGN_CHUNKED);
    cr_assert(sigv4_chunk_begin(u.c, 10, BYTES_LIT(SIGN_EMPTY_SHA256)));
    cr_assert_not(sigv4_chunk_begin(u.c, 10, BYTES_LIT(SIGN_EMPTY_SHA256)));
    refused(&u, "IncompleteBody");
    upload_free(&u);
    u = upload_new(SIGN_CHUNKED);
    cr_assert(sigv4_chunk_begin(u.c, UINT64_MAX, BYTES_LIT(SIGN_EMPTY_SHA256))); /* CHK-10: a claim costs nothing */
    cr_assert_not(sigv4_chunked_finish(u.c));
    refused(&u, "IncompleteBody");
    upload_free(&u);
}

Test(sigv4_chunked, nothing_after_the_empty_chunk)
{
    struct upload u = upload_new(SIGN_CHUNKED);
    cr_assert(chunk(&u, "", 0));
    cr_assert_not(chunk(&u, "abc", 3));
    refused(&u, "IncompleteBody");
    upload_free(&u);
}

Test(sigv4_chunked, CHK_06_trailers_only_when_announced)
{
    struct upload u = upload_new(SIGN_CHUNKED);
    cr_assert(chunk(&u, "", 0));
    cr_assert_not(sigv4_chunked_trailer(u.c, BYTES_LIT("x-amz-checksum-crc32"), BYTES_LIT("AAAAAA==")));
    refused(&u, "MalformedTrailerError");
    upload_free(&u);
    u = upload_new(SIGN_CHUNKED_TRAILER);
    cr_assert_not(sigv4_chunked_trailer(u.c, BYTES_LIT("a"), BYTES_LIT("b"))); /* before the empty chunk */
    refused(&u, "MalformedTrailerError");
    upload_free(&u);
    u = upload_new(SIGN_CHUNKED_TRAILER);
    cr_assert(chunk(&u, "", 0));
    cr_assert_not(sigv4_chunked_trailer(u.c, bytes_of(zeros, 5000), BYTES_LIT("b")));
    refused(&u, "MalformedTrailerError");
    upload_free(&u);
}

Test(sigv4_chunked, CHK_07_trailer_signature_wrong_or_missing)
{
    for (int how = 0; how < 4; how++) {
        struct upload u = upload_new(SIGN_CHUNKED_TRAILER);
        char hex[65];
        cr_assert(chunk(&u, "abc", 3));
        cr_assert(chunk(&u, "", 0));
        cr_assert(sigv4_chunked_trailer(u.c, BYTES_LIT("x-amz-checksum-crc32"), BYTES_LIT("AAAAAA==")));
        sign_trailers(&keys, DATE, u.previous, "x-amz-checksum-crc32:AAAAAB==\n", hex);
        if (how == 0)
            cr_assert_not(sigv4_chunked_trailer_signature(u.c, bytes_str(hex)));
        if (how == 1)
            cr_assert_not(sigv4_chunked_trailer_signature(u.c, BYTES_NONE));
        if (how == 2)
            cr_assert_not(sigv4_chunked_trailer_signature(u.c, bytes_str(u.previous)));
        cr_assert_not(sigv4_chunked_finish(u.c));
        refused(&u, "SignatureDoesNotMatch");
        upload_free(&u);
    }
}

Test(sigv4_chunked, CHK_09_small_chunk_that_is_not_the_last)
{
    struct upload u = upload_new(SIGN_CHUNKED);
    cr_assert(chunk(&u, zeros, 8192));
    cr_assert(chunk(&u, zeros, 8191));
    cr_assert_not(chunk(&u, zeros, 8192));
    const struct auth_error *e = sigv4_chunked_error(u.c);
    cr_assert_str_eq(e->code, "InvalidChunkSizeError");
    cr_assert_eq(e->extra_count, 2);
    cr_assert(bytes_eq_str(e->extras[0].value, "2") && strcmp(e->extras[0].name, "Chunk") == 0);
    cr_assert(bytes_eq_str(e->extras[1].value, "8191") && strcmp(e->extras[1].name, "BadChunkSize") == 0);
    refused(&u, "InvalidChunkSizeError");
    upload_free(&u);
}

Test(sigv4_chunked, memory_stays_small_over_many_chunks)
{
    struct upload u = upload_new(SIGN_CHUNKED);
    size_t before = arena_used(u.shot->arena);
    for (int i = 0; i < 200; i++)
        cr_assert(chunk(&u, zeros, 8192));
    cr_assert(chunk(&u, "", 0));
    cr_assert(sigv4_chunked_finish(u.c));
    cr_assert_eq(arena_used(u.shot->arena), before);
    upload_free(&u);
}
