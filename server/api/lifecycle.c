/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifecycle configurations: the document, what its parts may say together, and the headers that tell clients what the
 * rules are going to do to an object or an upload.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
 *
 * The document is judged as a whole before anything is kept; what is kept is struct lifecycle, which knows no XML. Both
 * spellings come back as they were sent: a rule with a Prefix of its own (the old one), or with a Filter.
 * Threads: workers for put and delete; the loop for get and for the headers.
 */
#include "lifecycle.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/rand.h"
#include "server/api/api.h"
#include "server/api/tag_set.h"
#include "server/http/date.h"
#include "server/http/uri.h"
#include "server/server.h"

#define MINIMUM_HEADER "x-amz-transition-default-minimum-object-size"
#define IA_DAYS_MIN    30 /* in STANDARD before an infrequent access class, and there before an archive */
#define DAYS_MAX       INT32_MAX
#define RULE_ID_BYTES  24 /* random, of an id that the client left to us */

static const char *const minimum_names[] = {"all_storage_classes_128K", "varies_by_storage_class"};

/* ---- from the document: one rule ---- */

/* How AWS names a rule in its messages. */
static const char *rule_name(struct req *r, const struct lifecycle_rule *rule)
{
    bool old = rule->form == LIFECYCLE_OLD_PREFIX;
    return arena_printf(r->arena, old ? "prefix '%.*s'" : "filter '(prefix=%.*s)'", (int)rule->prefix.n,
                        rule->prefix.p);
}

static int malformed(struct req *r)
{
    return req_fail(r, S3E_MALFORMED_XML);
}

