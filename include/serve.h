/* SPDX-License-Identifier: Apache-2.0 */
/* `pail server`: runs until it is told to stop. Threads: called once, by main. */
#ifndef PAIL_SERVE_H
#define PAIL_SERVE_H

/* What comes after the word `server`. Answers the process's exit status. */
int serve_command(int argc, char **argv);

#endif
