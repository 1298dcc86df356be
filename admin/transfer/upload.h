/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upload of an object in parts at the destination, and its line in the journal. Threads: who opened the object.
 */
#ifndef PAIL_ADMIN_TRANSFER_UPLOAD_H
#define PAIL_ADMIN_TRANSFER_UPLOAD_H

#include "admin/transfer/parts.h"

/* Goes on with the upload of an earlier run, whose parts are marked as there, or begins one. False: a line in error. */
bool upload_open(struct line *, struct large *);
/* Puts the parts together. *last_id: the version that came of it. COPY_SAME: the object was there; the upload is gone.
 */
enum copy_end upload_join(struct line *, struct large *, const char **last_id);
/* Gives it up, here and in the journal. */
void upload_drop(struct line *, struct large *);
/* The request alone, whatever comes of it. */
void upload_cancel(struct line *, struct bytes key, const char *upload);

#endif
