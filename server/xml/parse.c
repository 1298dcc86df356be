/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing by table: libxml2 reads (SAX2, fed from memory piece by piece), a stack of frames says where in which struct
 * we are, and the tables say what may come there.
 *
 * Invariants: no tree is built and libxml2 never learns of a DTD, an entity, a file or a host (guard.c refuses them;
 * the parser is told NONET besides). Every text, list, depth and number of elements has a limit. The first fault is
 * kept; after it nothing more is taken in, and no further piece is fed.
 *
 * Threads: any; all state is on the caller's stack.
 */
#include "server/xml/parse.h"

#include <libxml/parser.h>
#include <libxml/threads.h>
#include <libxml/xmlmemory.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "server/http/date.h"

#define XML_FEED 16384 /* bytes that libxml2 gets at a time */

enum frame_kind {
    FRAME_TABLE, /* an element whose children a table names */
    FRAME_WRAP,  /* the element around a list's items */
    FRAME_LEAF,  /* an element that is a text */
};

struct frame {
    enum frame_kind kind;
    const struct xml_field *fields;  /* TABLE: its table */
    const struct xml_field *field;   /* WRAP, LEAF: the list or the leaf */
    const struct xml_field *content; /* TABLE: the row of its own text, or NULL */
    char *obj;                       /* TABLE: the struct; WRAP, LEAF: the struct that the field belongs to */
    uint64_t seen;                   /* TABLE: bit i: field i was there */
};

struct parser {
    const struct xml_doc *doc;
    struct arena *arena;
    char *root;
    struct buf text; /* of the leaf that is open */
    struct frame frames[XML_DEPTH_MAX];
    unsigned depth;          /* frames in use */
    unsigned skip;           /* open elements that nobody knows */
    unsigned nodes, unknown; /* elements so far */
    bool done;               /* the root was closed */
    struct xml_fault fault;
};

/* ---- faults ---- */

static void fail(struct parser *p, enum s3_error code)
{
    if (p->fault.code == S3E_OK)
        p->fault.code = code;
}

/* A value that its field does not allow. */
static void fail_field(struct parser *p, const struct xml_field *f, struct bytes value)
{
    if (p->fault.code == S3E_OK) {
        p->fault.message = f->message;
        p->fault.argument = f->argument;
        if (value.n > XML_FAULT_VALUE_MAX) {
            value.n = XML_FAULT_VALUE_MAX;
            while (value.n && (value.p[value.n] & 0xc0) == 0x80) /* not in the middle of a character */
                value.n--;
        }
        p->fault.value = bytes_dup(p->arena, value);
    }
    fail(p, f->error ? f->error : S3E_MALFORMED_XML);
}

/* ---- values ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct bytes trimmed(struct bytes v)
{
    while (v.n && is_space(v.p[0]))
        v.p++, v.n--;
    while (v.n && is_space(v.p[v.n - 1]))
        v.n--;
    return v;
}

static bool parse_digits(struct bytes v, uint64_t max, uint64_t *ret)
{
    return !(v.n > 1 && v.p[0] == '0') && bytes_to_u64(v, max, ret);
}

static bool parse_u64(const struct xml_field *f, struct bytes v, uint64_t *ret)
{
    bool limited = f->max || f->min;
    return parse_digits(v, limited && f->max ? f->max : UINT64_MAX, ret) && (!limited || *ret >= (uint64_t)f->min);
}

static bool parse_i64(const struct xml_field *f, struct bytes v, int64_t *ret)
{
    bool minus = v.n && v.p[0] == '-';
    uint64_t digits;
    if (!parse_digits(minus ? bytes_cut(v, 1, v.n) : v, (uint64_t)INT64_MAX + minus, &digits))
        return false;
    *ret = minus ? (int64_t)(0 - digits) : (int64_t)digits;
    bool limited = f->max || f->min;
    return !limited || (*ret >= f->min && (f->max == 0 || *ret < 0 || (uint64_t)*ret <= f->max));
}

static bool parse_bool(struct bytes v, bool *ret)
{
    bool yes = bytes_eq_str_nocase(v, "true") || bytes_eq_str(v, "1");
    if (!yes && !bytes_eq_str_nocase(v, "false") && !bytes_eq_str(v, "0"))
        return false;
    *ret = yes;
    return true;
}

static bool parse_enum(const struct xml_field *f, struct bytes v, int *ret)
{
    for (int i = 0; f->names[i]; i++) {
        if (bytes_eq_str(v, f->names[i])) {
            *ret = i + 1;
            return true;
        }
    }
    return false;
}

static bool text_fits(const struct xml_field *f, struct bytes v)
{
    return v.n >= (size_t)f->min && v.n <= (f->max ? f->max : XML_TEXT_MAX);
}

static struct bytes keep(struct parser *p, struct bytes v)
{
    return v.n ? bytes_dup(p->arena, v) : BYTES_LIT(""); /* empty, but there */
}

