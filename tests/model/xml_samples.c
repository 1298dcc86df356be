/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XML tables on the command line, for check_documents.py:
 *     xml_samples render            every answer, filled by its table: "operation length\n", the document, "\n"
 *     xml_samples parse OPERATION   a request body from standard input, parsed and rendered again; or "error CODE"
 *     xml_samples error CODE        an error's body
 */
#include <stdio.h>
#include <string.h>

#include "server/xml/documents.h"
#include "server/xml/parse.h"
#include "server/xml/render.h"
#include "tests/model/xml_fill.h"

#define SAMPLES   5
#define INPUT_MAX (8u << 20)

static void render_one(const struct xml_document *d, unsigned seed, struct arena *arena, struct buf *out)
{
    struct xml_fill fill = {.arena = arena, .seed = seed, .sparse = seed == 0, .hostile = seed == 2};
    char *obj = arena_zalloc(arena, d->doc->size);
    xml_fill_fields(&fill, d->doc->fields, obj);
    buf_reset(out);
    xml_render(out, d->doc, obj);
    printf("%s %zu\n", d->operation, out->n);
    fwrite(out->p, 1, out->n, stdout);
    putchar('\n');
}

static int render_all(struct arena *arena, struct buf *out)
{
    for (size_t i = 0; i < xml_documents_n; i++) {
        for (unsigned seed = 0; seed < SAMPLES && !xml_documents[i].request && xml_documents[i].operation[0]; seed++)
            render_one(&xml_documents[i], seed, arena, out);
    }
    return 0;
}

static int parse_one(const struct xml_doc *doc, struct arena *arena, struct buf *out)
{
    char *in = arena_alloc(arena, INPUT_MAX), *obj = arena_zalloc(arena, doc->size);
    size_t n = fread(in, 1, INPUT_MAX, stdin);
    enum s3_error rc = xml_parse(bytes_of(in, n), doc, arena, obj, NULL);
    if (rc) {
        printf("error %s\n", s3_error_code(rc));
        return 0;
    }
    xml_render(out, doc, obj);
    fwrite(out->p, 1, out->n, stdout);
    return 0;
}

static int run(int argc, char **argv, struct arena *arena, struct buf *out)
{
    if (argc == 2 && strcmp(argv[1], "render") == 0)
        return render_all(arena, out);
    for (size_t i = 0; i < xml_documents_n && argc == 3 && strcmp(argv[1], "parse") == 0; i++) {
        if (xml_documents[i].request && strcmp(xml_documents[i].operation, argv[2]) == 0)
            return parse_one(xml_documents[i].doc, arena, out);
    }
    if (argc == 3 && strcmp(argv[1], "error") == 0) {
        struct s3_error_extra extra = {"BucketName", BYTES_LIT("a<b")};
        s3_error_render(out, s3_error_find(bytes_str(argv[2])), NULL, &extra, 1, BYTES_LIT("/a<b"), BYTES_LIT("REQ"),
                        BYTES_LIT("HOST"));
        fwrite(out->p, 1, out->n, stdout);
        return 0;
    }
    fprintf(stderr, "usage: xml_samples render | parse OPERATION | error CODE\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_create(0);
    struct buf out;
    buf_init(&out, 64u << 20);
    int rc = run(argc, argv, arena, &out);
    buf_fini(&out);
    arena_free(arena);
    return rc;
}
