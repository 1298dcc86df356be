/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML of replies. Elements are cut out of the document by their names, from the outside in; what is cut points into it.
 * Namespace prefixes are cut. What is not well-formed, or is no XML of S3's, ends the search. Pure. Threads: any.
 */
#ifndef PAIL_ADMIN_TRANSFER_XML_H
#define PAIL_ADMIN_TRANSFER_XML_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"

/* The content of the document's element. */
bool doc_root(struct bytes doc, const char *name, struct bytes *ret);
/* Takes the next element off `rest`; false at the end, or when it is not well-formed. */
bool doc_next(struct bytes *rest, struct bytes *ret_name, struct bytes *ret_inner);
/* Nothing more is there: doc_next ended at the end, and not at something it refuses. */
bool doc_over(struct bytes rest);
/* The content of the first element of that name among those of `inner`. */
bool doc_find(struct bytes inner, const char *name, struct bytes *ret);
/* Content as text, decoded, in the arena with NUL behind it; of doc_find_text BYTES_NONE where there is none. */
struct bytes doc_text(struct bytes inner, struct arena *);
struct bytes doc_find_text(struct bytes inner, const char *name, struct arena *);

#endif
