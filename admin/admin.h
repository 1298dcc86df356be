/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail admin`: what administrators do at a running server, over its public interfaces alone: IAM's query protocol, the
 * server's own JSON below /pail/v1 and /minio/admin/v3, and S3 for buckets. One table of commands (admin.c) makes
 * arguments, --help, completion and manual pages; answers become JSON of one shape, from which tables for people are
 * printed. Threads: the first one.
 */
#ifndef PAIL_ADMIN_ADMIN_H
#define PAIL_ADMIN_ADMIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "admin/place.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "http_client.h"

#define ADMIN_FLAGS_MAX    6
#define ADMIN_EXAMPLES_MAX 3
#define ADMIN_WORDS_MAX    2

struct admin_flag {
    const char *name;  /* without dashes */
    const char *value; /* what --help calls it; NULL: a switch */
    const char *help;
};

/* One call of a command at a running server. */
struct remote_call {
    struct arena *arena;
    const struct admin_command *command;
    struct place_flags flags;
    struct place at;
    bool json;
    const char *words[ADMIN_WORDS_MAX]; /* NULL: left out */
    size_t n_words;
    const char *values[ADMIN_FLAGS_MAX]; /* of the command's flags, in their order; a switch that is on: "" */
};

struct admin_command {
    const char *group, *verb; /* `pail admin GROUP VERB`; verb NULL: the group is the command */
    const char *arguments;    /* a word each; those in brackets may be left out */
    const char *help;         /* a line; lower case, without a full stop */
    int (*run)(struct remote_call *);
    struct admin_flag flags[ADMIN_FLAGS_MAX];
    const char *examples[ADMIN_EXAMPLES_MAX];
    bool keyless; /* it signs nothing, so none are looked for */
};

/* The value of a flag of the command; NULL: not given. */
const char *admin_flag(const struct remote_call *, const char *name);
/* One line on standard error. 1, or 2 for a call that was wrong. */
int admin_fail(const char *text);
int admin_misuse(const struct remote_call *, const char *what, const char *word);

/* ---- requests: admin_send.c; each answers 0, or 1 after it said why ---- */

#define ADMIN_PAGES_MAX 10000u

/* GET, PUT, ... of a path with its query; `type` of the body, when there is one. */
int admin_send(struct remote_call *, const char *method, const char *path, const char *type, struct bytes body,
               struct bytes *ret);
/* A request with headers; where it goes and its keys are filled in. */
int admin_send_request(struct remote_call *, struct http_client_request, const char *path, struct bytes *ret);
/* The same, for JSON. *ret belongs to the caller. */
int admin_json(struct remote_call *, const char *method, const char *path, struct bytes body, json_t **ret);
/*
 * An action of IAM; `parameters`: names and values by turns, NULL at the end; a value of NULL leaves its name out.
 * *ret, the caller's, is what the answer's result holds: an object of texts, lists and further objects.
 */
int admin_iam(struct remote_call *, const char *action, const char *const *parameters, json_t **ret);
/* The same for an action that lists: all pages of `member`, as an array. */
int admin_iam_list(struct remote_call *, const char *action, const char *const *parameters, const char *member,
                   json_t **ret);
/* What an element holds, as JSON: a text, a list when its children are called member, else an object. Pure. */
json_t *admin_json_of_xml(struct bytes inner, struct arena *);
/* For people: what to do about an error of this name; "" when there is nothing to be said. */
const char *admin_advice(const char *code);

/* ---- answers: admin_print.c ---- */

enum admin_format { ADMIN_TEXT, ADMIN_NUMBER, ADMIN_SIZE, ADMIN_YES };

struct admin_column {
    const char *title;
    const char *path; /* names with dots between them; "": the row itself */
    enum admin_format format;
};

/* As JSON, when that was asked for, else as a table. Takes the array. The exit status. */
int admin_print_rows(struct remote_call *, json_t *rows, const struct admin_column *, size_t n);
/* The same for one thing: a line a column. Takes the object. */
int admin_print_one(struct remote_call *, json_t *one, const struct admin_column *, size_t n);
int admin_print_json(json_t *); /* takes it, and wipes the text */
/* A line for people; with --json {"done":true} and the two texts that name what was done. */
int admin_print_done(struct remote_call *, const char *what, const char *name);
/* What stands at the path; NULL: nothing. */
const json_t *admin_at(const json_t *, const char *path);
const char *admin_text_of(const json_t *, const char *path, enum admin_format, struct arena *);
/* 12 s, 4 min, 3 h 5 min, 8 d 2 h */
const char *admin_duration(double seconds, struct arena *);
/* "10GiB", "500M", "1024"; false: that is no size. */
bool admin_read_size(const char *text, uint64_t *ret);

/* ---- commands: admin_server.c, admin_iam.c ---- */

int admin_status(struct remote_call *);
int admin_health(struct remote_call *);
int admin_trace_show(struct remote_call *);
int admin_logs_show(struct remote_call *);
int admin_buckets_list(struct remote_call *);
int admin_buckets_show(struct remote_call *);
int admin_buckets_create(struct remote_call *);
int admin_buckets_delete(struct remote_call *);
int admin_quota_show(struct remote_call *);
int admin_quota_set(struct remote_call *);
int admin_quota_clear(struct remote_call *);

int admin_users_list(struct remote_call *);
int admin_users_show(struct remote_call *);
int admin_users_create(struct remote_call *);
int admin_users_delete(struct remote_call *);
int admin_keys_list(struct remote_call *);
int admin_keys_create(struct remote_call *);
int admin_keys_enable(struct remote_call *);
int admin_keys_disable(struct remote_call *);
int admin_keys_delete(struct remote_call *);
int admin_policies_list(struct remote_call *);
int admin_policies_show(struct remote_call *);
int admin_policies_create(struct remote_call *);
int admin_policies_delete(struct remote_call *);
int admin_policies_attach(struct remote_call *);
int admin_policies_detach(struct remote_call *);
int admin_groups_list(struct remote_call *);
int admin_groups_show(struct remote_call *);
int admin_groups_create(struct remote_call *);
int admin_groups_delete(struct remote_call *);
int admin_groups_add(struct remote_call *);
int admin_groups_remove(struct remote_call *);

#endif
