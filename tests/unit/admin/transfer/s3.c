/* SPDX-License-Identifier: Apache-2.0 */
/* What of a request that failed is tried again, and when. */
#include "admin/transfer/s3.h"

#include <criterion/criterion.h>

Test(transfer_s3, pauses_and_what_is_tried_again)
{
    for (unsigned n = 1; n < 40; n++) {
        unsigned ms = s3_pause_ms(n, NULL);
        cr_expect(ms >= 50 && ms <= 20000, "%u: %u", n, ms);
    }
    cr_expect(s3_pause_ms(1, NULL) <= 200 && s3_pause_ms(12, NULL) >= 10000);
    cr_expect_eq(s3_pause_ms(1, "7"), 7000);
    cr_expect(s3_pause_ms(1, "Fri, 01 Jan 2027 00:00:00 GMT") <= 200, "dates are left aside");
    cr_expect(s3_worth_retry(0, "") && s3_worth_retry(503, "SlowDown") && s3_worth_retry(500, "InternalError") &&
              s3_worth_retry(429, "") && s3_worth_retry(400, "RequestTimeout") && s3_worth_retry(400, "BadDigest"));
    cr_expect_not(s3_worth_retry(403, "AccessDenied") || s3_worth_retry(404, "NoSuchKey") ||
                  s3_worth_retry(412, "PreconditionFailed") || s3_worth_retry(501, "NotImplemented"));
}