static size_t characters(struct bytes s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

static int read_id(struct req *r, struct bytes id, struct bytes *ret)
{
    unsigned char random[RULE_ID_BYTES];
    if (characters(id) > LIFECYCLE_ID_MAX)
        return req_fail_argument(r, "ID", id, "ID length should not exceed allowed limit of 255");
    *ret = id;
    if (id.n)
        return 0;
    char *text = arena_alloc(r->arena, base64url_len(sizeof random));
    rand_bytes(random, sizeof random);
    base64url_encode(random, sizeof random, text);
    *ret = bytes_of(text, base64url_len(sizeof random));
    return 0;
}

static int read_prefix(struct req *r, struct bytes prefix, struct lifecycle_rule *to)
{
    if (prefix.n > STORE_KEY_MAX)
        return req_failf(r, S3E_INVALID_REQUEST, "The maximum size of a prefix is %d.", STORE_KEY_MAX);
    to->prefix = prefix;
    return 0;
}

static int read_tags(struct req *r, const struct xml_tag *tags, size_t n, struct lifecycle_rule *to)
{
    struct store_header *list = arena_new_array(r->arena, struct store_header, n + 1);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        list[i] = (struct store_header){tags[i].key, tags[i].value};
    to->tags = list;
    to->n_tags = n;
    switch (tag_set_check(list, n, TAGS_OBJECT_MAX, &at)) {
    case TAGS_OK:
        return 0;
    case TAGS_REPEATED:
        return req_failf(r, S3E_INVALID_REQUEST, "Duplicate Tag Keys are not allowed.");
    case TAGS_TOO_MANY:
        return req_failf(r, S3E_INVALID_REQUEST, "Object tags cannot be greater than %d", TAGS_OBJECT_MAX);
    case TAGS_RESERVED: /* system tags may be looked for */
        return 0;
    case TAGS_BAD_KEY:
    case TAGS_LONG_KEY:
        req_failf(r, S3E_INVALID_TAG, "The TagKey you have provided is invalid");
        return req_extra(r, "TagKey", list[at].name);
    case TAGS_BAD_VALUE:
    case TAGS_LONG_VALUE:
    case TAGS_BAD_HEADER:
        break;
    }
    req_failf(r, S3E_INVALID_TAG, "The TagValue you have provided is invalid");
    req_extra(r, "TagKey", list[at].name);
    return req_extra(r, "TagValue", list[at].value);
}

static int read_sizes(struct req *r, struct xml_opt_i64 greater, struct xml_opt_i64 less, struct lifecycle_rule *to)
{
    if (greater.has && greater.v < 0)
        return req_failf(r, S3E_INVALID_REQUEST, "'ObjectSizeGreaterThan' must be a nonnegative integer");
    if (less.has && less.v <= 0)
        return req_failf(r, S3E_INVALID_REQUEST, "'ObjectSizeLessThan' must be a positive integer");
    if (greater.has && less.has && greater.v >= less.v)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
    to->has_greater = greater.has;
    to->size_greater = (uint64_t)greater.v;
    to->size_less = (uint64_t)less.v;
    return 0;
}

static int read_and(struct req *r, const struct xml_lifecycle_and *both, struct lifecycle_rule *to)
{
    to->form = LIFECYCLE_FILTER_AND;
    to->has_prefix = both->prefix.p != NULL;
    if (!both->prefix.p && both->n_tags == 0 && !both->greater.has && !both->less.has)
        return malformed(r);
    return read_prefix(r, both->prefix, to) < 0 || read_tags(r, both->tags, both->n_tags, to) < 0 ||
                   read_sizes(r, both->greater, both->less, to) < 0
               ? -1
               : 0;
}

static int read_filter(struct req *r, const struct xml_lifecycle_filter *f, struct lifecycle_rule *to)
{
    int children = (f->prefix.p != NULL) + (f->tag != NULL) + f->greater.has + f->less.has + (f->both != NULL);
    if (children > 1)
        return malformed(r);
    if (f->both)
        return read_and(r, f->both, to);
    to->form = f->prefix.p      ? LIFECYCLE_FILTER_PREFIX
               : f->tag         ? LIFECYCLE_FILTER_TAG
               : f->greater.has ? LIFECYCLE_FILTER_GREATER
               : f->less.has    ? LIFECYCLE_FILTER_LESS
                                : LIFECYCLE_FILTER_ALL;
    return read_prefix(r, f->prefix, to) < 0 || read_tags(r, f->tag, f->tag != NULL, to) < 0 ||
                   read_sizes(r, f->greater, f->less, to) < 0
               ? -1
               : 0;
}

static bool at_midnight(int64_t ms)
{
    return ms % LIFECYCLE_DAY_MS == 0;
}

static int read_positive(struct req *r, struct xml_opt_i64 v, const char *name, const char *action, uint32_t *ret)
{
    if (!v.has || v.v <= 0 || v.v > DAYS_MAX)
        return req_failf(r, S3E_INVALID_ARGUMENT, "'%s' for %s action must be a positive integer", name, action);
    *ret = (uint32_t)v.v;
    return 0;
}

static int read_expiration(struct req *r, const struct xml_lifecycle_expiration *e, struct lifecycle_rule *to)
{
    if (e->days.has + e->date_ms.has + e->marker.has != 1)
        return malformed(r);
    if (e->marker.has) {
        to->expire = e->marker.v ? LIFECYCLE_EXPIRE_MARKER : LIFECYCLE_EXPIRE_NO_MARKER;
        return 0;
    }
    if (e->days.has) {
        to->expire = LIFECYCLE_EXPIRE_DAYS;
        return read_positive(r, e->days, "Days", "Expiration", &to->expire_days);
    }
    to->expire = LIFECYCLE_EXPIRE_DATE;
    to->expire_date_ms = e->date_ms.v;
    return at_midnight(e->date_ms.v) ? 0 : req_failf(r, S3E_INVALID_ARGUMENT, "'Date' must be at midnight GMT");
}

static int read_newer(struct req *r, struct xml_opt_i64 newer, const char *action, const struct lifecycle_rule *to,
                      uint32_t *ret)
{
    if (!newer.has)
        return 0;
    if (to->form == LIFECYCLE_OLD_PREFIX)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "NewerNoncurrentVersions can only be used in a rule that has a Filter");
    if (newer.v <= 0 || newer.v > LIFECYCLE_NEWER_MAX)
        return req_failf(r, S3E_INVALID_ARGUMENT,
                         "'NewerNoncurrentVersions' for %s action must be a positive integer not greater than %d",
                         action, LIFECYCLE_NEWER_MAX);
    *ret = (uint32_t)newer.v;
    return 0;
}