static struct bytes without_quotes(struct bytes v)
{
    if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
        return bytes_cut(v, 1, v.n - 2);
    return v;
}

/* Stores the text `v` of the leaf f; false when it is no value of that kind. */
static bool set_leaf(struct parser *p, const struct xml_field *f, char *obj, struct bytes raw)
{
    struct bytes v = trimmed(raw), kept;
    uint64_t u;
    int64_t i;
    bool b;
    int e;
    switch (f->kind) {
    case XML_KIND_TEXT:
    case XML_KIND_CONTENT:
    case XML_KIND_ETAG:
        if (f->kind == XML_KIND_ETAG)
            v = without_quotes(v);
        else if (!f->trim)
            v = raw;
        if (!text_fits(f, v))
            return false;
        kept = keep(p, v);
        memcpy(obj + f->at, &kept, sizeof kept);
        return true;
    case XML_KIND_U64:
        if (!parse_u64(f, v, &u))
            return false;
        memcpy(obj + f->at, &u, sizeof u);
        break;
    case XML_KIND_I64:
    case XML_KIND_TIME:
        if (f->kind == XML_KIND_I64 ? !parse_i64(f, v, &i) : !date_parse_lenient(v, &i))
            return false;
        memcpy(obj + f->at, &i, sizeof i);
        break;
    case XML_KIND_BOOL:
        if (!parse_bool(v, &b))
            return false;
        memcpy(obj + f->at, &b, sizeof b);
        break;
    case XML_KIND_ENUM:
        if (!parse_enum(f, v, &e))
            return false;
        memcpy(obj + f->at, &e, sizeof e);
        break;
    default:
        CHECK(!"a leaf");
    }
    if (f->has_at)
        memcpy(obj + f->has_at, &(bool){true}, sizeof(bool));
    return true;
}

/* Room for one more item of a list, zeroed; NULL when the list is full. Capacities are powers of two, known from the
 * count. */
static char *list_push(struct parser *p, const struct xml_field *f, char *obj)
{
    char *items;
    size_t n;
    memcpy(&items, obj + f->at, sizeof items);
    memcpy(&n, obj + f->count_at, sizeof n);
    if (n >= (f->max ? f->max : XML_LIST_MAX))
        return NULL;
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        char *grown = arena_alloc(p->arena, (n ? n * 2 : 4) * f->size);
        if (n)
            memcpy(grown, items, n * f->size);
        items = grown;
        memcpy(obj + f->at, &items, sizeof items);
    }
    char *item = items + n * f->size;
    memset(item, 0, f->size);
    n++;
    memcpy(obj + f->count_at, &n, sizeof n);
    return item;
}

/* ---- elements ---- */

static void push(struct parser *p, struct frame frame)
{
    if (p->depth == XML_DEPTH_MAX)
        fail(p, S3E_MALFORMED_XML);
    else
        p->frames[p->depth++] = frame;
}

static bool same(const char *a, size_t a_n, const xmlChar *b)
{
    return strncmp(a, (const char *)b, a_n) == 0 && b[a_n] == 0;
}

/*
 * Attributes come from libxml2 in groups of five: name, prefix, namespace, value, end of the value. An ampersand in a
 * value arrives as &#38;, which no value that we know of has.
 */
static void read_attributes(struct parser *p, const struct xml_field *f, char *obj, int n, const xmlChar **attrs)
{
    for (; f->kind == XML_KIND_ATTR; f++) {
        struct bytes value = BYTES_NONE;
        for (int i = 0; i < n; i++) {
            const xmlChar **a = attrs + 5 * i;
            if (same(f->name, f->name_n, a[0]) && a[2] && strcmp(f->ns, (const char *)a[2]) == 0)
                value = keep(p, bytes_of(a[3], (size_t)(a[4] - a[3])));
        }
        if (value.p ? !text_fits(f, value) : !f->optional)
            fail_field(p, f, value);
        else
            memcpy(obj + f->at, &value, sizeof value);
    }
}

static void push_table(struct parser *p, const struct xml_field *fields, char *obj, int n_attrs, const xmlChar **attrs)
{
    read_attributes(p, fields, obj, n_attrs, attrs);
    while (fields->kind == XML_KIND_ATTR)
        fields++;
    const struct xml_field *content = fields->kind == XML_KIND_CONTENT ? fields : NULL;
    if (content)
        buf_reset(&p->text);
    push(p, (struct frame){.kind = FRAME_TABLE, .fields = fields, .content = content, .obj = obj});
}

