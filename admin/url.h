/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent-encoding, as S3 signs it: for paths and queries of requests, and for keys in listings that were asked for
 * encoding-type=url. Pure; results live in the arena, with NUL behind them, which does not count. Threads: any.
 */
#ifndef PAIL_ADMIN_URL_H
#define PAIL_ADMIN_URL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"

struct bytes url_encode(struct arena *, struct bytes text, bool path); /* `path`: slashes stay */
/* What is not rightly encoded stays as it is; a plus sign is a space. */
struct bytes url_decode(struct arena *, struct bytes text);

#endif
