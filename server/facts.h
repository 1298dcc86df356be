/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition keys of a request: from what the server decoded and goes by to what policies ask about
 * (server/iam/context.h). What a document in the body says is added when it has been read; what is known of one object
 * only, where it is asked about.
 * Threads: whichever has the request. Values point into the request or lie in the context's arena.
 */
#ifndef PAIL_SERVER_FACTS_H
#define PAIL_SERVER_FACTS_H

#include "server/iam/context.h"
#include "server/req.h"

/* What a body says, of the operations whose policies may ask for it; zero: nothing. */
struct facts_body {
    bool tags_known;
    const struct store_header *tags; /* of PutObjectTagging */
    size_t n_tags;
    enum lock_mode mode; /* of PutObjectRetention */
    int64_t until_ms;
    struct bytes legal_hold;                /* ON, OFF */
    struct bytes location;                  /* of CreateBucket; empty: none */
    const struct store_header *bucket_tags; /* of CreateBucket */
    size_t n_bucket_tags;
};

/* All that head and caller tell. */
void facts_collect(struct req *, struct iam_context *);
void facts_add_body(struct req *, struct iam_context *, const struct facts_body *);
/* Which keys facts_add_body may set. */
bool facts_in_body(enum iam_key_id);
/* The resource: whose it is, which version is named (p NULL: none). */
void facts_of_resource(struct iam_context *, struct bytes account, struct bytes version_id);
/* The tags of the object that is asked about; NULL: there is none, or its tags are nobody's business here. */
void facts_of_object(struct iam_context *, const struct store_object *);

#endif
