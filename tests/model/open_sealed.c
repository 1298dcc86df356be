/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens sealed bodies of the admin API, for tests that have them from elsewhere. Each line of standard input is a
 * secret and a body, both in hexadecimal digits and apart by one space; each line of output is the plaintext in the
 * same form, or the word "refused".
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "server/admin_api/sealed.h"

static struct bytes of_hex(struct arena *a, struct bytes hex)
{
    char *p = arena_alloc(a, hex.n / 2 + 1);
    return hex_decode(hex, p, hex.n / 2) ? bytes_of(p, hex.n / 2) : BYTES_NONE;
}

static void answer(struct bytes line)
{
    struct arena *a = arena_create(0);
    struct sealed_key key;
    struct bytes plain;
    ptrdiff_t space = bytes_find_char(line, ' ', 0);
    struct bytes secret = of_hex(a, bytes_cut(line, 0, space < 0 ? 0 : (size_t)space));
    struct bytes body = of_hex(a, bytes_cut(line, (size_t)(space + 1), line.n));
    if (sealed_open(secret, body, a, &key, &plain) == SEALED_OK) {
        char *hex = arena_alloc(a, 2 * plain.n + 1);
        hex_encode(plain.p, plain.n, hex);
        printf("%.*s\n", (int)(2 * plain.n), hex);
    } else {
        printf("refused\n");
    }
    arena_free(a);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0)
        answer(bytes_of(line, (size_t)(line[n - 1] == '\n' ? n - 1 : n)));
    free(line);
    return 0;
}
