/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deployment id: a UUID by which MinIO's tools tell one server's data from another's. It is made once for a data
 * folder and kept in its index, so it goes with the data into backups.
 * Threads: start-up, before requests.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/rand.h"
#include "server/admin_api/admin_api.h"
#include "store.h"

#define DEPLOYMENT_KEY BYTES_LIT("settings/deployment-id")

static void make_uuid(char out[37])
{
    unsigned char b[16];
    char hex[32];
    rand_bytes(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 of RFC 9562 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    hex_encode(b, sizeof b, hex);
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void admin_deployment_id(struct store *store, char ret[37])
{
    struct arena *a = arena_create(0);
    struct bytes text;
    ret[0] = '\0';
    int rc = store_doc_get(store, DEPLOYMENT_KEY, a, &text);
    if (rc == STORE_OK && text.n == 36) {
        memcpy(ret, text.p, 36);
        ret[36] = '\0';
    } else if (rc == STORE_NO_SUCH_SETTING) {
        make_uuid(ret);
        struct store_doc_change c = {.key = DEPLOYMENT_KEY, .check = true, .put = true, .value = bytes_of(ret, 36)};
        rc = store_doc_apply(store, &c, 1);
        if (rc != STORE_OK)
            ret[0] = '\0';
    }
    if (!*ret) /* on a full disk, for example: the next start makes it */
        log_warn("start", "this data folder has no deployment id yet: %s", store_rc_name(rc));
    arena_free(a);
}
