/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The depth of JSON, counted by its brackets outside of strings: what is no JSON at all may be counted wrongly, and the
 * parser refuses it anyway. Threads: pure functions.
 */
#include "server/json_text.h"

bool json_deeper_than(struct bytes text, size_t max)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max)
                return true;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return false;
}

json_t *json_read(struct bytes text)
{
    if (text.n == 0 || json_deeper_than(text, JSON_DEPTH_MAX))
        return NULL;
    return json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
}
