/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of policies: literal text, `*` (any run of characters, `/` included), `?` (one character, which may be
 * several bytes of UTF-8) and policy variables, whose values are literal whatever they contain.
 *
 * A pattern is compiled once, when its document is read, and matched for every request. A pattern with variables is
 * bound to a request first (wild_bind), which gives one without. Matching never backtracks over more than one star:
 * its time grows with the text, and not with the number of stars.
 *
 * Ownership: everything lies in the arena that compiled or bound; texts are borrowed. Threads: pure; a compiled
 * pattern may be matched by many threads.
 */
#ifndef PAIL_SERVER_IAM_WILDCARD_H
#define PAIL_SERVER_IAM_WILDCARD_H

#include "base/bytes.h"

struct arena;

enum wild_kind { WILD_LITERAL, WILD_ONE, WILD_ANY, WILD_VARIABLE };

struct wild_piece {
    enum wild_kind kind;
    bool has_default;     /* variables */
    struct bytes text;    /* literal: its bytes; one: n is how many; variable: the default */
    const void *variable; /* what the naming function gave for it */
};

struct wild {
    const struct wild_piece *pieces;
    size_t n;
    bool variables; /* must be bound before it is matched */
};

#define WILD_WILDCARDS 1u /* `*` and `?` are wildcards; otherwise ordinary characters */
#define WILD_VARIABLES 2u /* ${name}, ${name, 'default'}, ${*} ${?} ${$}; otherwise ordinary characters */
#define WILD_FOLD      4u /* literals in lower case; match texts in lower case */

/* What stands for the variable of this name; NULL refuses it. The name is borrowed. */
typedef const void *wild_name_f(struct arena *, struct bytes name);
/* The variable's value in this request; false when it has none. */
typedef bool wild_value_f(const void *ctx, const void *variable, struct bytes *ret);

/* False: the text has a variable that is none. `text` is copied. `name` may be NULL without WILD_VARIABLES. */
bool wild_compile(struct arena *, struct bytes text, unsigned flags, wild_name_f *name, struct wild *ret);
/* False: a variable without value and default, so that the pattern matches nothing. */
bool wild_bind(struct arena *, const struct wild *, wild_value_f *value, const void *ctx, struct wild *ret);
/* Told without binding, by what the pattern begins with: it does not match. False: perhaps, or it cannot be bound. */
bool wild_differs(const struct wild *, wild_value_f *value, const void *ctx, struct bytes text);
/* For patterns without variables: the whole text, from its first to its last byte. */
bool wild_match(const struct wild *, struct bytes text);
/* Could some text that starts with `prefix` match? Variables may become anything. */
bool wild_may_start(const struct wild *, struct bytes prefix);
/* Could the text match, if variables may become anything? */
bool wild_may_match(struct arena *, const struct wild *, struct bytes text);
/* Neither wildcards nor variables: one text only. */
bool wild_is_literal(const struct wild *);
struct bytes wild_literal(const struct wild *); /* of such a one */

/*
 * ARN patterns. The six parts of an ARN are matched one by one, so that a star in one of the first five never reaches
 * over a colon; the sixth takes the rest, colons included.
 */
#define ARN_PARTS 6
enum { ARN_ARN, ARN_PARTITION, ARN_SERVICE, ARN_REGION, ARN_ACCOUNT, ARN_RESOURCE };

struct arn {
    struct bytes part[ARN_PARTS];
    struct bytes head; /* all before the fifth colon */
};

struct arn_pattern {
    bool any;          /* "*" alone: also what is no ARN */
    bool literal_head; /* the first five parts are plain text, as they nearly always are: */
    struct bytes head; /* they are compared as one */
    struct wild part[ARN_PARTS];
};

bool arn_split(struct bytes text, struct arn *ret); /* false: fewer than six parts */
/* False: neither "*" nor six parts, or a bad variable. WILD_WILDCARDS and WILD_VARIABLES as above. */
bool arn_compile(struct arena *, struct bytes text, unsigned flags, wild_name_f *name, struct arn_pattern *ret);
bool arn_bind(struct arena *, const struct arn_pattern *, wild_value_f *value, const void *ctx,
              struct arn_pattern *ret);
bool arn_has_variables(const struct arn_pattern *);
/* Told without binding: nothing that its variables stand for could make it match. False: it may or may not. */
bool arn_never_matches(const struct arn_pattern *, const struct arn *arn);
/* `arn` NULL: the text is no ARN, which only "*" matches. */
bool arn_match(const struct arn_pattern *, const struct arn *arn);

#endif
