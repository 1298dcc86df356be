/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of a request that met trouble; standard error is a pipe of the test's own meanwhile. */
#include "server/access_log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config.h"
#include "server/conn.h"
#include "server/ops.h"
#include "server/req.h"
#include "server/server.h"

static char said[65536];

static void say_trouble(const struct req *r)
{
    access_log_trouble("request", r, "IO");
}

static const char *said_by(void (*say)(const struct req *), const struct req *r, enum log_format format)
{
    int ends[2], old = dup(STDERR_FILENO);
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    dup2(ends[1], STDERR_FILENO);
    log_setup(format, LOG_INFO);
    say(r);
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

static const char *trouble(const struct req *r, enum log_format format)
{
    return said_by(say_trouble, r, format);
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

/* Long texts of a client's are cut, never the line: one that cannot be read would hide the request. */
Test(access_log, the_line_of_a_long_path_is_whole)
{
    static char odd[8000];
    static struct server server;
    static struct conn c;
    struct config cfg = {.access_log = true};
    memset(odd, '"', sizeof odd);
    memset(odd, 1, 3000);
    server.config = &cfg;
    c.peer_name = BYTES_LIT("192.0.2.1");
    struct req r = {.id = "0123456789ABCDEF", .server = &server, .conn = &c, .raw_path = bytes_of(odd, sizeof odd)};
    r.auth.access_key = r.head.method_text = r.raw_path;
    const char *line = said_by(access_log_request, &r, LOG_JSON);
    json_t *j = json_loads(line, 0, NULL);
    cr_assert(j != NULL, "%s", line);
    cr_expect_eq(json_string_length(json_object_get(j, "path")), 2048);
    cr_expect_str_eq(json_string_value(json_object_get(j, "peer")), "192.0.2.1");
    json_decref(j);
}