static int read_noncurrent(struct req *r, const struct xml_lifecycle_noncurrent *n, struct lifecycle_rule *to)
{
    static const char action[] = "NoncurrentVersionExpiration";
    if (!n->days.has && !n->newer.has)
        return malformed(r);
    return read_newer(r, n->newer, action, to, &to->noncurrent_newer) < 0
               ? -1
               : read_positive(r, n->days, "NoncurrentDays", action, &to->noncurrent_days);
}

static bool infrequent(enum lifecycle_class c)
{
    return c == LIFECYCLE_STANDARD_IA || c == LIFECYCLE_ONEZONE_IA;
}

struct moves { /* one of the two lists of a rule, with the words that its errors use */
    const char *days, *action, *expiration;
};
static const struct moves current_moves = {"Days", "Transition", "Expiration"};
static const struct moves noncurrent_moves = {"NoncurrentDays", "NoncurrentVersionTransition",
                                              "NoncurrentVersionExpiration"};

static int read_move(struct req *r, const struct moves *m, const struct xml_lifecycle_transition *t,
                     const struct lifecycle_rule *rule, struct lifecycle_transition *to)
{
    to->to = (enum lifecycle_class)t->storage_class;
    if (t->days.has == t->date_ms.has)
        return malformed(r);
    if (t->date_ms.has) {
        to->is_date = true;
        to->date_ms = t->date_ms.v;
        return at_midnight(to->date_ms) ? 0 : req_failf(r, S3E_INVALID_ARGUMENT, "'Date' must be at midnight GMT");
    }
    if (t->days.v < 0 || t->days.v > DAYS_MAX)
        return req_failf(r, S3E_INVALID_ARGUMENT, "'%s' for %s action must be nonnegative", m->days, m->action);
    if (infrequent(to->to) && t->days.v < IA_DAYS_MIN)
        return req_failf(r, S3E_INVALID_ARGUMENT,
                         "'%s' in %s action must be greater than or equal to %d for storageClass '%s'", m->days,
                         m->action, IA_DAYS_MIN, lifecycle_class_name(to->to));
    to->days = (uint32_t)t->days.v;
    return read_newer(r, t->newer, m->action, rule, &to->newer);
}

static int read_moves(struct req *r, const struct moves *m, const struct xml_lifecycle_transition *list, size_t n,
                      const struct lifecycle_rule *rule, const struct lifecycle_transition **ret)
{
    struct lifecycle_transition *to = arena_new_array(r->arena, struct lifecycle_transition, n + 1);
    for (size_t i = 0; i < n; i++)
        if (read_move(r, m, &list[i], rule, &to[i]) < 0)
            return -1;
    *ret = to;
    return 0;
}

/* ---- what the parts of a rule may say together ---- */

static bool has_filter_beside_prefix(const struct lifecycle_rule *rule)
{
    return rule->n_tags || rule->has_greater || rule->size_less;
}

static int check_filter(struct req *r, const struct lifecycle_rule *rule)
{
    const char *action = rule->abort_days                          ? "AbortIncompleteMultipartUpload"
                         : rule->expire == LIFECYCLE_EXPIRE_MARKER ? "ExpiredObjectDeleteMarker"
                                                                   : NULL;
    if (!action || !has_filter_beside_prefix(rule))
        return 0;
    return req_failf(r, S3E_INVALID_REQUEST, "%s cannot be specified with %s.", action,
                     rule->n_tags ? "Tags" : "Object Size");
}

static int check_dates(struct req *r, const struct lifecycle_rule *rule)
{
    bool dates = rule->expire == LIFECYCLE_EXPIRE_DATE, days = rule->expire == LIFECYCLE_EXPIRE_DAYS;
    for (size_t i = 0; i < rule->n_transitions; i++) {
        dates |= rule->transitions[i].is_date;
        days |= !rule->transitions[i].is_date;
    }
    if (dates && days)
        return req_failf(
            r, S3E_INVALID_REQUEST,
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for %s",
            rule_name(r, rule));
    return 0;
}

/* Days, or milliseconds: within one rule either all or none are dates. */
static int64_t when(const struct lifecycle_transition *t)
{
    return t->is_date ? t->date_ms : (int64_t)t->days;
}

