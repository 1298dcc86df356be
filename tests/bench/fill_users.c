/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a data folder that no server holds with users of the first account: bench_fill_users DIR COUNT RESOURCE. Each
 * has an access key and an inline policy of its own that allows to read RESOURCE. IAM would make no more than
 * IAM_MAX_USERS in an account; here they need not be spread over many.
 *
 * Prints a line a user: access key, secret key. PAIL_ROOT_USER and PAIL_ROOT_PASSWORD as for the server. Threads: one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "accounts.h"
#include "backends.h"
#include "base/check.h"
#include "base/clock.h"
#include "config.h"
#include "data_dir.h"
#include "server/iam/records.h"
#include "server/identity.h"
#include "store.h"

#define USERS_IN_A_CHANGE 100

static void put_policy(struct change *c, json_t *user, const char *resource)
{
    struct bytes id = new_document_id(c->arena);
    json_t *inline_policies = record_object(user, "inline");
    change_put_text(c, key_of_document(c->arena, id),
                    arena_bytesf(c->arena,
                                 "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                                 "\"Action\":[\"s3:GetObject\",\"s3:ListBucket\"],\"Resource\":\"arn:aws:s3:::%s\"}]}",
                                 resource));
    json_object_set_new(inline_policies, "reads", json_of_bytes(id));
}

static void put_key(struct change *c, json_t *user, struct bytes name)
{
    struct arena *a = c->arena;
    struct bytes id = new_unique_id(a, "AKIA", IAM_ACCESS_KEY_LEN), secret = new_secret(a);
    change_put(c, key_of_access_key(a, id), new_key_record(c->ids, a, BYTES_LIT(ROOT_ACCOUNT_ID), name, id, secret));
    json_array_append_new(record_list(user, "keys"), json_of_bytes(id));
    printf("%.*s %.*s\n", (int)id.n, id.p, (int)secret.n, secret.p);
}

static void put_user(struct change *c, unsigned long number, const char *resource)
{
    struct arena *a = c->arena;
    struct bytes name = arena_bytesf(a, "user-%06lu", number), id = new_unique_id(a, "AIDA", IAM_UNIQUE_ID_LEN);
    struct bytes key = key_of_entity(a, ENTITY_USER, BYTES_LIT(ROOT_ACCOUNT_ID), name);
    json_t *user = json_in(a, json_object());
    json_object_set_new(user, "id", json_of_bytes(id));
    json_object_set_new(user, "name", json_of_bytes(name));
    json_object_set_new(user, "path", json_string("/"));
    json_object_set_new(user, "created", json_integer(clock_wall_ms()));
    json_object_set_new(user, "gen", json_integer(1));
    put_policy(c, user, resource);
    put_key(c, user, name);
    change_put(c, key, user);
    change_put_text(c, key_of_unique_id(a, id), key);
}

static void put_count(struct identities *ids, unsigned long count)
{
    struct arena *a = arena_create(0);
    struct change c = {.ids = ids, .arena = a};
    struct bytes key = key_of_counts(a, BYTES_LIT(ROOT_ACCOUNT_ID));
    json_t *counts;
    if (record_get(ids, a, key, &counts) != STORE_OK)
        counts = json_in(a, json_object());
    json_object_set_new(counts, "Users", json_integer((json_int_t)count + record_number(counts, "Users")));
    change_put(&c, key, counts);
    CHECK(change_apply(&c) == STORE_OK);
    arena_free(a);
}

static void fill(struct identities *ids, unsigned long count, const char *resource)
{
    for (unsigned long done = 0; done < count;) {
        struct arena *a = arena_create(0);
        struct change c = {.ids = ids, .arena = a};
        for (int i = 0; i < USERS_IN_A_CHANGE && done < count; i++)
            put_user(&c, done++, resource);
        CHECK(change_apply(&c) == STORE_OK);
        arena_free(a);
    }
    put_count(ids, count);
}

static int fail(const char *error)
{
    fprintf(stderr, "bench_fill_users: %s\n", error);
    return 1;
}

int main(int argc, char **argv)
{
    struct config cfg;
    struct data_dir dir;
    struct store *store;
    struct identities *ids;
    char error[512], *end;
    unsigned long count = argc == 4 ? strtoul(argv[2], &end, 10) : 0;
    if (count == 0 || *end != '\0')
        return fail("DIR COUNT RESOURCE are wanted");
    if (config_load(&cfg, 1, &argv[1], error) != 0 || !data_dir_open(cfg.dir, &dir, error) ||
        !(store = backends_open(&cfg, &dir, error)) || !(ids = accounts_open(store, &cfg, dir.path, error)))
        return fail(error);
    fill(ids, count, argv[3]);
    accounts_close(&ids);
    store_close(&store);
    data_dir_close(&dir);
    config_fini(&cfg);
    return 0;
}
