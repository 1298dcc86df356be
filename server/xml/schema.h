/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML formats as tables: one table of fields gives a document its parser, its renderer and its limits.
 *
 *     struct rule { struct bytes id; int status; struct filter *filter; struct xml_opt_u64 days; };
 *     static const struct xml_field rule_fields[] = {
 *         XML_TEXT   ("ID",     struct rule, id, .max = 255, .optional = true),
 *         XML_ENUM   ("Status", struct rule, status, status_names),
 *         XML_CHILD  ("Filter", struct rule, filter, filter_fields, .optional = true),
 *         XML_OPT_U64("Days",   struct rule, days, .min = 1, .max = 36500),
 *         XML_END };
 *
 * Order of the rows is the order of the elements when rendered; when parsed any order will do. The macros check the
 * types of the members at compile time. Tables are constants: any thread may use them.
 *
 * Absence. A field that is `.optional` is absent when its member is zero: a text whose p is NULL (an empty text is
 * present), the number 0, false, the enum value 0, a NULL child, a NULL list. It holds both ways: absent elements leave
 * zero behind, and zero is not rendered. Where zero is a value of its own, the XML_OPT_* rows keep a struct with `v`
 * and `has`. A required field that is missing makes a document malformed; rendering writes it always (a NULL text as an
 * empty element).
 *
 * Unknown elements are skipped, as S3 does, in tables that end with XML_END, and refused in those that end with
 * XML_END_STRICT: settings that guard something must not be misunderstood because of a misspelt element.
 */
#ifndef PAIL_SERVER_XML_SCHEMA_H
#define PAIL_SERVER_XML_SCHEMA_H

#include "base/bytes.h"
#include "s3_error.h"

#define XML_NS_S3         "http://s3.amazonaws.com/doc/2006-03-01/"
#define XML_NS_XSI        "http://www.w3.org/2001/XMLSchema-instance"
#define XML_PROLOG        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XML_TEXT_MAX      4096          /* bytes of a text, unless its row says otherwise */
#define XML_LEAF_MAX      (256u * 1024) /* bytes of any text as it is read, before its row has a say */
#define XML_LIST_MAX      1000          /* items of a list, unless its row says otherwise */
#define XML_FIELD_MAX     64            /* rows of one table */
#define XML_DEPTH_MAX     32            /* elements inside one another */
#define XML_NODES_MAX     200000        /* elements of a document */
#define XML_UNKNOWN_MAX   20000         /* elements among them that no table knows */
#define XML_TAG_MAX       4096          /* bytes from '<' to '>' */
#define XML_MARKUP_MAX    10000         /* comments, CDATA sections and processing instructions of a document */
#define XML_ATTRS_DOC_MAX 20000         /* attributes of a document */
#define XML_ATTRS_MAX     16            /* attributes of an element, namespaces included */

struct xml_opt_u64 {
    uint64_t v;
    bool has;
};
struct xml_opt_i64 {
    int64_t v;
    bool has;
};
struct xml_opt_bool {
    bool v;
    bool has;
};

enum xml_kind {
    XML_KIND_END,     /* of a table; .strict refuses unknown elements */
    XML_KIND_TEXT,    /* struct bytes */
    XML_KIND_ETAG,    /* struct bytes without quotes; quoted in the document, read with or without */
    XML_KIND_U64,     /* uint64_t */
    XML_KIND_I64,     /* int64_t */
    XML_KIND_BOOL,    /* bool */
    XML_KIND_ENUM,    /* int or enum: 0 absent, else 1 + the place in .names */
    XML_KIND_TIME,    /* int64_t, milliseconds since 1970 */
    XML_KIND_CHILD,   /* pointer to a struct */
    XML_KIND_LIST,    /* pointer to structs, and their number */
    XML_KIND_TEXTS,   /* pointer to struct bytes, and their number */
    XML_KIND_ATTR,    /* struct bytes: an attribute of the element that the table describes; such rows come first */
    XML_KIND_CONTENT, /* struct bytes: the element's own text; no element rows beside it */
};