static int check_pair(struct req *r, const struct moves *m, const struct lifecycle_rule *rule,
                      const struct lifecycle_transition *a, const struct lifecycle_transition *b)
{
    const char *word = a->is_date ? "Date" : m->days, *of = rule_name(r, rule);
    if (a->to == b->to)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "'StorageClass' must be different for '%s' actions in same 'Rule' with %s", m->action, of);
    if (lifecycle_class_rank(a->to) > lifecycle_class_rank(b->to))
        return check_pair(r, m, rule, b, a);
    int64_t apart = infrequent(a->to) && b->to >= LIFECYCLE_GLACIER_IR ? IA_DAYS_MIN : 0;
    if (when(b) <= when(a))
        return req_failf(r, S3E_INVALID_ARGUMENT,
                         "'%s' in the '%s' %s action for %s must be greater than '%s' in the '%s' %s action", word,
                         lifecycle_class_name(b->to), m->action, of, word, lifecycle_class_name(a->to), m->action);
    if (when(b) - when(a) < (a->is_date ? apart * LIFECYCLE_DAY_MS : apart))
        return req_failf(r, S3E_INVALID_ARGUMENT,
                         "'%s' in the '%s' %s action for %s must be %d days more than '%s' in the '%s' %s action", word,
                         lifecycle_class_name(b->to), m->action, of, IA_DAYS_MIN, word, lifecycle_class_name(a->to),
                         m->action);
    return 0;
}

/* `end`: of the expiration that belongs to these moves, as when() has it; 0: there is none. */
static int check_moves(struct req *r, const struct moves *m, const struct lifecycle_rule *rule,
                       const struct lifecycle_transition *list, size_t n, int64_t end)
{
    if (n >= LIFECYCLE_CLASS_COUNT) /* then two are the same; found below with less work */
        n = LIFECYCLE_CLASS_COUNT;
    for (size_t i = 0; i < n; i++) {
        const char *word = list[i].is_date ? "Date" : m->days;
        for (size_t k = 0; k < i; k++)
            if (check_pair(r, m, rule, &list[k], &list[i]) < 0)
                return -1;
        if (end && end <= when(&list[i]))
            return req_failf(r, S3E_INVALID_ARGUMENT,
                             "'%s' in the %s action for %s must be %s than '%s' in the %s action", word, m->expiration,
                             rule_name(r, rule), list[i].is_date ? "later" : "greater", word, m->action);
    }
    return 0;
}

static int check_rule(struct req *r, const struct lifecycle_rule *rule)
{
    if (rule->expire == LIFECYCLE_EXPIRE_NONE && !rule->n_transitions && !rule->n_noncurrent_transitions &&
        !rule->noncurrent_days && !rule->abort_days)
        return req_failf(r, S3E_INVALID_REQUEST, "At least one action needs to be specified in a rule");
    int64_t end = rule->expire == LIFECYCLE_EXPIRE_DATE ? rule->expire_date_ms : (int64_t)rule->expire_days;
    return check_filter(r, rule) < 0 || check_dates(r, rule) < 0 ||
                   check_moves(r, &current_moves, rule, rule->transitions, rule->n_transitions, end) < 0 ||
                   check_moves(r, &noncurrent_moves, rule, rule->noncurrent_transitions, rule->n_noncurrent_transitions,
                               rule->noncurrent_days) < 0
               ? -1
               : 0;
}

static int read_rule(struct req *r, const struct xml_lifecycle_rule *x, struct lifecycle_rule *to)
{
    if ((x->prefix.p != NULL) == (x->filter != NULL))
        return malformed(r);
    to->enabled = x->status == XML_LIFECYCLE_ENABLED;
    to->form = LIFECYCLE_OLD_PREFIX;
    if (read_id(r, x->id, &to->id) < 0 ||
        (x->filter ? read_filter(r, x->filter, to) : read_prefix(r, x->prefix, to)) < 0 ||
        (x->expiration && read_expiration(r, x->expiration, to) < 0) ||
        (x->noncurrent && read_noncurrent(r, x->noncurrent, to) < 0) ||
        (x->abort && read_positive(r, x->abort->days, "DaysAfterInitiation", "AbortIncompleteMultipartUpload",
                                   &to->abort_days) < 0) ||
        read_moves(r, &current_moves, x->transitions, x->n_transitions, to, &to->transitions) < 0 ||
        read_moves(r, &noncurrent_moves, x->noncurrent_transitions, x->n_noncurrent_transitions, to,
                   &to->noncurrent_transitions) < 0)
        return -1;
    to->n_transitions = x->n_transitions;
    to->n_noncurrent_transitions = x->n_noncurrent_transitions;
    return check_rule(r, to);
}

