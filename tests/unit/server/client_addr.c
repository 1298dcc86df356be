/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of clients, believed only from those who may tell. */
#include "server/client_addr.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char text[1024];
static struct http_header slots[16];

static const char *address(const char *proxies, const char *peer, const char *headers, bool *ret_https)
{
    static char out[64];
    struct client_proxies p;
    struct http_head head;
    http_head_init(&head, NULL, slots);
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", headers);
    cr_assert_eq(http_head_parse(&head, bytes_str(text)), HTTP_PARSE_OK);
    cr_assert(client_proxies_parse(proxies, &p), "%s", proxies);
    struct client_addr c = client_addr_of(&p, bytes_str(peer), false, &head);
    if (ret_https)
        *ret_https = c.https;
    snprintf(out, sizeof out, "%.*s", (int)c.ip.n, c.ip.p);
    return out;
}

Test(client_addr, strangers_are_not_believed)
{
    bool https;
    cr_assert_str_eq(address("", "192.0.2.7", "X-Forwarded-For: 10.1.1.1\r\n", NULL), "192.0.2.7");
    cr_assert_str_eq(
        address("10.0.0.0/8", "192.0.2.7", "X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Proto: https\r\n", &https),
        "192.0.2.7");
    cr_assert_not(https);
}

Test(client_addr, the_last_address_that_is_no_proxy)
{
    bool https;
    cr_assert_str_eq(address("10.0.0.0/8,::1", "10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", &https), "192.0.2.1");
    cr_assert_not(https);
    cr_assert_str_eq(address("10.0.0.0/8", "10.0.0.1", "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.2.2.2\r\n", NULL),
                     "192.0.2.1");
    cr_assert_str_eq(address("10.0.0.0/8", "10.0.0.1",
                             "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.1:4711\r\n"
                             "X-Forwarded-Proto: https\r\n",
                             &https),
                     "192.0.2.1");
    cr_assert(https);
    cr_assert_str_eq(address("::1", "::1", "X-Forwarded-For: [2001:db8::5]:99\r\n", NULL), "2001:db8::5");
    cr_assert_str_eq(address("::1", "::1", "X-Forwarded-For: unknown\r\n", NULL), "::1");
    cr_assert_str_eq(address("::1", "::1", "X-Forwarded-For: 6.6.6.6, unknown\r\n", NULL), "::1");
    cr_assert_str_eq(address("::1", "::1", "", NULL), "::1");
    cr_assert_str_eq(address("10.0.0.0/8", "10.0.0.1", "X-Forwarded-For: 10.9.9.9\r\n", NULL), "10.9.9.9");
}

Test(client_addr, networks)
{
    struct client_proxies p;
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0", "x", "::/129", "10.0.0.1/", "/8", ",", " "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(client_proxies_parse(bad[i], &p), "%s", bad[i]);
    cr_assert(client_proxies_parse("0.0.0.0/0, 2001:db8::/33", &p) && p.n == 2);
    cr_assert_str_eq(address("192.0.2.128/25", "192.0.2.129", "X-Forwarded-For: 1.2.3.4\r\n", NULL), "1.2.3.4");
    cr_assert_str_eq(address("192.0.2.128/25", "192.0.2.127", "X-Forwarded-For: 1.2.3.4\r\n", NULL), "192.0.2.127");
}
