/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guesses of secrets at the web console: an address that failed CONSOLE_SIGNIN_FAILURES times within
 * CONSOLE_SIGNIN_WINDOW_MS has to wait for the rest of that time. A try is any request that shows no session's token,
 * as each tells whether a secret is right. It counts as failed from its beginning on, until it turns out well, so that
 * many at once are no way around.
 *
 * Memory is one table of fixed size. Addresses that share a set of it push out the one whose time is over first: who
 * has thousands of addresses is not stopped by counting them. Of IPv6 the first 64 bits count.
 * Threads: any.
 */
#ifndef PAIL_SERVER_CONSOLE_SIGNIN_H
#define PAIL_SERVER_CONSOLE_SIGNIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define CONSOLE_SIGNIN_FAILURES  10
#define CONSOLE_SIGNIN_WINDOW_MS 60000
#define CONSOLE_SIGNIN_SETS      512 /* a power of two */
#define CONSOLE_SIGNIN_WAYS      4

struct console_signin;

struct console_signin *console_signin_create(void);
void console_signin_free(struct console_signin **);
/* A try of this address (its text) begins. 0, or how many seconds it has to wait. `now_ms`: monotonic. */
unsigned console_signin_begin(struct console_signin *, struct bytes ip, int64_t now_ms);
void console_signin_good(struct console_signin *, struct bytes ip); /* the try did not fail */
size_t console_signin_memory(void);                                 /* bytes, whatever happens */

#endif
