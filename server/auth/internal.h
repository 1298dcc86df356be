/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of server/auth share and nobody else includes: the verification in progress, how it fails, dates.
 */
#ifndef PAIL_SERVER_AUTH_INTERNAL_H
#define PAIL_SERVER_AUTH_INTERNAL_H

#include <string.h>

#include "server/auth/auth.h"
#include "server/http/date.h"

/* One verification in progress. `res` is the caller's, zeroed at the start. */
struct auth_work {
    const struct auth_config *cfg;
    const struct auth_request *req;
    struct arena *arena;
    struct auth_result *res;
    struct bytes authorization; /* the only Authorization header, trimmed, or empty */
    struct bytes host;          /* trimmed */
};

/* A client's text made fit for a message: cut to AUTH_QUOTE_MAX, whatever is not printable ASCII becomes '?'. */
struct bytes auth__quote(struct arena *arena, struct bytes text);
void auth__error_set(struct auth_error *e, const char *code, struct bytes message);
void auth__error_add(struct auth_error *e, const char *name, struct bytes value);
/* Records the error; always AUTH_FAILED, so that callers can return it. */
enum auth_status auth__fail(struct auth_work *w, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void auth__extra(struct auth_work *w, const char *name, struct bytes value);

/* How many headers have this lower-case name; *ret_value is the last one's trimmed value. */
size_t auth__header(const struct auth_request *req, const char *lower_name, struct bytes *ret_value);
static inline bool auth__is_amz_name(struct bytes name)
{
    return name.n > 6 && (name.p[0] | 0x20) == 'x' && name.p[1] == '-' && (name.p[2] | 0x20) == 'a' &&
           (name.p[3] | 0x20) == 'm' && (name.p[4] | 0x20) == 'z' && name.p[5] == '-';
}

/* Names in any case; nearly all differ in length or are written alike, which is told here without a call. */
static inline bool auth__is_name(struct bytes name, struct bytes wanted)
{
    return name.n == wanted.n && (memcmp(name.p, wanted.p, name.n) == 0 || bytes_eq_nocase(name, wanted));
}

/* x-amz-content-sha256: false when it is none of the values that S3 knows. Fills mode and hash only on success. */
bool auth__payload_parse(struct bytes text, enum auth_payload *ret_mode, unsigned char ret_sha256[32]);
enum auth_status auth__payload_bad(struct auth_work *w, struct bytes text);

/*
 * The key of this name, with its session token (may be empty), if both may be used; anything else than AUTH_KEY_FOUND
 * is for auth__key_fail, after as much work as a known key would have made. *ret holds a secret: wipe it.
 */
enum auth_lookup auth__find_key(struct auth_work *w, struct bytes access_key, struct bytes token, struct auth_key *ret);
enum auth_status auth__key_fail(struct auth_work *w, enum auth_lookup outcome);

/* A text that was signed, for an error document: session tokens and customers' keys blanked; and "41 57 53 ...". */
struct bytes auth__redact(struct arena *arena, struct bytes text);
struct bytes auth__hex_pairs(struct arena *arena, struct bytes in);

/* The refusal of a form whose policy, `text`, was signed differently. */
enum auth_status auth__text_mismatch(struct auth_work *w, struct bytes access_key, struct bytes signature,
                                     struct bytes text);

/* Within AUTH_SKEW_MAX_MS of now, or RequestTimeTooSkewed. */
enum auth_status auth__check_skew(struct auth_work *w, int64_t signed_ms, struct bytes as_sent);

#define AMZ_DATE_LEN DATE_ISO_BASIC_LEN /* 20130524T000000Z, without a NUL */

/*
 * When the client says it signed: *ret_ms, and the same as it enters the string to sign. Exactly the form of
 * x-amz-date; with `or_http`, for the Date header, also that of RFC 9110. No leap second, nothing before 1970.
 */
bool auth__signing_date(struct bytes text, bool or_http, int64_t *ret_ms, char ret_date[AMZ_DATE_LEN]);
struct bytes auth__iso_time(struct arena *arena, int64_t ms); /* 2013-05-24T00:00:00Z, for error documents */

#endif
