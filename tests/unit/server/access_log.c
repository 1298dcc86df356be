/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of a request that met trouble; standard error is a pipe of the test's own meanwhile. */
#include "server/access_log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/ops.h"
#include "server/req.h"

static char said[8192];

static const char *trouble(const struct req *r, enum log_format format)
{
    int ends[2], old = dup(STDERR_FILENO);
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    dup2(ends[1], STDERR_FILENO);
    log_setup(format, LOG_ERROR);
    access_log_trouble("request", r, "IO");
    log_setup(LOG_TEXT, LOG_INFO);
    dup2(old, STDERR_FILENO);
    close(old);
    close(ends[1]);
    ssize_t n = read(ends[0], said, sizeof said - 1);
    cr_assert(n > 0);
    said[n] = '\0';
    close(ends[0]);
    return said;
}

Test(access_log, trouble_names_request_operation_bucket_and_key)
{
    static const struct s3_op op = {.name = "PutObject"};
    struct req r = {.id = "0123456789ABCDEF", .op = &op, .bucket_name = BYTES_LIT("bucket"), .key = BYTES_LIT("a/b.c")};
    cr_assert(strstr(trouble(&r, LOG_TEXT), " ERROR request 0123456789ABCDEF PutObject bucket=bucket key=a/b.c: IO\n"));
    r.key = BYTES_NONE;
    cr_assert(strstr(trouble(&r, LOG_TEXT), " PutObject bucket=bucket: IO\n"));
    r.op = NULL;
    r.bucket_name = BYTES_NONE;
    cr_assert(strstr(trouble(&r, LOG_TEXT), " 0123456789ABCDEF -: IO\n"));
}

Test(access_log, a_key_cannot_forge_a_line)
{
    struct req r = {
        .id = "0123456789ABCDEF", .bucket_name = BYTES_LIT("b"), .key = BYTES_LIT("x\n2026 ERROR %41\"\\\xc3\xa9\0y")};
    const char *line = trouble(&r, LOG_TEXT);
    cr_assert(strstr(line, " key=x%0A2026%20ERROR%20%2541\"\\%C3%A9%00y: IO\n"), "%s", line);
    line = trouble(&r, LOG_JSON);
    cr_assert(strstr(line, "key=x%0A2026%20ERROR%20%2541\\\"\\\\%C3%A9%00y: IO\"}\n"), "%s", line);
}

Test(access_log, a_long_key_is_cut)
{
    char key[1024];
    memset(key, 1, sizeof key);
    struct req r = {.id = "0123456789ABCDEF", .bucket_name = BYTES_LIT("b"), .key = bytes_of(key, sizeof key)};
    const char *line = trouble(&r, LOG_TEXT);
    cr_assert(strstr(line, "%01...: IO\n"), "%s", line);
    cr_assert_lt(strlen(line), 1400);
    memset(key, 'k', sizeof key);
    cr_assert(strstr(trouble(&r, LOG_TEXT), "kk: IO\n"), "a usual one is whole");
}
