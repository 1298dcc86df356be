/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of a bucket that both the store and the protocol know, as plain structs. Numbers are on disk: append only.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html and .../object-lock.html
 */
#ifndef PAIL_BUCKET_CONF_H
#define PAIL_BUCKET_CONF_H

#include <stdbool.h>
#include <stdint.h>

/* Once versioning was Enabled there is no way back to NEVER. */
enum versioning { VERSIONING_NEVER = 0, VERSIONING_ENABLED = 1, VERSIONING_SUSPENDED = 2 };

enum lock_mode { LOCK_NONE = 0, LOCK_GOVERNANCE = 1, LOCK_COMPLIANCE = 2 };

/* What protects one version from being removed. */
struct object_lock {
    enum lock_mode mode;
    int64_t until_ms; /* wall clock; of the mode. An expired retention stays visible */
    bool hold;        /* legal hold: independent of the mode, no end, no bypass */
    bool hold_set;    /* it was set at some time, ON or OFF: GetObjectLegalHold answers it */
};

/* Applies to new versions that name no retention of their own; mode NONE: no default. */
struct lock_default {
    enum lock_mode mode;
    uint32_t days, years; /* one of them is 0 */
};

enum accelerate { ACCELERATE_NEVER = 0, ACCELERATE_ENABLED = 1, ACCELERATE_SUSPENDED = 2 };

#endif
