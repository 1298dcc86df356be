/* SPDX-License-Identifier: Apache-2.0 */
/* The one pass of `mc admin heal` that may run; see heal.c. Threads: heal_stop: the first one, at the end. */
#ifndef PAIL_SERVER_ADMIN_API_HEAL_H
#define PAIL_SERVER_ADMIN_API_HEAL_H

void heal_stop(void); /* waits for its thread; before the store is closed */

#endif
