#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes server/api/tag_chars.def: the characters beyond ASCII that a tag may hold.

    gen_tag_chars.py > server/api/tag_chars.def

S3 describes tags as [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*: letters, separators and numbers of Unicode. Ranges run on over code
points that are not assigned, which keeps the table short and lets in letters of later versions.
"""
import unicodedata


def ranges():
    start = last = None
    for code in range(0x80, 0x110000):
        category = unicodedata.category(chr(code))
        if category == "Cn":
            continue
        if category[0] in "LNZ":
            start, last = code if start is None else start, code
        elif start is not None:
            yield start, last
            start = None
    if start is not None:
        yield start, last


print(f"""/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letters, separators and numbers beyond ASCII (Unicode {unicodedata.unidata_version}), first and last code point, ascending.
 * Made by tests/model/gen_tag_chars.py.
 */""")
for first, last in ranges():
    print(f"TAG_CHARS(0x{first:x}, 0x{last:x})")
