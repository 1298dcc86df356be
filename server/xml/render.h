/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents from structs, by their tables, into a buf; the buf's ceiling bounds them (check buf.failed once at the
 * end).
 *
 * Three ways in:
 *   xml_render      a whole document from its struct;
 *   xml_rows_*      a list whose rows a visitor produces one after another: rows go straight into the buf, and the end
 * puts the fields that stand before them (NextMarker, KeyCount, IsTruncated, known only then) in front; xml_open,
 * xml_text, xml_close and friends: for the few documents without a table.
 *
 * Text may be any bytes. & < > " become entities and CR &#13;. What XML 1.0 cannot carry (other control characters,
 * U+FFFE, U+FFFF) becomes a numeric reference as S3 sends it; a strict XML parser refuses those, which is why listings
 * know encoding-type=url. Bytes that are not UTF-8 become U+FFFD. Times are whole seconds with .000, as S3 sends them.
 * Threads: any; a buf belongs to one thread at a time.
 */
#ifndef PAIL_SERVER_XML_RENDER_H
#define PAIL_SERVER_XML_RENDER_H

#include "server/http/date.h"
#include "server/xml/schema.h"

void xml_render(struct buf *out, const struct xml_doc *doc, const void *obj);

struct xml_rows {
    struct buf *out;
    const struct xml_doc *doc;
    size_t start; /* of the rows in out */
};
/* `out` may hold something already; the document is appended. */
void xml_rows_begin(struct xml_rows *r, struct buf *out, const struct xml_doc *doc);
/* One element of the list `row`, a field of the document's table that has .rows. Different lists may alternate. */
void xml_rows_add(struct xml_rows *r, const struct xml_field *row, const void *item);
/* `obj` is the document's struct with empty lists of rows. Fields after the first list of rows come after the rows. */
void xml_rows_end(struct xml_rows *r, const void *obj);
/* The document's field of that name; it must be one of its lists of rows. */
const struct xml_field *xml_rows_field(const struct xml_doc *doc, const char *name);

/* The fields of one struct, without anything around them. */
void xml_render_fields(struct buf *out, const struct xml_field *fields, const void *obj);

/* By hand. Names are our own constants and are written as they are. */
void xml_open(struct buf *out, const char *name);
void xml_close(struct buf *out, const char *name);
void xml_element(struct buf *out, const char *name, struct bytes text); /* <name>text</name> */
void xml_element_u64(struct buf *out, const char *name, uint64_t v);
void xml_text(struct buf *out, struct bytes text);
void xml_text_time(struct buf *out, int64_t ms);

#define XML_TIME_TEXT DATE_ISO_LEN /* 2023-11-15T12:02:40.000Z */
void xml_format_time(int64_t ms, char out[XML_TIME_TEXT]);

#endif
