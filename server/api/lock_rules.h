/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be asked of an object lock, before the store (which alone knows what is locked already) is asked.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
 * Threads: pure functions.
 */
#ifndef PAIL_SERVER_API_LOCK_RULES_H
#define PAIL_SERVER_API_LOCK_RULES_H

#include "base/bytes.h"
#include "bucket_conf.h"

#define LOCK_DAYS_MAX  36500 /* of a default retention */
#define LOCK_YEARS_MAX 100
#define LOCK_UNTIL_MAX (36525ll * 24 * 3600 * 1000) /* ms from now on: 100 years, leap days and all */

enum lock_fault {
    LOCK_OK = 0,
    LOCK_NO_MODE,    /* a date without a mode */
    LOCK_NO_DATE,    /* a mode without a date */
    LOCK_BAD_MODE,   /* neither GOVERNANCE nor COMPLIANCE */
    LOCK_BAD_DATE,   /* no date */
    LOCK_PAST,       /* not in the future */
    LOCK_FAR,        /* more than a hundred years away */
    LOCK_BAD_HOLD,   /* neither ON nor OFF */
    LOCK_BAD_PERIOD, /* not positive, or too long */
    LOCK_MALFORMED,  /* days and years, or none of them */
};

/*
 * Judges the end of a retention and makes it a whole second, rounding up: documents show no fractions, and who sends
 * back what a document showed must not shorten anything.
 */
enum lock_fault lock_check_until(int64_t now_ms, int64_t *until_ms);

/* The headers of a write; an empty text is one that was not sent. *ret is zeroed first. */
enum lock_fault lock_parse(struct bytes mode, struct bytes until, struct bytes hold, int64_t now_ms,
                           struct object_lock *ret);

/* Of a default retention; `has_*`: the number was there. */
enum lock_fault lock_check_default(enum lock_mode mode, bool has_days, int64_t days, bool has_years, int64_t years,
                                   struct lock_default *ret);

#endif
