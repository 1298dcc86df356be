/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing in at the console through an identity provider: which are offered (/console.json names them), the way there
 * (/api/pail/v1/oidc/ID), and the exchange of the code that people come back with (/api/pail/v1/oidc-token).
 *
 * Offered are the OpenID Connect providers of the first account that have the tag pail:console-role with the ARN of the
 * role that people then have. pail:console-name is what they are called (else their URL), pail:console-client the
 * client id (else their first one), pail:console-flow "code" or "id_token" the flow. The id is the URL without its
 * scheme, as at the end of the ARN; names may be given twice.
 *
 * Without a tag the flow is that of authorization codes with PKCE where the provider's discovery document says that it
 * has both, else the implicit one, which gives the id token at once. The console is a public client: no secret. The
 * page may not ask the provider itself (its content policy), so the server does, and passes on the id token alone.
 * Whether that is good is for AssumeRoleWithWebIdentity to say.
 *
 * Threads: workers.
 */
#ifndef PAIL_SERVER_CONSOLE_OIDC_H
#define PAIL_SERVER_CONSOLE_OIDC_H

#include <jansson.h>

struct req;

#define OIDC_BODY_MAX     (16 * 1024)
#define OIDC_CODE_MAX     8192 /* bytes; providers make them up to 2,048 */
#define OIDC_REDIRECT_MAX 2048
#define OIDC_VERIFIER_MIN 43 /* RFC 7636 */
#define OIDC_VERIFIER_MAX 128
#define OIDC_REPLY_MAX    (64 * 1024) /* of the provider */
#define OIDC_TOKEN_MAX    (32 * 1024)
#define OIDC_TOKEN_MS     5000 /* for the exchange */
#define OIDC_EXCHANGES    4    /* at a time: workers that wait for providers */
#define OIDC_SAID_MAX     200  /* bytes of a provider's words that are passed on */

json_t *console_oidc_providers(struct req *); /* those that are offered */
/* Handlers: 0, or -1 after req_fail. */
int console_oidc_go(struct req *);
int console_oidc_token(struct req *);

#endif
