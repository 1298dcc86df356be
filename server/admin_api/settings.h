/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that administrators made while the server ran, for the start and for SIGHUP. Threads: any. */
#ifndef PAIL_SERVER_ADMIN_API_SETTINGS_H
#define PAIL_SERVER_ADMIN_API_SETTINGS_H

#include <stddef.h>

struct arena;
struct config_pair;
struct store;

/* For config_reload_with. Unreadable ones count as none. */
const struct config_pair *admin_settings_read(struct store *, struct arena *, size_t *ret_n);

#endif
