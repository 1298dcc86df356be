/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of the query protocol, as root, on identities in memory that grow and shrink with what the forms do.
 * Properties: every answer is a document with a request id; a refusal has a code and a status of its own; figures stay
 * within their limits. The first byte chooses who asks.
 */
#include <string.h>

#include "base/check.h"
#include "tests/double/iam_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUNDS 2000 /* inputs on one world */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct iam_world w;
    static unsigned rounds;
    if (rounds++ % ROUNDS == 0) {
        if (w.store)
            iam_world_close(&w);
        iam_world_open(&w);
    }
    const struct principal *who = size && data[0] == '!' ? NULL : w.ids->root;
    struct iam_answer a = iam_call(&w, who, bytes_of(data, size));
    CHECK(bytes_find(a.body, BYTES_LIT("<RequestId>REQUEST</RequestId>"), 0) >= 0);
    CHECK(a.status == 200 || iam_element(&w, &a, "Code").n > 0);
    CHECK(a.status == 200 || (a.status >= 400 && a.status < 500));
    CHECK(who || a.status != 200);
    arena_reset(w.arena);
    return 0;
}