/* ---- the configuration ---- */

static int compare_ids(const void *x, const void *y)
{
    return bytes_cmp(*(const struct bytes *)x, *(const struct bytes *)y);
}

static int check_ids(struct req *r, const struct lifecycle *l)
{
    struct bytes *ids = arena_new_array(r->arena, struct bytes, l->n_rules);
    for (size_t i = 0; i < l->n_rules; i++)
        ids[i] = l->rules[i].id;
    qsort(ids, l->n_rules, sizeof *ids, compare_ids);
    for (size_t i = 1; i < l->n_rules; i++)
        if (bytes_eq(ids[i - 1], ids[i]))
            return req_fail_argument(r, "ID", ids[i], "Rule ID must be unique. Found same ID for more than one rule");
    return 0;
}

static int read_minimum(struct req *r, enum lifecycle_minimum *ret)
{
    struct bytes text = req_header(r, MINIMUM_HEADER);
    *ret = LIFECYCLE_ALL_128K;
    if (!text.p)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(minimum_names); i++)
        if (bytes_eq_str(text, minimum_names[i])) {
            *ret = (enum lifecycle_minimum)i;
            return 0;
        }
    return req_fail_argument(r, MINIMUM_HEADER, text,
                             "The value of the transition default minimum object size is invalid");
}

static void minimum_header(struct req *r, enum lifecycle_minimum minimum)
{
    resp_header(r, MINIMUM_HEADER, bytes_str(minimum_names[minimum == LIFECYCLE_VARIES]));
}

static int read_configuration(struct req *r, struct lifecycle *ret)
{
    struct xml_lifecycle doc;
    if (read_minimum(r, &ret->minimum) < 0 || req_document(r, &xml_lifecycle_doc, &doc) < 0)
        return -1;
    if (doc.n_rules > LIFECYCLE_RULES_MAX)
        return req_failf(r, S3E_INVALID_REQUEST,
                         "The number of lifecycle rules must not exceed the allowed limit of %d rules",
                         LIFECYCLE_RULES_MAX);
    struct lifecycle_rule *rules = arena_new_array(r->arena, struct lifecycle_rule, doc.n_rules);
    for (size_t i = 0; i < doc.n_rules; i++)
        if (read_rule(r, &doc.rules[i], &rules[i]) < 0)
            return -1;
    ret->rules = rules;
    ret->n_rules = doc.n_rules;
    return check_ids(r, ret);
}

int lifecycle_read(struct req *r, struct lifecycle *ret)
{
    *ret = (struct lifecycle){0};
    return read_configuration(r, ret);
}

int lifecycle_put(struct req *r)
{
    struct lifecycle l;
    if (lifecycle_read(r, &l) < 0)
        return -1;
    struct bytes value = lifecycle_encode(&l, r->arena);
    if (value.n > STORE_SETTING_MAX)
        return req_fail(r, S3E_MAX_MESSAGE_LENGTH_EXCEEDED);
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_LIFECYCLE, value);
    if (rc < 0)
        return req_fail_store(r, rc);
    store_lifecycle_wake(r->server->store);
    minimum_header(r, l.minimum);
    return 0;
}

int lifecycle_delete(struct req *r)
{
    int rc = store_setting_put(r->server->store, r->bucket_name, STORE_SETTING_LIFECYCLE, BYTES_NONE);
    if (rc < 0)
        return req_fail_store(r, rc);
    r->resp.status = 204;
    return 0;
}

/* ---- back into the document ---- */

static struct bytes shown(struct bytes text) /* an empty one is there */
{
    return text.p ? text : BYTES_LIT("");
}

