/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK states what must be true of our own code. It stays on in production and never judges input from outside. */
#ifndef PAIL_BASE_CHECK_H
#define PAIL_BASE_CHECK_H

#define CHECK(cond)                                                                                                    \
    do {                                                                                                               \
        if (__builtin_expect(!(cond), 0))                                                                              \
            check_failed(#cond, __FILE__, __LINE__);                                                                   \
    } while (0)

_Noreturn void check_failed(const char *what, const char *file, int line);

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
