/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles in the files of AWS's command line. */
#include "admin/place.h"

#include <criterion/criterion.h>

Test(place, profiles)
{
    struct bytes file = BYTES_LIT("# c\naws_access_key_id = outside\n[default]\r\naws_access_key_id=one\r\n[ work ]\n"
                                  " AWS_Access_Key_Id =  two = 2 \nregion\n[empty]\n");
    cr_expect(bytes_eq_str(place_ini_value(file, "default", "aws_access_key_id"), "one"));
    cr_expect(bytes_eq_str(place_ini_value(file, "work", "aws_access_key_id"), "two = 2"));
    cr_expect_eq(place_ini_value(file, "work", "region").n, 0);
    cr_expect_eq(place_ini_value(file, "empty", "aws_access_key_id").n, 0);
    cr_expect_eq(place_ini_value(BYTES_NONE, "default", "x").n, 0);
}
