/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this request happen? The one place of the server that grants or refuses access: the step of every request, and
 * what handlers ask when the answer hangs on something that only they come across (a copy's source, the keys of a
 * DeleteObjects, a body).
 *
 * An operation needs the action of its row in ops.c (version_action when a versionId is named), the further ones of the
 * table of extras there, and what is asked here. Facts are collected, policies looked up, and iam_decide decides.
 *
 * Threads: whichever has the request. Nothing waits: settings and records are looked up in memory.
 */
#ifndef PAIL_SERVER_AUTHORIZE_H
#define PAIL_SERVER_AUTHORIZE_H

#include "server/access.h"
#include "server/facts.h"
#include "server/req.h"

/* The step. 0, or -1 after req_fail. */
int authorize_request(struct req *);
/*
 * Of rows with OP_BODY_FACTS, once the body is read: decides what had to wait for it; 0 at once when nothing had to.
 * A handler of such a row that succeeds has called it.
 */
int authorize_body(struct req *, const struct facts_body *);
/*
 * For handlers of own operations that find out themselves who asks (OP_PUBLIC): r->who needs the right to the row's
 * action, and must be of the first account. 0, or -1 after req_fail.
 */
int authorize_own(struct req *);
bool authorize_pending(const struct req *); /* authorize_body has still to be called */
/*
 * For own operations that are allowed already and work on buckets: from here on r->bucket's settings are those that
 * handlers ask about. 0, or -1 after req_fail.
 */
int authorize_take_bucket(struct req *);

/* The source of a copy: may it be read? version_id: p NULL when none is named. */
int authorize_source(struct req *, const struct store_bucket *, struct bytes key, struct bytes version_id);
/* The source has tags, and the copy is to have them too. */
int authorize_source_tags(struct req *, const struct store_bucket *, struct bytes key, struct bytes version_id);
/* One key of a DeleteObjects. False: *ret_message is for its entry. */
bool authorize_delete(struct req *, struct bytes key, struct bytes version_id, bool if_match, bool bypass,
                      struct bytes *ret_message);
/*
 * An object is not there. Only who may list the bucket learns that: 0; others -1 with AccessDenied instead of the
 * error that a handler would set.
 */
int authorize_missing(struct req *, const struct store_bucket *);
/* Is this action allowed on the request's own target? `version_action` instead, when a versionId is named. Silent. */
bool authorize_may(struct req *, const char *action, const char *version_action);
/* The same, answering AccessDenied. */
int authorize_also(struct req *, const char *action);
/* An action of KMS on one of its keys, which policies of identities alone can allow. 0, or -1 with AccessDenied. */
int authorize_kms(struct req *, const char *action, struct bytes key_arn);
/* Would this policy, were it the bucket's, forbid the caller to put another one? */
bool authorize_locks_out(struct req *, const struct iam_policy *);

/*
 * May the caller do `action` ("s3:PutObject", "iam:ListUsers", "admin:ServerInfo") on this ARN, as far as it is known
 * without the request: facts are those of this one, and objects are looked at only by their names. With * or ? in the
 * ARN: on some plain name under it, of those that server/iam/examples.h finds. Silent; on a worker.
 */
bool authorize_can(struct req *, const char *action, struct bytes resource);

/* The settings of the request's bucket; NULL for operations on none. */
const struct bucket_access *authorize_settings(const struct req *);
/* Bucket's and account's block together. -1 after req_fail. */
int authorize_block(struct req *, struct public_access *ret);

#endif
