/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded words (RFC 2047), the form that S3 gives to user metadata beyond ASCII: =?UTF-8?B?w7w=?= is an ü. What comes
 * in is decoded before it is stored, what goes out is encoded again.
 *
 * Ownership: results live in the arena, or are the input itself when there was nothing to do.
 * Threads: pure functions; any.
 */
#ifndef PAIL_SERVER_HTTP_RFC2047_H
#define PAIL_SERVER_HTTP_RFC2047_H

#include "base/bytes.h"

#define RFC2047_WORD_MAX    75 /* characters of one encoded word that we write */
#define RFC2047_CHARSET_MAX 40 /* characters of a charset's name that we read */
#define RFC2047_GROWTH_MAX  3  /* decoding answers at most so many times the bytes it was given */

/*
 * A header's value as UTF-8. Bytes that are no UTF-8 are taken as ISO 8859-1, all of them. Encoded words are replaced
 * wherever they stand, blanks between two of them go away; charsets are UTF-8, ISO-8859-1 and US-ASCII. What follows
 * the first bad character of a base64 word becomes U+FFFD, and so do bytes that the charset does not know.
 * A word stays as it was sent when its charset or encoding is another, when a quoted-printable escape is broken, or
 * when it hides a control character (but HTAB): a stored value never holds a line break that was not in the header.
 */
struct bytes rfc2047_decode(struct arena *arena, struct bytes in);

/*
 * The value as a header can carry it. Printable ASCII without blanks around it goes as it is; all else becomes encoded
 * words, in Q when most characters are ASCII, else in B. The input is read as UTF-8, or as ISO 8859-1 if it is none.
 */
struct bytes rfc2047_encode(struct arena *arena, struct bytes in);

#endif