static struct xml_tag *show_tags(struct req *r, const struct lifecycle_rule *rule)
{
    struct xml_tag *tags = arena_new_array(r->arena, struct xml_tag, rule->n_tags + 1);
    for (size_t i = 0; i < rule->n_tags; i++)
        tags[i] = (struct xml_tag){shown(rule->tags[i].name), shown(rule->tags[i].value)};
    return tags;
}

static struct xml_lifecycle_filter *show_filter(struct req *r, const struct lifecycle_rule *rule)
{
    struct xml_lifecycle_filter *f = arena_new(r->arena, struct xml_lifecycle_filter);
    struct xml_opt_i64 greater = {(int64_t)rule->size_greater, rule->has_greater};
    struct xml_opt_i64 less = {(int64_t)rule->size_less, rule->size_less != 0};
    switch (rule->form) {
    case LIFECYCLE_OLD_PREFIX:
        return NULL;
    case LIFECYCLE_FILTER_ALL:
        break;
    case LIFECYCLE_FILTER_PREFIX:
        f->prefix = shown(rule->prefix);
        break;
    case LIFECYCLE_FILTER_TAG:
        f->tag = show_tags(r, rule);
        break;
    case LIFECYCLE_FILTER_GREATER:
        f->greater = greater;
        break;
    case LIFECYCLE_FILTER_LESS:
        f->less = less;
        break;
    case LIFECYCLE_FILTER_AND:
        f->both = arena_new(r->arena, struct xml_lifecycle_and);
        *f->both = (struct xml_lifecycle_and){.prefix = rule->has_prefix ? shown(rule->prefix) : BYTES_NONE,
                                              .tags = show_tags(r, rule),
                                              .n_tags = rule->n_tags,
                                              .greater = greater,
                                              .less = less};
        break;
    }
    return f;
}

static struct xml_lifecycle_expiration *show_expiration(struct req *r, const struct lifecycle_rule *rule)
{
    struct xml_lifecycle_expiration *e = arena_new(r->arena, struct xml_lifecycle_expiration);
    switch (rule->expire) {
    case LIFECYCLE_EXPIRE_NONE:
        return NULL;
    case LIFECYCLE_EXPIRE_DAYS:
        e->days = (struct xml_opt_i64){rule->expire_days, true};
        break;
    case LIFECYCLE_EXPIRE_DATE:
        e->date_ms = (struct xml_opt_i64){rule->expire_date_ms, true};
        break;
    case LIFECYCLE_EXPIRE_MARKER:
    case LIFECYCLE_EXPIRE_NO_MARKER:
        e->marker = (struct xml_opt_bool){rule->expire == LIFECYCLE_EXPIRE_MARKER, true};
        break;
    }
    return e;
}

static struct xml_lifecycle_transition *show_moves(struct req *r, const struct lifecycle_transition *list, size_t n)
{
    struct xml_lifecycle_transition *to = arena_new_array(r->arena, struct xml_lifecycle_transition, n + 1);
    for (size_t i = 0; i < n; i++)
        to[i] = (struct xml_lifecycle_transition){.date_ms = {list[i].date_ms, list[i].is_date},
                                                  .days = {list[i].days, !list[i].is_date},
                                                  .newer = {list[i].newer, list[i].newer != 0},
                                                  .storage_class = (int)list[i].to};
    return to;
}

static void show_rule(struct req *r, const struct lifecycle_rule *rule, struct xml_lifecycle_rule *to)
{
    to->id = shown(rule->id);
    to->prefix = rule->form == LIFECYCLE_OLD_PREFIX ? shown(rule->prefix) : BYTES_NONE;
    to->filter = show_filter(r, rule);
    to->status = rule->enabled ? XML_LIFECYCLE_ENABLED : XML_LIFECYCLE_DISABLED;
    to->transitions = show_moves(r, rule->transitions, rule->n_transitions);
    to->n_transitions = rule->n_transitions;
    to->expiration = show_expiration(r, rule);
    to->noncurrent_transitions = show_moves(r, rule->noncurrent_transitions, rule->n_noncurrent_transitions);
    to->n_noncurrent_transitions = rule->n_noncurrent_transitions;
    if (rule->noncurrent_days) {
        to->noncurrent = arena_new(r->arena, struct xml_lifecycle_noncurrent);
        to->noncurrent->days = (struct xml_opt_i64){rule->noncurrent_days, true};
        to->noncurrent->newer = (struct xml_opt_i64){rule->noncurrent_newer, rule->noncurrent_newer != 0};
    }
    if (rule->abort_days) {
        to->abort = arena_new(r->arena, struct xml_lifecycle_abort);
        to->abort->days = (struct xml_opt_i64){rule->abort_days, true};
    }
}

