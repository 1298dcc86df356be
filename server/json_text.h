/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON from strangers. The library's parser calls itself for each level and stops at 2,048 of them, which is more than
 * a small stack holds: so the levels are counted first. Threads: pure functions.
 */
#ifndef PAIL_SERVER_JSON_TEXT_H
#define PAIL_SERVER_JSON_TEXT_H

#include <jansson.h>

#include "base/bytes.h"

#define JSON_DEPTH_MAX 32 /* where a document names no bound of its own */

/* Whether objects and arrays lie deeper in each other than that. */
bool json_deeper_than(struct bytes text, size_t max);
/* One document, no key twice; NULL when it is none, or too deep. */
json_t *json_read(struct bytes text);

#endif
