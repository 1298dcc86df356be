/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoding: keys of any bytes, and what is not rightly encoded. */
#include "admin/url.h"

#include <criterion/criterion.h>

Test(url, keys_in_urls)
{
    struct arena *a = arena_create(0);
    cr_expect(bytes_eq_str(url_encode(a, bytes_of("a/b c\0\xff+~", 9), true), "a/b%20c%00%FF%2B~"));
    cr_expect(bytes_eq_str(url_encode(a, bytes_str("a/b"), false), "a%2Fb"));
    cr_expect(bytes_eq_str(url_decode(a, bytes_str("%zz%4")), "%zz%4"), "what is not encoded stays");
    arena_free(a);
}
