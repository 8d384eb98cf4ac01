/*
 * tensor/dtype.c: names in each format, byte swapping.
 */
#include "unit.h"

#include "tensor/dtype.h"

START_TEST(test_zarr_names)
{
    static const struct {
        const char *text;
        enum dtype want;
        bool big;
    } cases[] = {
        { "<f4", DTYPE_F32, false },        { ">f4", DTYPE_F32, true },
        { "|b1", DTYPE_BOOL, false },       { "<i1", DTYPE_I8, false },
        { ">u1", DTYPE_U8, false },         { "<c16", DTYPE_C128, false },
        { "bfloat16", DTYPE_BF16, false },  { "int4", DTYPE_I4, false },
        { "<bfloat16", DTYPE_NONE, false }, { "f4", DTYPE_NONE, false },
        { "|f4", DTYPE_NONE, false },       { "<f3", DTYPE_NONE, false },
        { "<U8", DTYPE_NONE, false },       { "", DTYPE_NONE, false },
        { "<", DTYPE_NONE, false },         { "<M8[ns]", DTYPE_NONE, false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool big = true;

        ck_assert_msg(dtype_by_zarr(cases[i].text, &big) == cases[i].want, "%s",
                      cases[i].text);
        ck_assert_int_eq(big, cases[i].big);
    }
}
END_TEST

START_TEST(test_names_round_trip)
{
    for (int t = DTYPE_NONE + 1; t < DTYPE_COUNT; t++) {
        const char *name = dtype_info((enum dtype)t)->name;

        ck_assert_int_eq(dtype_by_name(name, strlen(name)), t);
        ck_assert_int_eq(dtype_by_name(name, strlen(name) - 1), DTYPE_NONE);
    }
    ck_assert_int_eq(dtype_info((enum dtype)99)->size, 0);
}
END_TEST

START_TEST(test_swap)
{
    unsigned char c64[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    unsigned char f16[] = { 1, 2, 3, 4 };
    unsigned char u8[] = { 1, 2 };

    dtype_swap(DTYPE_C64, c64, 1);
    ck_assert_mem_eq(c64, ((unsigned char[]){ 4, 3, 2, 1, 8, 7, 6, 5 }), 8);
    dtype_swap(DTYPE_F16, f16, 2);
    ck_assert_mem_eq(f16, ((unsigned char[]){ 2, 1, 4, 3 }), 4);
    dtype_swap(DTYPE_U8, u8, 2);
    ck_assert_mem_eq(u8, ((unsigned char[]){ 1, 2 }), 2);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_zarr_names, test_names_round_trip,
                                   test_swap };

    return unit_run("dtype", tests, sizeof tests / sizeof *tests);
}