struct xml_field {
    enum xml_kind kind;
    const char *name;
    size_t name_n;
    const char *open, *close; /* "<Name>", "</Name>"; attributes: ` xmlns:p="uri" p:name="` */
    const char *wrap; /* lists: the element around the items; NULL when they stand in the parent (S3's usual way) */
    const char *wrap_open, *wrap_close;
    size_t wrap_n;
    const char *ns;                 /* attributes: URI of the namespace */
    const struct xml_field *fields; /* of a child, or of a list's items */
    const char *const *names;       /* of an enum; ends with NULL */
    size_t at;                      /* where the member is */
    size_t has_at;                  /* XML_OPT_*: where its `has` is; else 0 */
    size_t count_at;                /* lists: where the number of items is */
    size_t size;                    /* bytes of a child or an item */
    /* Limits. Texts: bytes; lists: items (min also for a list left out); numbers: values. max 0 means XML_TEXT_MAX,
     * XML_LIST_MAX, or for numbers no limit at all. */
    int64_t min;
    uint64_t max;
    bool optional;
    bool trim;   /* texts: white space around the value does not count (it never does for the other kinds) */
    bool rows;   /* list that xml_rows_add may stream; see render.h */
    bool rfc822; /* times: written as "Wed, 15 Nov 2023 12:02:40 GMT"; both forms are read */
    bool strict;
    /* What a bad value (a text too long, a number out of range, a list too short) is answered with; 0: MalformedXML */
    enum s3_error error;
    const char *message;  /* NULL: the error's own */
    const char *argument; /* ArgumentName of the answer */
};

#define XML__ROW(...)                                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define XML__TAG(N)          .name = (N), .name_n = sizeof(N) - 1, .open = "<" N ">", .close = "</" N ">"
#define XML__WRAP(W)         .wrap = (W), .wrap_n = sizeof(W) - 1, .wrap_open = "<" W ">", .wrap_close = "</" W ">"
#define XML__IS(T, M, TYPE)  (0 * sizeof(char[_Generic(((T *)0)->M, TYPE : 1, default : -1)]))
#define XML__AT(T, M, TYPE)  .at = offsetof(T, M) + XML__IS(T, M, TYPE)
#define XML__OPT(T, M, TYPE) XML__AT(T, M.v, TYPE), .has_at = offsetof(T, M.has), .optional = true
#define XML__INT(T, M)       .at = offsetof(T, M) + 0 * sizeof(char[sizeof(((T *)0)->M) == sizeof(int) ? 1 : -1])
#define XML__SIZE(T, M)      .size = sizeof(*((T *)0)->M)
#define XML__ITEMS(T, M, C)  .at = offsetof(T, M), .count_at = offsetof(T, C) + XML__IS(T, C, size_t), XML__SIZE(T, M)
#define XML__KIND(N, KIND)   XML__TAG(N), .kind = XML_KIND_##KIND

#define XML_TEXT(N, T, M, ...)     XML__ROW(XML__KIND(N, TEXT), XML__AT(T, M, struct bytes), __VA_ARGS__)
#define XML_ETAG(N, T, M, ...)     XML__ROW(XML__KIND(N, ETAG), XML__AT(T, M, struct bytes), __VA_ARGS__)
#define XML_U64(N, T, M, ...)      XML__ROW(XML__KIND(N, U64), XML__AT(T, M, uint64_t), __VA_ARGS__)
#define XML_I64(N, T, M, ...)      XML__ROW(XML__KIND(N, I64), XML__AT(T, M, int64_t), __VA_ARGS__)
#define XML_BOOL(N, T, M, ...)     XML__ROW(XML__KIND(N, BOOL), XML__AT(T, M, bool), __VA_ARGS__)
#define XML_TIME(N, T, M, ...)     XML__ROW(XML__KIND(N, TIME), XML__AT(T, M, int64_t), __VA_ARGS__)
#define XML_OPT_U64(N, T, M, ...)  XML__ROW(XML__KIND(N, U64), XML__OPT(T, M, uint64_t), __VA_ARGS__)
#define XML_OPT_I64(N, T, M, ...)  XML__ROW(XML__KIND(N, I64), XML__OPT(T, M, int64_t), __VA_ARGS__)
#define XML_OPT_BOOL(N, T, M, ...) XML__ROW(XML__KIND(N, BOOL), XML__OPT(T, M, bool), __VA_ARGS__)
#define XML_OPT_TIME(N, T, M, ...) XML__ROW(XML__KIND(N, TIME), XML__OPT(T, M, int64_t), __VA_ARGS__)
/* A: the names, ending with NULL. F: the table of the child or of an item. */
#define XML_ENUM(N, T, M, A, ...) XML__ROW(XML__KIND(N, ENUM), XML__INT(T, M), .names = (A), __VA_ARGS__)
#define XML_CHILD(N, T, M, F, ...)                                                                                     \
    XML__ROW(XML__KIND(N, CHILD), .at = offsetof(T, M), XML__SIZE(T, M), .fields = (F), __VA_ARGS__)
