/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the console's page is told before anybody signs in: /console.json.
 * Threads: workers.
 */
#ifndef PAIL_SERVER_CONSOLE_INFO_H
#define PAIL_SERVER_CONSOLE_INFO_H

struct req;

int console_info(struct req *, const char *prefix, unsigned s3_port); /* 0, or -1 after req_fail */

#endif
