/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the web console as they lie in the program: a table that deploy/web.sh makes while the server is built,
 * in the order of the paths. A server built without Node.js has none. Threads: constant.
 */
#ifndef PAIL_SERVER_CONSOLE_FILES_H
#define PAIL_SERVER_CONSOLE_FILES_H

#include <stddef.h>

struct console_file {
    const char *path; /* without a slash in front: "index.html", "assets/index-4f3a.js" */
    const char *type;
    const char *etag; /* without quotes */
    const unsigned char *gzip, *gzip_end;
    size_t size; /* of what is compressed there */
};
extern const struct console_file console_files[]; /* one more, of NULLs, at the end */
extern const size_t console_n_files;

#endif
