/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs from request documents, by their tables.
 *
 * What is accepted: UTF-8 (a BOM may lead), no DOCTYPE, hence no entities but the five predefined ones and character
 * references; elements in the document's namespace or in none; every limit of the table and of schema.h. Comments and
 * processing instructions are skipped (a<!-- -->b is "ab"), CDATA is text. Elements may come in any order; one that its
 * table has once must not come twice. An element inside a text, or text between elements, is malformed. Attributes that
 * no table names are ignored. Numbers are plain decimal digits: no plus sign, no leading zero, no exponent. true and
 * false may have any case. Times are ISO 8601 (with offset or Z, with or without fraction; a date alone is its
 * midnight) or as HTTP has them: date_parse_lenient of server/http/date.h.
 *
 * Threads: any. Results live in the arena and do not refer to the body.
 */
#ifndef PAIL_SERVER_XML_PARSE_H
#define PAIL_SERVER_XML_PARSE_H

#include "base/arena.h"
#include "server/xml/schema.h"

struct xml_fault {
    enum s3_error code;
    const char *message;  /* NULL: the code's own */
    const char *argument; /* ArgumentName, or NULL */
    struct bytes value;   /* ArgumentValue: the text found, in the arena; cut to XML_FAULT_VALUE_MAX */
};

#define XML_FAULT_VALUE_MAX 256

/* To be called once before other threads start; parsing calls it too. */
void xml_parse_init(void);

/*
 * Fills *ret (doc->size bytes, zeroed first) and answers S3E_OK, or answers what is wrong, tells more in *fault (may be
 * NULL), and leaves *ret undefined.
 */
enum s3_error xml_parse(struct bytes body, const struct xml_doc *doc, struct arena *arena, void *ret,
                        struct xml_fault *fault);

/* What libxml2 is never shown; see guard.c. */
bool xml_guard(struct bytes body);

#endif
