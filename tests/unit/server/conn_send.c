/* SPDX-License-Identifier: Apache-2.0 */
/* "100 Continue" on a connection whose client sends requests ahead and takes no reply. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/conn.h"
#include "server/req.h"
#include "server/respond.h"

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

static void fill(int fd)
{
    static const char some[4096];
    while (send(fd, some, sizeof some, MSG_DONTWAIT) > 0)
        ;
    while (send(fd, some, 1, MSG_DONTWAIT) > 0)
        ;
}

Test(conn_send, HTP_09_no_room_for_a_100)
{
    int ends[2];
    struct conn c = {.in_n = 0};
    struct req r = {.conn = &c, .resp.status = 200};
    struct buf out;
    char got[64];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    c.fd = ends[0];
    c.req = &r;
    buf_init(&r.resp.headers, 1024);
    buf_init(&out, 0);
    conn_continue(&c);
    cr_expect(recv(ends[1], got, sizeof got, 0) == sizeof CONTINUE - 1 &&
              memcmp(got, CONTINUE, sizeof CONTINUE - 1) == 0);
    respond_head(&r, &out);
    cr_expect(bytes_starts(buf_bytes(&out), BYTES_LIT("HTTP/1.1 200 OK\r\n")), "it went out at once");
    fill(ends[0]);
    conn_continue(&c);
    respond_head(&r, &out);
    cr_expect(bytes_starts(buf_bytes(&out), BYTES_LIT(CONTINUE "HTTP/1.1 200 OK\r\n")), "it goes ahead of the reply");
    respond_head(&r, &out);
    cr_expect(bytes_starts(buf_bytes(&out), BYTES_LIT("HTTP/1.1 200 OK\r\n")), "once");
    buf_fini(&out);
    close(ends[0]);
    close(ends[1]);
}