static void open_item(struct parser *p, const struct xml_field *f, char *obj, int n_attrs, const xmlChar **attrs)
{
    char *item = list_push(p, f, obj);
    if (!item) {
        fail(p, S3E_MALFORMED_XML);
    } else if (f->kind == XML_KIND_LIST) {
        push_table(p, f->fields, item, n_attrs, attrs);
    } else {
        buf_reset(&p->text);
        push(p, (struct frame){.kind = FRAME_LEAF, .field = f, .obj = item});
    }
}

static void open_field(struct parser *p, struct frame *top, const struct xml_field *f, int n_attrs,
                       const xmlChar **attrs)
{
    uint64_t bit = 1ull << (f - top->fields);
    bool repeats = xml_is_list(f) && !f->wrap;
    if ((top->seen & bit) && !repeats) {
        fail(p, S3E_MALFORMED_XML);
        return;
    }
    top->seen |= bit;
    if (repeats) {
        open_item(p, f, top->obj, n_attrs, attrs);
    } else if (f->wrap) {
        char *none = arena_zalloc(p->arena, f->size); /* a list that is there though empty has a pointer */
        memcpy(top->obj + f->at, &none, sizeof none);
        push(p, (struct frame){.kind = FRAME_WRAP, .fields = top->fields, .field = f, .obj = top->obj});
    } else if (f->kind == XML_KIND_CHILD) {
        char *child = arena_zalloc(p->arena, f->size);
        memcpy(top->obj + f->at, &child, sizeof child);
        push_table(p, f->fields, child, n_attrs, attrs);
    } else {
        buf_reset(&p->text);
        push(p, (struct frame){.kind = FRAME_LEAF, .field = f, .obj = top->obj});
    }
}

static void open_unknown(struct parser *p, const struct frame *top)
{
    if (xml_fields_strict(top->fields) || ++p->unknown > XML_UNKNOWN_MAX)
        fail(p, S3E_MALFORMED_XML);
    else
        p->skip = 1;
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_ns,
                     const xmlChar **ns, int n_attrs, int n_defaulted, const xmlChar **attrs)
{
    struct parser *p = arg;
    (void)prefix, (void)n_ns, (void)ns, (void)n_defaulted;
    if (p->fault.code)
        return;
    if (++p->nodes > XML_NODES_MAX || p->depth + p->skip >= XML_DEPTH_MAX) {
        fail(p, S3E_MALFORMED_XML);
        return;
    }
    if (p->skip) {
        p->skip++;
        if (++p->unknown > XML_UNKNOWN_MAX)
            fail(p, S3E_MALFORMED_XML);
        return;
    }
    if (uri && (!p->doc->ns || strcmp((const char *)uri, p->doc->ns) != 0)) {
        fail(p, S3E_MALFORMED_XML);
        return;
    }
    if (p->depth == 0) {
        if (same(p->doc->root, p->doc->root_n, name))
            push_table(p, p->doc->fields, p->root, n_attrs, attrs);
        else
            fail(p, S3E_MALFORMED_XML);
        return;
    }
    struct frame *top = &p->frames[p->depth - 1];
    if (top->kind == FRAME_LEAF) {
        fail(p, S3E_MALFORMED_XML);
    } else if (top->kind == FRAME_WRAP) {
        if (same(top->field->name, top->field->name_n, name))
            open_item(p, top->field, top->obj, n_attrs, attrs);
        else
            open_unknown(p, top);
    } else {
        const struct xml_field *f = xml_field_find(top->fields, (const char *)name, strlen((const char *)name));
        if (f)
            open_field(p, top, f, n_attrs, attrs);
        else
            open_unknown(p, top);
    }
}

static bool list_is_short(const struct xml_field *f, const char *obj)
{
    size_t n;
    memcpy(&n, obj + f->count_at, sizeof n);
    return n < (size_t)f->min;
}

/* What the closed element should have held. */
static void check_table(struct parser *p, const struct frame *t)
{
    for (const struct xml_field *f = t->fields; f->kind != XML_KIND_END && !p->fault.code; f++) {
        bool seen = t->seen >> (f - t->fields) & 1;
        if (xml_is_list(f) && (seen || !f->optional) && list_is_short(f, t->obj))
            fail_field(p, f, BYTES_NONE);
        else if (!seen && !f->optional && f->kind != XML_KIND_CONTENT && !(xml_is_list(f) && !f->wrap))
            fail(p, S3E_MALFORMED_XML);
    }
}

