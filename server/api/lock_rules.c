/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of object locks that need no store; see the header. Threads: pure; any. */
#include "server/api/lock_rules.h"

#include "server/http/date.h"

enum lock_fault lock_check_until(int64_t now_ms, int64_t *until_ms)
{
    int64_t until = *until_ms;
    if (until <= now_ms)
        return LOCK_PAST;
    if (until - now_ms > LOCK_UNTIL_MAX)
        return LOCK_FAR;
    *until_ms = (until + 999) / 1000 * 1000;
    return LOCK_OK;
}

static enum lock_mode mode_of(struct bytes text)
{
    if (bytes_eq_str(text, "GOVERNANCE"))
        return LOCK_GOVERNANCE;
    return bytes_eq_str(text, "COMPLIANCE") ? LOCK_COMPLIANCE : LOCK_NONE;
}

enum lock_fault lock_parse(struct bytes mode, struct bytes until, struct bytes hold, int64_t now_ms,
                           struct object_lock *ret)
{
    *ret = (struct object_lock){.mode = LOCK_NONE};
    if (until.n && !mode.n)
        return LOCK_NO_MODE;
    if (mode.n && !until.n)
        return LOCK_NO_DATE;
    if (mode.n) {
        ret->mode = mode_of(mode);
        if (ret->mode == LOCK_NONE)
            return LOCK_BAD_MODE;
        if (!date_parse_lenient(until, &ret->until_ms))
            return LOCK_BAD_DATE;
        enum lock_fault fault = lock_check_until(now_ms, &ret->until_ms);
        if (fault != LOCK_OK)
            return fault;
    }
    ret->hold = bytes_eq_str(hold, "ON");
    ret->hold_set = hold.n > 0;
    return hold.n && !ret->hold && !bytes_eq_str(hold, "OFF") ? LOCK_BAD_HOLD : LOCK_OK;
}

enum lock_fault lock_check_default(enum lock_mode mode, bool has_days, int64_t days, bool has_years, int64_t years,
                                   struct lock_default *ret)
{
    if (mode == LOCK_NONE || has_days == has_years)
        return LOCK_MALFORMED;
    int64_t n = has_days ? days : years;
    if (n <= 0 || n > (has_days ? LOCK_DAYS_MAX : LOCK_YEARS_MAX))
        return LOCK_BAD_PERIOD;
    *ret = (struct lock_default){
        .mode = mode, .days = has_days ? (uint32_t)days : 0, .years = has_days ? 0 : (uint32_t)years};
    return LOCK_OK;
}
