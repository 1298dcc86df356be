/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts: the certificate of --certs-dir and those of its sub-folders, chosen by SNI, reloaded when the files
 * change. Threads: tls_accept from any loop; tls_reload_if_changed from one thread at a time.
 */
#ifndef PAIL_SERVER_TLS_H
#define PAIL_SERVER_TLS_H

#include <stdbool.h>

struct tls;
struct ssl_st;

/* NULL on failure, with one line for the user in ret_error. */
struct tls *tls_open(const char *dir, char ret_error[512]);
void tls_free(struct tls **);
struct ssl_st *tls_accept(struct tls *, int fd); /* NULL when out of memory */
/* Looks at the files' times; a set that does not load is logged and the old one stays in use. */
void tls_reload_if_changed(struct tls *);

#endif
