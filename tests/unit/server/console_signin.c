/* SPDX-License-Identifier: Apache-2.0 */
/* Guesses at the console: counted by address, for a minute, in bounded memory. */
#include "server/console_signin.h"

#include <criterion/criterion.h>
#include <stdio.h>

static unsigned try(struct console_signin *t, const char *ip, int64_t now_ms)
{
    return console_signin_begin(t, bytes_str(ip), now_ms);
}

Test(console_signin, ten_in_a_minute)
{
    struct console_signin *t = console_signin_create();
    for (int i = 0; i < CONSOLE_SIGNIN_FAILURES; i++)
        cr_expect_eq(try(t, "192.0.2.1", 1000 + i), 0, "%d", i);
    cr_expect_eq(try(t, "192.0.2.1", 1500), 60);
    cr_expect_eq(try(t, "192.0.2.1", 31000), 30);
    cr_expect_eq(try(t, "192.0.2.1", 60999), 1);
    cr_expect_eq(try(t, "192.0.2.2", 1500), 0, "another address");
    cr_expect_eq(try(t, "192.0.2.1", 61000), 0, "a minute later");
    console_signin_free(&t);
    cr_expect_null(t);
}

Test(console_signin, those_that_are_right_count_for_nothing)
{
    struct console_signin *t = console_signin_create();
    for (int i = 0; i < 1000; i++) {
        cr_expect_eq(try(t, "192.0.2.1", i), 0);
        console_signin_good(t, BYTES_LIT("192.0.2.1"));
    }
    for (int i = 0; i < CONSOLE_SIGNIN_FAILURES; i++) /* all at once: their ends are not known yet */
        cr_expect_eq(try(t, "192.0.2.1", 2000), 0);
    cr_expect_neq(try(t, "192.0.2.1", 2000), 0);
    console_signin_good(t, BYTES_LIT("192.0.2.1"));
    cr_expect_eq(try(t, "192.0.2.1", 2000), 0);
    console_signin_good(t, BYTES_LIT("203.0.113.7")); /* nobody */
    console_signin_free(&t);
}

Test(console_signin, addresses)
{
    struct console_signin *t = console_signin_create();
    char ip[64];
    for (int i = 0; i < CONSOLE_SIGNIN_FAILURES; i++) {
        snprintf(ip, sizeof ip, "2001:db8:1:2::%x", (unsigned)i + 1);
        cr_expect_eq(try(t, ip, 0), 0);
    }
    cr_expect_neq(try(t, "2001:db8:1:2:ffff::1", 0), 0, "one network");
    cr_expect_eq(try(t, "2001:db8:1:3::1", 0), 0, "the next one");
    static const char *const strange[] = {"", "-", "unknown", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21"};
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(try(t, strange[i], 0), 0);
    console_signin_free(&t);
}

Test(console_signin, memory_stays_what_it_is)
{
    struct console_signin *t = console_signin_create();
    char ip[64];
    cr_expect(console_signin_memory() < 256 * 1024);
    unsigned refused = 0;
    for (unsigned i = 0; i < 200000; i++) {
        snprintf(ip, sizeof ip, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        refused += try(t, ip, i / 100) != 0;
    }
    cr_expect_eq(refused, 0, "strangers stand in nobody's way");
    console_signin_free(&t);
}
