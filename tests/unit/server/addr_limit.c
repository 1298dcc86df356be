/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and memory by peer address. */
#include "server/addr_limit.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>

static struct sockaddr_storage peer(const char *text)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s;
    struct sockaddr_in *four = (struct sockaddr_in *)&s;
    bool is_six = inet_pton(AF_INET6, text, &six->sin6_addr) == 1;
    if (!is_six)
        cr_assert(inet_pton(AF_INET, text, &four->sin_addr) == 1);
    s.ss_family = is_six ? AF_INET6 : AF_INET;
    return s;
}

Test(addr_limit, connections_count_by_address)
{
    struct addr_limit *l = addr_limit_create(2);
    struct sockaddr_storage a = peer("192.0.2.1"), mapped = peer("::ffff:192.0.2.1"), b = peer("192.0.2.2");
    cr_assert(addr_limit_enter(l, &a));
    cr_assert(addr_limit_enter(l, &mapped));
    cr_assert(!addr_limit_enter(l, &a));
    cr_assert(addr_limit_enter(l, &b));
    addr_limit_leave(l, &mapped);
    cr_assert(addr_limit_enter(l, &a));
    addr_limit_free(&l);
    cr_assert_null(l);
}

Test(addr_limit, a_network_of_64_bits_is_one_customer)
{
    struct addr_limit *l = addr_limit_create(1);
    struct sockaddr_storage a = peer("2001:db8:1:2::1"), same = peer("2001:db8:1:2:ffff::9"),
                            b = peer("2001:db8:1:3::1");
    cr_assert(addr_limit_enter(l, &a));
    cr_assert(!addr_limit_enter(l, &same));
    cr_assert(addr_limit_enter(l, &b));
    addr_limit_free(&l);
}

Test(addr_limit, what_an_address_holds)
{
    struct addr_limit *l = addr_limit_create(10);
    struct sockaddr_storage a = peer("192.0.2.1"), b = peer("192.0.2.2");
    addr_limit_enter(l, &a);
    addr_limit_enter(l, &a);
    addr_limit_enter(l, &b);
    cr_assert_eq(addr_limit_hold(l, &a, 100), 100);
    cr_assert_eq(addr_limit_hold(l, &a, 50), 150);
    cr_assert_eq(addr_limit_hold(l, &b, 7), 7);
    addr_limit_release(l, &a, 100);
    addr_limit_leave(l, &a);
    cr_assert_eq(addr_limit_hold(l, &a, 1), 51);
    addr_limit_release(l, &a, 51);
    addr_limit_leave(l, &a);
    addr_limit_enter(l, &a);
    cr_assert_eq(addr_limit_hold(l, &a, 0), 0);
    addr_limit_free(&l);
}
