/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-side encryption as clients see it: the headers x-amz-server-side-encryption*, which encryption a new object
 * gets, whether a reader brings the right key, and what replies say. Keys and envelopes are made and opened by the
 * keyring (include/keyring.h), bytes are encrypted by the store; here is what S3 asks of both.
 *
 * New objects: what the request asks for, else what the bucket says (PutBucketEncryption), else --default-encryption.
 * Parts have the key of their upload. Of KMS keys other than the default one, the caller needs kms:GenerateDataKey to
 * write and kms:Decrypt to read.
 *
 * A customer's key (SSE-C) comes with each request, is taken from the request's memory as soon as it is read, lives in
 * its decoded form as long as the request and is wiped then. It is in no log, error or reply.
 *
 * Ownership: keys and envelopes given out live in the request's arena; keys are wiped when it ends. All calls answer 0,
 * or -1 after req_fail. Threads: whichever has the request; nothing waits.
 */
#ifndef PAIL_SERVER_SSE_H
#define PAIL_SERVER_SSE_H

#include "keyring.h"
#include "server/req.h"

/*
 * Of a new object or upload, once the rest of `put` is known: chooses, checks, seals, and fills in put->seal. What it
 * has chosen is kept for sse_reply (r->envelope).
 */
int sse_seal(struct req *, struct store_put *);
/* Of a part: the key of its upload; a customer's must be there again. r->envelope is the upload's. */
int sse_seal_part(struct req *, const struct store_upload *, struct store_put *);
/* Of requests about an upload that need no key, but may bring one: it must be the right one then. */
int sse_check_upload(struct req *, const struct store_upload *);

enum sse_use {
    SSE_TELL, /* its headers: a customer's key is checked, no other one is needed */
    SSE_READ, /* its bytes */
};
/* The key of the request's own object, as store_read_open wants it: NULL when there is none, or none is needed. */
int sse_open(struct req *, const struct store_object *, enum sse_use, const unsigned char **ret_key);
/* The same of a copy's source. */
int sse_open_source(struct req *, const struct store_bucket *, struct bytes key, const struct store_object *,
                    const unsigned char **ret_key);
/* Did the request ask for an encryption? */
bool sse_asked(const struct req *);

enum sse_reply {
    SSE_REPLY_MADE,      /* Put, Copy, CreateMultipartUpload: the encryption context too */
    SSE_REPLY_READ,      /* GET, HEAD, parts */
    SSE_REPLY_COMPLETED, /* CompleteMultipartUpload says nothing of customers' keys */
};
/* The headers that tell how it is encrypted; none when the envelope is empty. */
void sse_reply(struct req *, struct bytes envelope, enum sse_reply);

/* What policies are told of the upload that a part or completion belongs to. */
struct sse_facts {
    struct bytes method, key_arn, customer_algorithm; /* p NULL: not that */
};
void sse_facts_of(const struct req *, struct bytes envelope, struct arena *, struct sse_facts *ret);
/* The ARN of a key: arn:aws:kms:REGION:ACCOUNT:key/NAME. What is no key's name stays as it is. */
struct bytes sse_key_arn(const struct req *, struct arena *, struct bytes said);

#endif