int lifecycle_get(struct req *r)
{
    struct bytes value;
    struct lifecycle l = {0};
    struct xml_lifecycle doc = {0};
    int rc = store_setting_get(r->server->store, r->bucket_name, STORE_SETTING_LIFECYCLE, r->arena, &value);
    if (rc == STORE_NO_SUCH_SETTING) {
        req_fail(r, S3E_NO_SUCH_LIFECYCLE_CONFIGURATION);
        return req_extra(r, "BucketName", r->bucket_name);
    }
    if (rc == STORE_OK && !lifecycle_decode(value, r->arena, &l))
        rc = STORE_CORRUPT;
    if (rc < 0)
        return req_fail_store(r, rc);
    doc.rules = arena_new_array(r->arena, struct xml_lifecycle_rule, l.n_rules + 1);
    doc.n_rules = l.n_rules;
    for (size_t i = 0; i < l.n_rules; i++)
        show_rule(r, &l.rules[i], &doc.rules[i]);
    minimum_header(r, l.minimum);
    return resp_document(r, &xml_lifecycle_doc, &doc);
}

/* ---- headers of other operations ---- */

static bool is_plain(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return true;
}

static struct bytes encoded_id(struct req *r, struct bytes id)
{
    struct buf out;
    buf_init(&out, id.n * 3 + 1);
    uri_encode(&out, id, URI_ENCODE_SLASH);
    struct bytes kept = bytes_dup(r->arena, buf_bytes(&out));
    buf_fini(&out);
    return kept;
}

void api_expiration_header(struct req *r, const struct store_object *o)
{
    const struct lifecycle *l = store_lifecycle(r->server->store, &r->bucket, r->arena);
    struct lifecycle_subject s = {
        .key = r->key, .size = o->size, .tags = o->tags, .n_tags = o->n_tags, .mtime_ms = o->mtime_ms};
    int64_t at_ms = 0;
    struct bytes id = BYTES_NONE;
    char date[DATE_HTTP_LEN + 1];
    if (!l || req_has_param(r, "versionId") || !lifecycle_expiry(l, &s, &at_ms, &id))
        return;
    date_format_http(date_seconds_of_ms(at_ms), date);
    id = encoded_id(r, id);
    resp_headerf(r, "x-amz-expiration", "expiry-date=\"%s\", rule-id=\"%.*s\"", date, (int)id.n, id.p);
}

void api_expiration_of_write(struct req *r)
{
    struct store_object o = {.size = store_write_size(r->write), .mtime_ms = store_write_mtime_ms(r->write)};
    struct bytes tags = req_header(r, "x-amz-tagging");
    struct store_header *list;
    if (r->bucket.lifecycle_seq == 0)
        return;
    if (tags.n && tag_set_parse(r->arena, tags, &list, &o.n_tags) == TAGS_OK)
        o.tags = list;
    api_expiration_header(r, &o);
}

void api_abort_headers(struct req *r, int64_t initiated_ms)
{
    const struct lifecycle *l = store_lifecycle(r->server->store, &r->bucket, r->arena);
    int64_t at_ms = 0;
    struct bytes id = BYTES_NONE;
    char date[DATE_HTTP_LEN + 1];
    if (!l || !lifecycle_abort(l, r->key, initiated_ms, 0, &at_ms, &id))
        return;
    date_format_http(date_seconds_of_ms(at_ms), date);
    resp_header(r, "x-amz-abort-date", bytes_of(date, DATE_HTTP_LEN));
    resp_header(r, "x-amz-abort-rule-id", is_plain(id) ? id : encoded_id(r, id)); /* as it is, where a header can */
}
