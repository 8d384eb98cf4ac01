/*
 * Header lines of replies.
 */
#include "remote/head.h"
#include "unit.h"

static const struct {
    const char *lines;
    const char *name;
    const char *value; /* NULL: none */
} rows[] = {
    { "ETag: \"a\"\r\n", "etag", "\"a\"" },
    { "HTTP/1.1 200 OK\r\nA: 1\r\nETAG:\t\"a\" \r\n\r\n", "ETag", "\"a\"" },
    { "A:1\r\n", "A", "1" },
    { "A:\r\n", "A", "" },
    { "A: 1", "A", "1" },
    { "A: 1\nA: 1\n", "A", "1" },
    { "A: 1\r\nA: 2\r\n", "A", NULL },
    { "A: 1\r\na: 2\r\n", "A", NULL },
    { "AB: 1\r\n", "A", NULL },
    { "A : 1\r\n", "A", NULL },
    { " A: 1\r\n", "A", NULL },
    { "A", "A", NULL },
    { "", "A", NULL },
    { "A: 0123456789abcdef\r\n", "A", NULL }, /* does not fit */
};

START_TEST(finds)
{
    char out[16];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool yes = head_find(rows[i].lines, strlen(rows[i].lines), rows[i].name,
                             out, sizeof out);

        ck_assert_msg(yes == (rows[i].value != NULL), "row %zu", i);
        ck_assert_str_eq(out, yes ? rows[i].value : "");
    }
    ck_assert(!head_find("A: 1\0002\r\n", 9, "A", out, sizeof out));
}
END_TEST

static const struct {
    const char *text;
    bool valid;
    bool has_size;
    uint64_t first, last, size;
} ranges[] = {
    { "bytes 0-99/1234", true, true, 0, 99, 1234 },
    { "BYTES 5-5/6", true, true, 5, 5, 6 },
    { "bytes 0-99/*", true, false, 0, 99, 0 },
    { "bytes 0-18446744073709551614/18446744073709551615", true, true, 0,
      UINT64_MAX - 1, UINT64_MAX },
    { "bytes 0-99/99", false, false, 0, 0, 0 },
    { "bytes 9-0/99", false, false, 0, 0, 0 },
    { "bytes */99", false, false, 0, 0, 0 },
    { "bytes 0-/99", false, false, 0, 0, 0 },
    { "bytes 0-9", false, false, 0, 0, 0 },
    { "bytes 0-9/", false, false, 0, 0, 0 },
    { "bytes 0-9/10x", false, false, 0, 0, 0 },
    { "bytes 0-18446744073709551616/*", false, false, 0, 0, 0 },
    { "octets 0-9/10", false, false, 0, 0, 0 },
    { "bytes -1-9/10", false, false, 0, 0, 0 },
    { "", false, false, 0, 0, 0 },
};

START_TEST(reads_ranges)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        uint64_t first = 0, last = 0, size = 0;
        bool has_size = false;
        bool valid =
            head_content_range(ranges[i].text, &first, &last, &has_size, &size);

        ck_assert_msg(valid == ranges[i].valid, "%s", ranges[i].text);
        if (!valid)
            continue;
        ck_assert(has_size == ranges[i].has_size);
        ck_assert_uint_eq(first, ranges[i].first);
        ck_assert_uint_eq(last, ranges[i].last);
        ck_assert_uint_eq(size, ranges[i].size);
    }
}
END_TEST

START_TEST(reads_retry_after)
{
    int64_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    uint64_t s = 0;

    ck_assert(head_retry_after("7", now, &s));
    ck_assert_uint_eq(s, 7);
    ck_assert(head_retry_after("99999999", now, &s));
    ck_assert_uint_eq(s, 24 * 60 * 60);
    ck_assert(head_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", now, &s));
    ck_assert_uint_eq(s, 30);
    ck_assert(head_retry_after("Sun, 06 Nov 1994 08:49:07 GMT", now, &s));
    ck_assert_uint_eq(s, 0);
    ck_assert(!head_retry_after("soon", now, &s));
    ck_assert(!head_retry_after("-1", now, &s));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { finds, reads_ranges, reads_retry_after };

    return unit_run("head", tests, sizeof tests / sizeof *tests);
}
