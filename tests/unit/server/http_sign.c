/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures against the examples of the protocol's own documentation, and what a signature must not depend on. */
#include "http_sign.h"

#include <criterion/criterion.h>
#include <string.h>

#include "http_client.h"

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOST       "http://examplebucket.s3.amazonaws.com"

static char *sign(struct arena *a, const char *url, const struct http_client_header *more, size_t n_more)
{
    struct http_client_header all[8] = {{"x-amz-date", "20130524T000000Z"}, {"x-amz-content-sha256", EMPTY_HASH}};
    memcpy(all + 2, more, n_more * sizeof *more);
    struct http_sign q = {"GET",
                          url,
                          all,
                          n_more + 2,
                          EMPTY_HASH,
                          "20130524T000000Z",
                          "AKIAIOSFODNN7EXAMPLE",
                          "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                          "us-east-1",
                          "s3"};
    return http_sign_v4(&q, a);
}

static const struct http_client_header none[1];

Test(http_sign, the_examples_of_the_documentation)
{
    struct arena *a = arena_create(0);
    cr_expect_str_eq(sign(a, HOST "/?lifecycle", none, 0),
                     "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                     "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
                     "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    cr_expect(strstr(sign(a, HOST "/?max-keys=2&prefix=J", none, 0),
                     "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
    arena_free(a);
}

Test(http_sign, the_same_request_written_otherwise)
{
    static const struct http_client_header plain[] = {{"x-amz-meta-a", "b c"}, {"Range", "bytes=0-1"}};
    static const struct http_client_header spaced[] = {{"X-Amz-Meta-A", "  b    c "}};
    struct arena *a = arena_create(0);
    cr_expect_str_eq(sign(a, HOST "/k?b=%2f&a=x%20y", none, 0), sign(a, HOST "/k?a=x%20y&b=%2F", none, 0));
    cr_expect_str_eq(sign(a, HOST ":80/", none, 0), sign(a, HOST, none, 0), "the port of the scheme is not sent");
    cr_expect_str_neq(sign(a, HOST ":81/", none, 0), sign(a, HOST, none, 0));
    cr_expect_str_eq(sign(a, HOST "/", plain, 2), sign(a, HOST "/", spaced, 1), "runs of spaces count as one");
    cr_expect_str_neq(sign(a, HOST "/a//b", none, 0), sign(a, HOST "/a/b", none, 0), "paths are signed as they are");
    cr_expect_null(sign(a, "nonsense", none, 0));
    arena_free(a);
}
