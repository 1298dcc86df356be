/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that administrators made: what they win over, and what wins over them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static struct config loaded(int argc, char **argv)
{
    struct config c;
    char error[512];
    unsetenv("PAIL_CONFIG_FILE");
    unsetenv("MINIO_CONFIG_ENV_FILE");
    cr_assert_eq(config_load(&c, argc, argv, error), 0);
    return c;
}

static const char *fixed_by(const struct config *c, const char *name)
{
    struct config_setting s;
    for (size_t i = 0; config_describe(c, i, &s); i++)
        if (strcmp(s.name, name) == 0)
            return s.fixed_by;
    cr_assert_fail("%s is not described", name);
    return NULL;
}

Test(admin_settings, flags_and_the_environment_win)
{
    static const struct config_pair kept[] = {{"idle_timeout", "77"}, {"drain_timeout", "7"}, {"header_timeout", "9"}};
    char *argv[] = {"/data", "--drain-timeout=11"};
    char note[512], error[512];
    struct config next, first = loaded(2, argv);
    setenv("PAIL_HEADER_TIMEOUT", "13", 1);
    cr_assert_eq(config_reload_with(&first, kept, 3, &next, note, error), 0);
    cr_assert_eq(next.idle_timeout_s, 77);
    cr_assert_eq(next.drain_timeout_s, 11);
    cr_assert_eq(next.header_timeout_s, 13);
    cr_assert(fixed_by(&next, "idle_timeout") == NULL);
    cr_assert_str_eq(fixed_by(&next, "drain_timeout"), "a flag");
    cr_assert_str_eq(fixed_by(&next, "header_timeout"), "PAIL_HEADER_TIMEOUT");
    struct config again; /* a SIGHUP keeps them */
    cr_assert_eq(config_reload(&next, &again, note, error), 0);
    cr_assert_eq(again.idle_timeout_s, 77);
    struct config reset;
    cr_assert_eq(config_reload_with(&again, NULL, 0, &reset, note, error), 0);
    cr_assert_eq(reset.idle_timeout_s, 60);
    unsetenv("PAIL_HEADER_TIMEOUT");
    config_fini(&reset);
    config_fini(&again);
    config_fini(&next);
    config_fini(&first);
}

Test(admin_settings, what_cannot_be_set_is_refused)
{
    static const struct config_pair bad[] = {{"idle_timeout", "soon"},
                                             {"idle_timeout", "0"},
                                             {"log_level", "loud"},
                                             {"address", ":1"},
                                             {"idle-timeout", "5"},
                                             {"nothing", "5"},
                                             {"", "5"}};
    char *argv[] = {"/data"};
    char note[512], error[512];
    struct config next, first = loaded(1, argv);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(config_reload_with(&first, &bad[i], 1, &next, note, error) < 0, "%s=%s", bad[i].name, bad[i].value);
    config_fini(&first);
}
