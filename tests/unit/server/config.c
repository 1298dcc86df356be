/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: precedence, MinIO's names, and that wrong ones stop the start with one clear line. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "config.h"

static char error[512];

static struct config *loaded;

static void release(void)
{
    config_fini(loaded);
}

/* Every test is a process of its own; what it loaded last is released at its end. */
static int load(struct config *c, int n, const char *const *args)
{
    char *argv[16];
    if (loaded)
        config_fini(loaded);
    else
        atexit(release);
    loaded = c;
    error[0] = '\0';
    for (int i = 0; i < n; i++)
        argv[i] = (char *)args[i];
    return config_load(c, n, argv, error);
}
#define LOAD(c, ...) load(c, (int)ARRAY_LEN(((const char *const[]){__VA_ARGS__})), (const char *const[]){__VA_ARGS__})

Test(config, defaults)
{
    static struct config c;
    cr_assert_eq(LOAD(&c, "dir"), 0);
    cr_expect_str_eq(c.dir, "dir");
    cr_expect_str_eq(c.address, ":9000");
    cr_expect_str_eq(c.console_address, ":9001");
    cr_expect(c.browser && !c.console_address_set);
    cr_expect(c.default_credentials && c.access_log);
    cr_expect(!c.compress && !c.allow_insecure_ssec);
    cr_expect_str_eq(c.default_encryption, "AES256");
    cr_expect_str_eq(c.root_user, "minioadmin");
}

Test(config, flags_beat_pail_which_beats_minio)
{
    static struct config c;
    setenv("MINIO_SITE_REGION", "m", 1);
    cr_assert_eq(LOAD(&c, "d"), 0);
    cr_expect_str_eq(c.region, "m");
    setenv("PAIL_REGION", "p", 1);
    cr_assert_eq(LOAD(&c, "d"), 0);
    cr_expect_str_eq(c.region, "p");
    cr_assert_eq(LOAD(&c, "d", "--region", "f"), 0);
    cr_expect_str_eq(c.region, "f");
    cr_assert_eq(LOAD(&c, "d", "--region=g"), 0);
    cr_expect_str_eq(c.region, "g");
}

Test(config, a_minio_unit_file_works)
{
    static struct config c;
    setenv("MINIO_ROOT_USER", "operator", 1);
    setenv("MINIO_ROOT_PASSWORD", "long-enough", 1);
    setenv("MINIO_VOLUMES", "/srv/minio", 1);
    setenv("MINIO_OPTS", "--address :9100 --console-address=\":9101\"", 1);
    setenv("MINIO_DOMAIN", "s3.example.com,other.example", 1);
    setenv("MINIO_COMPRESSION_ENABLE", "true", 1);
    setenv("MINIO_COMPRESSION_EXTENSIONS", ".pcap", 1);
    cr_assert_eq(load(&c, 0, NULL), 0, "%s", error);
    cr_expect(c.compress);
    cr_expect_str_eq(c.compress_extensions, ".pcap");
    cr_expect_str_eq(c.dir, "/srv/minio");
    cr_expect_str_eq(c.address, ":9100");
    cr_expect_eq(c.n_domains, 2);
    cr_expect_str_eq(c.domains[1], "other.example");
    cr_expect(!c.default_credentials);
}

Test(config, the_console_has_minios_names)
{
    static struct config c;
    setenv("MINIO_BROWSER", "off", 1);
    setenv("MINIO_BROWSER_REDIRECT_URL", "https://example.com:8443/deep/console", 1);
    setenv("MINIO_SERVER_URL", "https://s3.example.com", 1);
    cr_assert_eq(LOAD(&c, "d", "--console-address", ":9001"), 0, "%s", error);
    cr_expect(!c.browser && c.console_address_set);
    cr_expect_str_eq(c.browser_redirect_url, "https://example.com:8443/deep/console");
    cr_expect_str_eq(c.server_url, "https://s3.example.com");
}

Test(config, OPS_07_misspelt_or_wrong_settings_stop_the_start)
{
    static struct config c;
    static const char *const wrong[][3] = {
        {"d", "--adress", ":1"},
        {"d", "--threads", "many"},
        {"d", "--threads", "99999"},
        {"d", "--log-format", "xml"},
        {"d", "e", "f"},
        {"d", "--access-log", "maybe"},
        {"d", "--max-header-bytes", "1"},
        {"d", "--default-encryption", "aes"},
        {"d", "--compress", "yes"},
        {"d", "--browser", "yes"},
        {"d", "--browser-redirect-url", "example.com/console"},
        {"d", "--browser-redirect-url", "https:///console"},
        {"d", "--browser-redirect-url", "https://example.com/a\"b/"},
        {"d", "--browser-redirect-url", "https://example.com//x"},
        {"d", "--browser-redirect-url", "https://example.com/../x"},
        {"d", "--browser-redirect-url", "javascript://x/"},
        {"d", "--server-url", "https://example.com/path"},
        {"d", "--server-url", "s3.example.com"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        cr_expect_eq(load(&c, 3, wrong[i]), -1, "%s %s", wrong[i][1], wrong[i][2]);
        cr_expect(strlen(error) > 0 && !strchr(error, '\n'));
    }
    cr_expect_eq(load(&c, 0, NULL), -1);
    cr_expect_eq(LOAD(&c, "d", "--region"), -1);
}

Test(config, credentials_come_in_pairs_and_are_not_too_short)
{
    static struct config c;
    setenv("PAIL_ROOT_USER", "admin", 1);
    cr_expect_eq(LOAD(&c, "d"), -1);
    setenv("PAIL_ROOT_PASSWORD", "short", 1);
    cr_expect_eq(LOAD(&c, "d"), -1);
    setenv("PAIL_ROOT_PASSWORD", "long-enough", 1);
    cr_expect_eq(LOAD(&c, "d"), 0, "%s", error);
}
