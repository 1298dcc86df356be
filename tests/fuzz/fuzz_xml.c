/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the XML parser with every document that the server knows: the first byte chooses the document, the rest is the
 * body. What is accepted must render, parse again, and render to the same bytes.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "server/xml/documents.h"
#include "server/xml/parse.h"
#include "server/xml/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void render_again(const struct xml_doc *doc, const void *obj, struct arena *arena)
{
    struct buf first, second;
    char *back = arena_zalloc(arena, doc->size);
    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    xml_render(&first, doc, obj);
    enum s3_error rc = first.failed ? S3E_INTERNAL_ERROR : xml_parse(buf_bytes(&first), doc, arena, back, NULL);
    if (rc == S3E_OK)
        xml_render(&second, doc, back);
    /* Escaping makes a body longer, so it may have outgrown its limit; nothing else may go wrong. */
    if (rc != S3E_MAX_MESSAGE_LENGTH_EXCEEDED && (rc != S3E_OK || !bytes_eq(buf_bytes(&first), buf_bytes(&second))))
        abort();
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    const struct xml_doc *doc = xml_documents[data[0] % xml_documents_n].doc;
    struct arena *arena = arena_create(0);
    char *obj = arena_zalloc(arena, doc->size);
    struct xml_fault fault;
    if (xml_parse(bytes_of(data + 1, n - 1), doc, arena, obj, &fault) == S3E_OK)
        render_again(doc, obj, arena);
    else if (!utf8_valid(fault.value) && fault.value.n)
        abort();
    arena_free(arena);
    return 0;
}
