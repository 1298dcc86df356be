/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the console's page is told before anybody signs in: /console.json; and the way to an identity provider:
 * /api/pail/v1/oidc/ID. Offered are the OpenID Connect providers of the first account that have the tag
 * pail:console-role with the ARN of the role that people then have; pail:console-name is what they are called (else
 * their URL), pail:console-client the client id (else their first one). The id is the URL without its scheme, as at the
 * end of the ARN; names may be given twice.
 * Threads: workers.
 */
#ifndef PAIL_SERVER_CONSOLE_INFO_H
#define PAIL_SERVER_CONSOLE_INFO_H

struct req;

int console_info(struct req *, const char *prefix, unsigned s3_port); /* 0, or -1 after req_fail */
int console_oidc(struct req *);

#endif
