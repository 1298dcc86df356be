/* SPDX-License-Identifier: Apache-2.0 */
/* What the check's two halves share: the judgement of a store (check.c) and folders and repairs (check_folder.c). */
#ifndef PAIL_STORAGE_CHECK_IN_H
#define PAIL_STORAGE_CHECK_IN_H

#include "blob.h"
#include "index.h"
#include "maintenance.h"

struct check_place { /* a folder of blobs */
    unsigned tier;
    const char *path;
    struct blob_store *files; /* of the file backend */
};

/* What could be put right without losing anything. */
enum check_fix_kind { FIX_MOVE_BLOB, FIX_DROP_REF, FIX_PUT_REF, FIX_SUMS };
struct check_fix {
    enum check_fix_kind kind;
    uint64_t partition;
    struct blob_id blob;
    unsigned char ref[16];
};
struct check_fixes {
    struct check_fix *p;
    size_t n, cap;
};

struct check_job {
    const struct check_options *options;
    struct index *index;           /* as of one moment */
    void (*pause)(struct index *); /* while only files are read; NULL as `renew` */
    int (*renew)(struct index *);  /* to the present moment; NULL: nobody else writes */
    struct blob_store *blobs;      /* all tiers */
    const struct check_place *places;
    size_t n_places;
    struct check_report *report;
    struct check_fixes *fixes;
};

/* 0, or -1 with the error. */
int check_judge(const struct check_job *, char error[MAINTENANCE_ERROR]);
void check_tell(const struct check_job *, const struct check_finding *);

#endif
