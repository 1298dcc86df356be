/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that administrators make while the server runs: for the start, SIGHUP and their pages. Threads: any. */
#ifndef PAIL_SERVER_ADMIN_API_SETTINGS_H
#define PAIL_SERVER_ADMIN_API_SETTINGS_H

#include <stddef.h>

struct arena;
struct config_pair;
struct req;
struct store;

/* For config_reload_with. Unreadable ones count as none. */
const struct config_pair *admin_settings_read(struct store *, struct arena *, size_t *ret_n);
/*
 * One of them, by its name as config_describe has it; NULL: the default again. It holds for every request that starts
 * after this one's reply, but for a moment when the server is busy. 0, or -1 after req_fail. On a worker.
 */
int admin_settings_change(struct req *, const char *name, const char *value);

#endif