/* Lists: M points to the items, C (size_t) counts them. XML_LIST_IN(W, N, ...): <W><N>...</N><N>...</N></W>. */
#define XML_LIST(N, T, M, C, F, ...) XML__ROW(XML__KIND(N, LIST), XML__ITEMS(T, M, C), .fields = (F), __VA_ARGS__)
#define XML_LIST_IN(W, N, T, M, C, F, ...)                                                                             \
    XML__ROW(XML__KIND(N, LIST), XML__WRAP(W), XML__ITEMS(T, M, C), .fields = (F), __VA_ARGS__)
#define XML_TEXTS(N, T, M, C, ...)       XML__ROW(XML__KIND(N, TEXTS), XML__ITEMS(T, M, C), __VA_ARGS__)
#define XML_TEXTS_IN(W, N, T, M, C, ...) XML__ROW(XML__KIND(N, TEXTS), XML__WRAP(W), XML__ITEMS(T, M, C), __VA_ARGS__)
/* The attribute P:N of the namespace URI, which the element declares: XML_ATTR("xsi", XML_NS_XSI, "type", ...). */
#define XML_ATTR(P, URI, N, T, M, ...)                                                                                 \
    XML__ROW(.name = (N), .name_n = sizeof(N) - 1, .open = " xmlns:" P "=\"" URI "\" " P ":" N "=\"", .ns = (URI),     \
             .kind = XML_KIND_ATTR, XML__AT(T, M, struct bytes), __VA_ARGS__)
#define XML_CONTENT(T, M, ...) XML__ROW(.name = "", .kind = XML_KIND_CONTENT, XML__AT(T, M, struct bytes), __VA_ARGS__)
#define XML_END                XML__ROW(.kind = XML_KIND_END)
#define XML_END_STRICT         XML__ROW(.kind = XML_KIND_END, .strict = true)

/* A whole document: its root element, the struct behind it, how large its text may be. */
struct xml_doc {
    const char *root;
    size_t root_n;
    const char *open, *close; /* prolog and `<Root xmlns="...">`; `</Root>` */
    const char *ns;           /* elements carry this namespace or none; NULL: they carry none */
    const struct xml_field *fields;
    size_t size;
    size_t body_max; /* bytes; more is answered with MaxMessageLengthExceeded before a byte is looked at */
    /* What an empty body is answered with; 0: MissingRequestBodyError. */
    enum s3_error empty_error;
    const char *empty_message;
};

#define XML_BODY_MAX (64u * 1024) /* bytes of a document, unless its xml_doc says otherwise */
#define XML__DOC(N, OPEN, T, F, ...)                                                                                   \
    XML__ROW(.root = (N), .root_n = sizeof(N) - 1, .open = XML_PROLOG OPEN, .close = "</" N ">", .fields = (F),        \
             .size = sizeof(T), __VA_ARGS__)
#define XML_DOC_NS(N, NS, T, F, ...) XML__DOC(N, "<" N " xmlns=\"" NS "\">", T, F, .ns = (NS), __VA_ARGS__)
#define XML_DOC(N, T, F, ...)        XML_DOC_NS(N, XML_NS_S3, T, F, __VA_ARGS__)
#define XML_DOC_PLAIN(N, T, F, ...)  XML__DOC(N, "<" N ">", T, F, __VA_ARGS__) /* no namespace */

static inline bool xml_is_list(const struct xml_field *f)
{
    return f->kind == XML_KIND_LIST || f->kind == XML_KIND_TEXTS;
}

/* The row for element `name` of a table, or NULL; for wrapped lists, `name` is the wrapping element. */
const struct xml_field *xml_field_find(const struct xml_field *fields, const char *name, size_t n);
/* Does the table refuse unknown elements? */
bool xml_fields_strict(const struct xml_field *fields);

#endif
