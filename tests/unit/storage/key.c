/* SPDX-License-Identifier: Apache-2.0 */
/* Index keys: order and round trips. */
#include <criterion/criterion.h>
#include <string.h>

#include "storage/key.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_create(0);
}

static void teardown(void)
{
    arena_free(arena);
}

Test(key, uploads_sort_by_key_then_time)
{
    setup();
    unsigned char early[KEY_UPLOAD_BYTES], late[KEY_UPLOAD_BYTES];
    struct bytes s3_key;
    const unsigned char *id;
    upload_id_new(1000, early);
    upload_id_new(2000, late);
    struct bytes a1 = key_upload(arena, BYTES_LIT("a"), early), a2 = key_upload(arena, BYTES_LIT("a"), late),
                 ab = key_upload(arena, BYTES_LIT("a\x01"), early), b = key_upload(arena, BYTES_LIT("b"), early);
    cr_assert(bytes_cmp(a1, a2) < 0 && bytes_cmp(a2, ab) < 0 && bytes_cmp(ab, b) < 0);
    cr_assert(key_upload_parse(a2, &s3_key, &id));
    cr_assert(bytes_eq_str(s3_key, "a") && memcmp(id, late, sizeof late) == 0 && upload_id_time_ms(id) == 2000);
    struct bytes odd = key_upload(arena, bytes_of("x\0y", 3), early);
    cr_assert(key_upload_parse(odd, &s3_key, &id) && bytes_eq(s3_key, bytes_of("x\0y", 3)));
    cr_assert_not(key_upload_parse(BYTES_LIT("u"), &s3_key, &id));
    cr_assert_not(key_upload_parse(key_object(arena, BYTES_LIT("uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu")), &s3_key, &id));
    teardown();
}

Test(key, upload_ids_of_one_millisecond_are_in_order)
{
    unsigned char before[KEY_UPLOAD_BYTES], next[KEY_UPLOAD_BYTES];
    upload_id_new(1000, before);
    for (int i = 0; i < 1000; i++) {
        upload_id_new(1000, next);
        cr_assert(memcmp(before, next, sizeof next) < 0);
        memcpy(before, next, sizeof next);
    }
}

Test(key, upload_ids_as_text)
{
    setup();
    unsigned char id[KEY_UPLOAD_BYTES], back[KEY_UPLOAD_BYTES];
    for (int i = 0; i < 100; i++) {
        upload_id_new(1700000000000 + i, id);
        struct bytes text = upload_id_text(arena, id);
        cr_assert_eq(text.n, KEY_UPLOAD_TEXT);
        cr_assert(upload_id_parse(text, back) && memcmp(id, back, sizeof id) == 0);
        for (size_t k = 0; k < text.n; k++)
            cr_assert(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text.p[k]));
        cr_assert_not(upload_id_parse(bytes_cut(text, 1, 31), back));
        cr_assert_not(upload_id_parse(bytes_of(arena_printf(arena, "%.32s=", text.p), 33), back));
    }
    cr_assert_not(upload_id_parse(BYTES_NONE, back));
    cr_assert_not(upload_id_parse(BYTES_LIT("../../../../../../../../../../.."), back));
    teardown();
}

Test(key, parts_and_garbage_sort_by_number)
{
    setup();
    unsigned char id[KEY_UPLOAD_BYTES] = {1};
    struct bytes last = BYTES_NONE;
    for (unsigned n = 1; n <= 10000; n += 37) {
        struct bytes k = key_part(arena, id, n);
        cr_assert(bytes_starts(k, key_parts(arena, id)) && bytes_cmp(last, k) < 0 && key_part_number(k) == n);
        last = k;
    }
    struct bytes g1 = key_garbage(arena, 255), g2 = key_garbage(arena, 256), g3 = key_garbage(arena, 256);
    cr_assert(bytes_cmp(g1, g2) < 0 && !bytes_eq(g2, g3) && key_garbage_time_ms(g1) == 255);
    cr_assert_eq(key_dropped_partition(key_dropped(arena, 77)), 77);
    cr_assert_eq(key_dropped_partition(BYTES_LIT("d")), 0);
    teardown();
}

Test(key, behind_a_prefix)
{
    struct buf b;
    buf_init(&b, 100);
    cr_assert(key_after_prefix(&b, BYTES_LIT("oabc")) && bytes_eq_str(buf_bytes(&b), "oabd"));
    buf_reset(&b);
    cr_assert(key_after_prefix(&b, BYTES_LIT("oa\xff\xff")) && bytes_eq_str(buf_bytes(&b), "ob"));
    buf_reset(&b);
    cr_assert_not(key_after_prefix(&b, BYTES_LIT("\xff\xff")));
    cr_assert_not(key_after_prefix(&b, BYTES_NONE));
    buf_fini(&b);
}

Test(key, the_longest_fit_the_index)
{
    setup();
    char longest[1024];
    unsigned char id[KEY_UPLOAD_BYTES] = {0};
    memset(longest, 'x', sizeof longest);
    cr_assert_leq(key_upload(arena, bytes_of(longest, sizeof longest), id).n, 1200);
    teardown();
}
