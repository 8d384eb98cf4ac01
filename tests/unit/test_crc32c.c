/*
 * base/crc32c.c: known values, pieces of any length and alignment, and both
 * ways of computing against each other.
 */
#include "unit.h"

#include "base/crc32c.h"

/* The values of RFC 3720, appendix B.4, and the customary check value. */
static void check_known(void)
{
    unsigned char up[32], down[32];
    unsigned char same[32];

    for (unsigned i = 0; i < 32; i++) {
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    memset(same, 0, sizeof same);
    ck_assert_uint_eq(crc32c_update(0, "", 0), 0);
    ck_assert_uint_eq(crc32c_update(0, "123456789", 9), 0xe3069283);
    ck_assert_uint_eq(crc32c_update(0, same, 32), 0x8a9136aa);
    memset(same, 0xff, sizeof same);
    ck_assert_uint_eq(crc32c_update(0, same, 32), 0x62a8ab43);
    ck_assert_uint_eq(crc32c_update(0, up, 32), 0x46dd794e);
    ck_assert_uint_eq(crc32c_update(0, down, 32), 0x113fdb5c);
}

START_TEST(test_known)
{
    check_known();
    crc32c_force_plain(true);
    check_known();
}
END_TEST

/* Cut in two anywhere, begun anywhere: the same. */
START_TEST(test_pieces)
{
    unsigned char data[200];
    uint32_t whole[2];

    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * i * 7 + i / 3);
    for (size_t from = 0; from < 9; from++) {
        size_t len = sizeof data - 9 - from;

        for (unsigned plain = 0; plain < 2; plain++) {
            crc32c_force_plain(plain);
            ck_assert(!plain || !crc32c_is_fast());
            whole[plain] = crc32c_update(0, data + from, len);
            for (size_t cut = 0; cut <= len; cut++) {
                uint32_t crc = crc32c_update(0, data + from, cut);

                crc = crc32c_update(crc, data + from + cut, len - cut);
                ck_assert_uint_eq(crc, whole[plain]);
            }
        }
        ck_assert_uint_eq(whole[0], whole[1]);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_known, test_pieces };

    return unit_run("crc32c", tests, sizeof tests / sizeof *tests);
}
