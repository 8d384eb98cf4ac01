/*
 * api/ranges.c: what counts, what lies outside, what is ignored.
 */
#include "unit.h"

#include "ranges.h"

START_TEST(test_parse)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum ranges_result want;
        size_t count;
        struct range ranges[3];
    } cases[] = {
        { NULL, 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "", 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "bytes=", 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "bytes=0-0", 100, RANGES_SOME, 1, { { 0, 1 } } },
        { "BYTES=10-19", 100, RANGES_SOME, 1, { { 10, 10 } } },
        { "bytes=90-", 100, RANGES_SOME, 1, { { 90, 10 } } },
        { "bytes=90-1000", 100, RANGES_SOME, 1, { { 90, 10 } } },
        { "bytes=-5", 100, RANGES_SOME, 1, { { 95, 5 } } },
        { "bytes=-500", 100, RANGES_SOME, 1, { { 0, 100 } } },
        { "bytes=-0", 100, RANGES_NONE, 0, { { 0, 0 } } },
        { "bytes=100-", 100, RANGES_NONE, 0, { { 0, 0 } } },
        { "bytes=0-", 0, RANGES_NONE, 0, { { 0, 0 } } },
        { "bytes=0-1, 4-5 ,,-2",
          100,
          RANGES_SOME,
          3,
          { { 0, 2 }, { 4, 2 }, { 98, 2 } } },
        { "bytes=0-1,200-", 100, RANGES_SOME, 1, { { 0, 2 } } },
        { "bytes=5-4", 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "bytes=-", 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "bytes=a-b", 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "bytes=0-1x", 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "bytes=1", 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "items=0-1", 100, RANGES_ALL, 0, { { 0, 0 } } },
        { "bytes=99999999999999999999999-", 100, RANGES_NONE, 0, { { 0, 0 } } },
        { "bytes=0-99999999999999999999999",
          100,
          RANGES_SOME,
          1,
          { { 0, 100 } } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct range got[RANGES_MAX];
        size_t count = 99;
        enum ranges_result result =
            ranges_parse(cases[i].header, cases[i].size, got, &count);

        ck_assert_msg(result == cases[i].want, "case %zu: %d", i, (int)result);
        if (result != RANGES_SOME)
            continue;
        ck_assert_uint_eq(count, cases[i].count);
        for (size_t k = 0; k < count; k++) {
            ck_assert_uint_eq(got[k].from, cases[i].ranges[k].from);
            ck_assert_uint_eq(got[k].len, cases[i].ranges[k].len);
        }
    }
}
END_TEST

START_TEST(test_too_many)
{
    char header[200] = "bytes=";
    struct range got[RANGES_MAX];
    size_t count;

    for (int i = 0; i < RANGES_MAX; i++)
        memcpy(header + strlen(header), "0-0,", 5);
    ck_assert_int_eq(ranges_parse(header, 10, got, &count), RANGES_SOME);
    ck_assert_uint_eq(count, RANGES_MAX);
    memcpy(header + strlen(header), "1-1", 4);
    ck_assert_int_eq(ranges_parse(header, 10, got, &count), RANGES_ALL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_parse, test_too_many };

    return unit_run("ranges", tests, sizeof tests / sizeof *tests);
}