static void close_leaf(struct parser *p, const struct frame *t)
{
    struct bytes v = buf_bytes(&p->text);
    const struct xml_field *f = t->field;
    if (f->kind == XML_KIND_TEXTS) {
        struct bytes kept = keep(p, f->trim ? trimmed(v) : v);
        memcpy(t->obj, &kept, sizeof kept);
        if (kept.n > XML_TEXT_MAX)
            fail_field(p, f, kept);
    } else if (!set_leaf(p, f, t->obj, v)) {
        fail_field(p, f, v);
    }
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct parser *p = arg;
    (void)name, (void)prefix, (void)uri;
    if (p->fault.code)
        return;
    if (p->skip) {
        p->skip--;
        return;
    }
    CHECK(p->depth > 0);
    const struct frame *t = &p->frames[--p->depth];
    if (t->kind == FRAME_LEAF) {
        close_leaf(p, t);
    } else if (t->kind == FRAME_TABLE) {
        if (t->content && !set_leaf(p, t->content, t->obj, buf_bytes(&p->text)))
            fail_field(p, t->content, buf_bytes(&p->text));
        check_table(p, t);
    }
    p->done = p->depth == 0;
}

static void on_text(void *arg, const xmlChar *s, int n)
{
    struct parser *p = arg;
    if (p->fault.code || p->skip || p->depth == 0)
        return;
    const struct frame *top = &p->frames[p->depth - 1];
    if (top->kind == FRAME_LEAF || top->content) {
        buf_put(&p->text, s, (size_t)n);
        if (p->text.failed)
            fail(p, S3E_MALFORMED_XML);
        return;
    }
    for (int i = 0; i < n; i++) {
        if (!is_space((char)s[i])) {
            fail(p, S3E_MALFORMED_XML);
            return;
        }
    }
}

/* guard.c lets none through; this stays in case it ever should. */
static void on_doctype(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    fail(arg, S3E_MALFORMED_XML);
}

/* libxml2 would print its complaints. What it found is in ctxt->wellFormed. */
static void on_error(void *arg, xmlErrorPtr error)
{
    (void)arg, (void)error;
}

/* ---- documents ---- */

static void init_once(void)
{
    /* Not every allocation in libxml2 is checked: where memory is out, it ends as all of us. */
    xmlMemSetup(free, xmalloc, xrealloc, xstrdup);
    xmlInitParser();
}

void xml_parse_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
}

static const xmlSAXHandler handler = {
    .initialized = XML_SAX2_MAGIC,
    .internalSubset = on_doctype,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .characters = on_text,
    .ignorableWhitespace = on_text,
    .cdataBlock = on_text,
    .serror = on_error,
};

/* Feeds the body in pieces and stops at the first fault: libxml2 itself would go on to the end, complaining at every
 * byte. */
static void feed(struct parser *p, xmlParserCtxt *ctxt, struct bytes body)
{
    for (size_t at = 0; at < body.n && !p->fault.code; at += XML_FEED) {
        struct bytes piece = bytes_cut(body, at, XML_FEED);
        xmlParseChunk(ctxt, piece.p, (int)piece.n, at + piece.n == body.n);
        if (!ctxt->wellFormed || !ctxt->nsWellFormed)
            fail(p, S3E_MALFORMED_XML);
    }
    if (!p->done)
        fail(p, S3E_MALFORMED_XML);
}

static void run(struct parser *p, struct bytes body)
{
    xmlSAXHandler sax = handler;
    xmlParserCtxt *ctxt = xmlCreatePushParserCtxt(&sax, p, NULL, 0, NULL);
    if (!ctxt) {
        fail(p, S3E_INTERNAL_ERROR);
        return;
    }
    xmlCtxtUseOptions(ctxt, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
    feed(p, ctxt, body);
    xmlFreeDoc(ctxt->myDoc); /* NULL: nobody builds a tree */
    xmlFreeParserCtxt(ctxt);
}

static struct bytes without_bom(struct bytes body)
{
    return bytes_starts(body, BYTES_LIT("\xef\xbb\xbf")) ? bytes_cut(body, 3, body.n) : body;
}

enum s3_error xml_parse(struct bytes body, const struct xml_doc *doc, struct arena *arena, void *ret,
                        struct xml_fault *fault)
{
    xml_parse_init();
#if LIBXML_VERSION < 21200 /* a thread's first use allocates its state, by malloc, and follows the null pointer */
    CHECK(xmlGetGlobalState());
#endif
    size_t max = doc->body_max ? doc->body_max : XML_BODY_MAX;
    CHECK(max <= INT32_MAX);
    struct parser p = {.doc = doc, .arena = arena, .root = ret};
    body = without_bom(body);
    if (body.n == 0) {
        p.fault.code = doc->empty_error ? doc->empty_error : S3E_MISSING_REQUEST_BODY;
        p.fault.message = doc->empty_message;
    } else if (body.n > max) {
        p.fault.code = S3E_MAX_MESSAGE_LENGTH_EXCEEDED;
    } else if (!xml_guard(body)) {
        p.fault.code = S3E_MALFORMED_XML;
    } else {
        memset(ret, 0, doc->size);
        buf_init(&p.text, XML_LEAF_MAX);
        run(&p, body);
        buf_fini(&p.text);
    }
    if (fault)
        *fault = p.fault;
    return p.fault.code;
}
