/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's query protocol, which IAM and STS speak on the same endpoint: a form with Action and Version comes in, XML of
 * the service's own shape goes out, errors too. A table names each action with its parameters, the permission that it
 * needs and its handler (iam_api.c, sts_api.c); this module reads and checks parameters, authenticates with the hash of
 * the body, decides, and renders what is common.
 *
 * A handler gets a struct query_call, reads parameters, writes the content of <XResult> into `out`, and answers 0, or
 * -1 after query_fail. Handlers of actions that change something run alone, with records_lock held. Threads: workers;
 * query_respond_error: the loop, after the handler.
 */
#ifndef PAIL_SERVER_IAM_QUERY_H
#define PAIL_SERVER_IAM_QUERY_H

#include "server/http/uri.h"
#include "server/iam/records.h"
#include "server/req.h"
#include "server/xml/render.h"

#define QUERY_BODY_MAX (512u * 1024) /* bytes of a form: a policy of 128 KiB, percent-encoded */
#define QUERY_PAGE     100           /* members of a list, unless MaxItems says otherwise */
#define QUERY_PAGE_MAX 1000
#define QUERY_MEMBERS  1000 /* of a list among the parameters */

enum query_service { QUERY_IAM, QUERY_STS };

/* What an action is done on: how its ARN is found for the decision. */
enum query_on { ON_ANYTHING, ON_USER, ON_GROUP, ON_ROLE, ON_POLICY, ON_PROVIDER, ON_OWN_RULES };

struct query_call;
typedef int query_handler_f(struct query_call *);

#define QUERY_CHANGES   1u /* runs alone */
#define QUERY_VOID      2u /* no <XResult> */
#define QUERY_SELF      4u /* without UserName it is about the caller */
#define QUERY_ANONYMOUS 8u /* nobody has to sign */

struct query_action {
    const char *name;
    enum query_service service;
    enum query_on on;
    const char *params; /* names: "UserName! Path Tags": those with ! are required */
    query_handler_f *handle;
    unsigned flags;
};
extern const struct query_action iam_actions[], sts_actions[]; /* ended by a name of NULL */

struct query_call {
    struct req *req;
    struct identities *ids;
    struct arena *arena;
    const struct query_action *action;
    enum query_service service;
    const struct principal *who;
    struct bytes account; /* whose entities it is about: the caller's */
    struct query params;
    struct buf *out;
    struct iam_context context; /* of the decision */
    int status;                 /* of an error; 0: none was told */
    const char *code;
    struct bytes message;
};

/* All answer -1, which is to be seen here, for whoever reads on after a call of them. */
#define query_fail(...) (query_set_error(__VA_ARGS__), -1)
void query_set_error(struct query_call *, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define query_fail_store(call, rc) (query_set_store_error(call, rc), -1)
void query_set_store_error(struct query_call *, int rc);
#define query_fail_policy(call, error) (query_set_policy_error(call, error), -1)
void query_set_policy_error(struct query_call *, const struct iam_policy_error *);

struct bytes query_text(const struct query_call *, const char *name);          /* p NULL: absent */
bool query_number(const struct query_call *, const char *name, uint64_t *ret); /* checked before; false: absent */
/* Members of a list: Name.member.1, ..., as many as come without a gap. */
size_t query_members(const struct query_call *, const char *name, struct bytes **ret);
/* For actions that seal a secret. 0, or -1 after query_fail: there is no master key. */
int query_need_master_key(struct query_call *);
/* Tags.member.N.Key and .Value, checked as tags of IAM are. Negative after query_fail. */
ptrdiff_t query_tags(struct query_call *, const char *name, struct iam_tag **ret);

/* May the caller do `action` ("iam:PassRole") on this ARN? 0, or -1 after query_fail. */
int query_authorize(struct query_call *, struct bytes action, struct bytes arn, struct bytes account);
int query_apply(struct query_call *, struct change *);

/* ---- for the request ---- */

int query_handle(struct req *); /* the handler of its row in the table of operations */
void query_respond_error(struct req *);
/* Which action was asked for, for the log; NULL before that is known. */
const char *query_name(const struct req *);

#endif
