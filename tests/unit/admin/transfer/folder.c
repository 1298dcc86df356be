/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as names of files, and files in folders of others. */
#include "admin/transfer/folder.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

Test(transfer_folder, names_that_files_can_have)
{
    static const char *const good[] = {"a", "a/b", "a/", "...", ".a/..b", "-", " ", "\xff", "a\nb"};
    static const char *const bad[] = {"",
                                      "/",
                                      "/a",
                                      "..",
                                      ".",
                                      "a/..",
                                      "a/../b",
                                      "a//b",
                                      "//",
                                      "a//",
                                      "./a",
                                      "a/.",
                                      ".pail-0123.part",
                                      "a/.pail-x.part/b"};
    char name[256 + 1];
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        cr_expect_null(folder_key_problem(bytes_str(good[i])), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_not_null(folder_key_problem(bytes_str(bad[i])), "%s", bad[i]);
    cr_expect_not_null(folder_key_problem(bytes_of("a\0b", 3)));
    memset(name, 'n', sizeof name);
    cr_expect_null(folder_key_problem(bytes_of(name, 255)));
    cr_expect_not_null(folder_key_problem(bytes_of(name, 256)));
}

/* The folder may be another user's: what is put under the name of a file that is being written stays as it is. */
Test(transfer_folder, a_file_that_another_puts_in_the_way_is_not_written)
{
    char folder[] = "/tmp/pail-export-XXXXXX", error[256], found[8] = "";
    struct folder_file f;
    void *piece = NULL;
    cr_assert(mkdtemp(folder) != NULL && posix_memalign(&piece, 4096, 4096) == 0);
    memset(piece, 'x', 4096);
    int root = open(folder, O_RDONLY | O_DIRECTORY);
    cr_assert(root >= 0 && folder_file_begin(&f, root, BYTES_LIT("key"), 4096, error));
    int theirs = openat(root, "theirs", O_RDWR | O_CREAT, 0600);
    cr_assert(theirs >= 0);
    cr_assert(write(theirs, "theirs", 6) == 6);
    cr_assert(renameat(root, "theirs", root, f.temporary) == 0);
    folder_file_direct(&f);
    cr_expect_eq(f.direct_fd, -1);
    cr_expect(folder_file_write(&f, piece, 4096, 0, error));
    cr_expect_eq(pread(theirs, found, sizeof found - 1, 0), 6);
    cr_expect_str_eq(found, "theirs");
    folder_file_drop(&f);
    close(theirs);
    close(root);
    free(piece);
    rmdir(folder);
}
