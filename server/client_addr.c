/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of clients behind proxies. Addresses are compared as IPv6, IPv4 in its mapped form.
 * Threads: pure functions.
 */
#include "server/client_addr.h"

#include <arpa/inet.h>
#include <string.h>

#define ADDRESS_TEXT_MAX 63 /* bytes of an address with a prefix length */
#define V4_BITS          96 /* in front of an IPv4 address in its mapped form */

static bool parse_address(struct bytes text, unsigned char ret[16], bool *ret_v4)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char copy[ADDRESS_TEXT_MAX + 1];
    if (text.n == 0 || text.n > ADDRESS_TEXT_MAX || memchr(text.p, '\0', text.n))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *ret_v4 = inet_pton(AF_INET, copy, ret + 12) == 1;
    if (*ret_v4)
        memcpy(ret, mapped, sizeof mapped);
    return *ret_v4 || inet_pton(AF_INET6, copy, ret) == 1;
}

static bool parse_net(struct bytes text, struct client_net *ret)
{
    ptrdiff_t slash = bytes_find_char(text, '/', 0);
    struct bytes address = slash < 0 ? text : bytes_cut(text, 0, (size_t)slash);
    uint64_t bits;
    bool v4;
    if (!parse_address(address, ret->address, &v4))
        return false;
    ret->bits = 128;
    if (slash < 0)
        return true;
    if (!bytes_to_u64(bytes_cut(text, (size_t)slash + 1, text.n), v4 ? 32 : 128, &bits))
        return false;
    ret->bits = (unsigned)bits + (v4 ? V4_BITS : 0);
    return true;
}

bool client_proxies_parse(const char *text, struct client_proxies *ret)
{
    struct bytes all = bytes_str(text);
    ret->n = 0;
    for (size_t at = 0; at < all.n;) {
        ptrdiff_t comma = bytes_find_char(all, ',', at);
        size_t end = comma < 0 ? all.n : (size_t)comma;
        struct bytes item = bytes_trim(bytes_cut(all, at, end - at));
        if (ret->n == CLIENT_PROXIES_MAX || !parse_net(item, &ret->nets[ret->n]))
            return false;
        ret->n++;
        at = end + 1;
    }
    return true;
}

static bool within(const struct client_net *net, const unsigned char address[16])
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;
    if (memcmp(net->address, address, whole) != 0)
        return false;
    return rest == 0 || (net->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

static bool trusted(const struct client_proxies *p, struct bytes text)
{
    unsigned char address[16];
    bool v4;
    if (!parse_address(text, address, &v4))
        return false;
    for (size_t i = 0; i < p->n; i++)
        if (within(&p->nets[i], address))
            return true;
    return false;
}

/* Port and brackets, which some proxies write too, are left out. */
static struct bytes plain_address(struct bytes text)
{
    ptrdiff_t colon = bytes_find_char(text, ':', 0);
    if (text.n && text.p[0] == '[') {
        ptrdiff_t end = bytes_find_char(text, ']', 0);
        return end < 0 ? text : bytes_cut(text, 1, (size_t)end - 1);
    }
    if (colon >= 0 && bytes_find_char(text, ':', (size_t)colon + 1) < 0)
        return bytes_cut(text, 0, (size_t)colon);
    return text;
}

/* Goes through one header from its end. False: the search is over. */
static bool search(const struct client_proxies *p, struct bytes value, struct bytes *ip)
{
    size_t end = value.n;
    for (;;) {
        size_t at = end;
        while (at > 0 && value.p[at - 1] != ',')
            at--;
        struct bytes item = plain_address(bytes_trim(bytes_cut(value, at, end - at)));
        unsigned char address[16];
        bool v4;
        if (!parse_address(item, address, &v4))
            return false; /* "unknown", or worse: what is further to the left cannot be told */
        *ip = item;
        if (!trusted(p, item))
            return false;
        if (at == 0)
            return true;
        end = at - 1;
    }
}

struct client_addr client_addr_of(const struct client_proxies *p, struct bytes peer, bool tls,
                                  const struct http_head *head)
{
    struct client_addr c = {peer, tls};
    if (p->n == 0 || !trusted(p, peer))
        return c;
    struct bytes proto = http_head_value(head, HDR_X_FORWARDED_PROTO);
    if (proto.p)
        c.https = bytes_eq_str_nocase(proto, "https");
    for (unsigned i = head->header_count; i-- > 0;)
        if (head->headers[i].id == HDR_X_FORWARDED_FOR && !search(p, head->headers[i].value, &c.ip))
            break;
    return c;
}
