/*
 * base/: errors, buffers, numbers, JSON.
 */
#include "unit.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

START_TEST(test_error_facts)
{
    struct error err;
    int rc = error_set(&err, ERR_CHUNK, "chunk %d", 7);

    ck_assert_int_eq(rc, ERR_CHUNK);
    ck_assert_str_eq(err.text, "chunk 7");
    ck_assert_str_eq(err.subject, "");
    ck_assert_int_eq(error_expected(&err, "%d", 4), ERR_CHUNK);
    ck_assert_str_eq(err.expected, "4");
    ck_assert_int_eq(error_exit_status(ERR_CHUNK), EXIT_REFUSED);
    ck_assert_int_eq(error_http_status(ERR_SPACE), 507);
    ck_assert_str_eq(error_slug(ERR_CHUNK), "invalid-chunk");
    ck_assert_str_eq(error_slug((enum error_code)9999), "internal");
    ck_assert_int_eq(error_set(NULL, ERR_READ, "x"), ERR_READ);
}
END_TEST

START_TEST(test_error_long_text_is_cut)
{
    struct error err;
    char text[2000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_errno(&err, ERR_READ, 2, "%s", text);
    ck_assert_uint_eq(strlen(err.text), sizeof err.text - 1);
}
END_TEST

START_TEST(test_buf_limit_is_sticky)
{
    struct buf b = BUF_INIT(300);
    struct error err;
    char block[200] = "";

    buf_append(&b, block, sizeof block);
    ck_ok(buf_status(&b, &err), &err);
    buf_append(&b, block, sizeof block);
    buf_puts(&b, "small");
    ck_assert_uint_eq(b.len, 200);
    ck_fails(buf_status(&b, &err), &err, ERR_LIMIT, "300");
    ck_assert_ptr_null(buf_str(&b));
    buf_clear(&b);
    buf_printf(&b, "%0250d", 5);
    ck_ok(buf_status(&b, &err), &err);
    ck_assert_uint_eq(strlen(buf_str(&b)), 250);
    buf_done(&b);
}
END_TEST

START_TEST(test_parse_size)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } cases[] = {
        { "5GB", 5000000000 },
        { "200kb", 200000 },
        { "512MiB", 512ULL << 20 },
        { "1", 1 },
        { "5 GB", 5000000000 },
        { "2T", 2000000000000 },
        { "", 0 },
        { "-1GB", 0 },
        { "5 parsecs", 0 },
        { "1.5GB", 0 },
        { "99999999999999TB", 0 },
        { " 5GB", 0 },
        { "99999999999999999999", 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        uint64_t bytes = 0;
        int rc = num_parse_size("size", cases[i].text, &bytes, &err);

        if (cases[i].bytes)
            ck_assert_uint_eq(bytes, cases[i].bytes);
        ck_assert_int_eq(rc, cases[i].bytes ? 0 : ERR_USAGE);
    }
}
END_TEST

START_TEST(test_parse_uint)
{
    struct error err;
    uint64_t n = 0;

    ck_ok(num_parse_uint("n", "8", 1, 8, &n, &err), &err);
    ck_assert_uint_eq(n, 8);
    ck_fails(num_parse_uint("n", "9", 1, 8, &n, &err), &err, ERR_USAGE, "'9'");
    ck_fails(num_parse_uint("n", "x", 1, 8, &n, &err), &err, ERR_USAGE, "x");
    ck_fails(num_parse_uint("n", "", 0, 8, &n, &err), &err, ERR_USAGE, "n");
}
END_TEST

START_TEST(test_product_overflow)
{
    const uint64_t dims[] = { 1ULL << 32, 1ULL << 31, 2 };
    uint64_t n = 0;

    ck_assert(num_product(dims, 2, &n));
    ck_assert_uint_eq(n, 1ULL << 63);
    ck_assert(!num_product(dims, 3, &n));
    ck_assert(num_product(dims, 0, &n));
    ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(test_json_depth_and_duplicates)
{
    struct error err;
    json_t *value = NULL;
    char deep[80];

    memset(deep, '[', 40);
    memset(deep + 40, ']', 40);
    ck_fails(json_read(deep, 80, "deep", ERR_CONFIG, &value, &err), &err,
             ERR_CONFIG, "deep");
    ck_fails(json_read("{\"a\":1,\"a\":2}", 13, "x", ERR_CONFIG, &value, &err),
             &err, ERR_CONFIG, "line 1");
    ck_ok(json_read("{\"[[\":\"\\\"[[\"}", 13, "x", ERR_CONFIG, &value, &err),
          &err);
    json_decref(value);
}
END_TEST

/* What Python's json.dumps(indent=2, sort_keys=True) prints. */
START_TEST(test_json_python_style)
{
    static const char in[] =
        "{\"z\": [], \"b\": [1, 1.0, 1e-06, 0.001, 1e16, 123456.789], "
        "\"a\": {\"\\u00e9\\ud83d\\ude00\\u001f\\\"\": null}, \"e\": {}, "
        "\"t\": true}";
    static const char want[] =
        "{\n  \"a\": {\n    \"\\u00e9\\ud83d\\ude00\\u001f\\\"\": null\n  },\n"
        "  \"b\": [\n    1,\n    1.0,\n    1e-06,\n    0.001,\n    1e+16,\n"
        "    123456.789\n  ],\n  \"e\": {},\n  \"t\": true,\n  \"z\": []\n}";
    struct buf b = BUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&b, JSON_STYLE_PYTHON);
    struct error err;
    json_t *value = NULL;

    ck_ok(json_read(in, sizeof in - 1, "in", ERR_CONFIG, &value, &err), &err);
    json_value(&w, value);
    ck_assert_str_eq(buf_str(&b), want);
    json_decref(value);
    buf_done(&b);
}
END_TEST

START_TEST(test_json_compact_style)
{
    struct buf b = BUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&b, JSON_STYLE_COMPACT);
    const uint64_t dims[] = { 3, 4 };

    json_open(&w, '{');
    json_key_str(&w, "\xc3\xa9\n", "x");
    json_key_dims(&w, "shape", dims, 2);
    json_key_bool(&w, "b", false);
    json_close(&w, '}');
    ck_assert_str_eq(buf_str(&b),
                     "{\"\xc3\xa9\\n\":\"x\",\"shape\":[3,4],\"b\":false}");
    buf_done(&b);
}
END_TEST

/* Errors quote strangers' bytes; JSON has to be UTF-8 all the same. */
START_TEST(test_json_repairs_text)
{
    static const struct {
        const char *in;
        const char *compact;
        const char *python;
    } cases[] = {
        { "a\xff"
          "b",
          "\"a\xef\xbf\xbd"
          "b\"",
          "\"a\\ufffdb\"" },
        { "\xc3", "\"\xef\xbf\xbd\"", "\"\\ufffd\"" },
        { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
          "\"\\ufffd\\ufffd\\ufffd\"" },
        { "\xf0\x9f\x98", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
          "\"\\ufffd\\ufffd\\ufffd\"" },
        { "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\"" },
        { "\x7f\x01", "\"\x7f\\u0001\"", "\"\\u007f\\u0001\"" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT(100);
        struct json_writer w = JSON_WRITER(&b, JSON_STYLE_COMPACT);

        json_str(&w, cases[i].in);
        ck_assert_str_eq(buf_str(&b), cases[i].compact);
        buf_clear(&b);
        w = JSON_WRITER(&b, JSON_STYLE_PYTHON);
        json_str(&w, cases[i].in);
        ck_assert_str_eq(buf_str(&b), cases[i].python);
        buf_done(&b);
    }
}
END_TEST

START_TEST(test_utf8)
{
    static const struct {
        const char *bytes;
        size_t left;
        size_t len; /* 0: not a character */
        uint32_t point;
    } cases[] = {
        { "A", 1, 1, 'A' },
        { "\0", 1, 1, 0 },
        { "\x7f", 1, 1, 0x7f },
        { "\xc2\x80", 2, 2, 0x80 },
        { "\xdf\xbf", 2, 2, 0x7ff },
        { "\xe0\xa0\x80", 3, 3, 0x800 },
        { "\xed\x9f\xbf", 3, 3, 0xd7ff },
        { "\xee\x80\x80", 3, 3, 0xe000 },
        { "\xef\xbf\xbf", 3, 3, 0xffff },
        { "\xf0\x90\x80\x80", 4, 4, 0x10000 },
        { "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
        { "\x80", 1, 0, 0 },
        { "\xc1\xbf", 2, 0, 0 },
        { "\xc3\xa9", 1, 0, 0 },
        { "\xc3\x41", 2, 0, 0 },
        { "\xe0\x9f\xbf", 3, 0, 0 },
        { "\xe2\x82\xac", 2, 0, 0 },
        { "\xe2\x82\x41", 3, 0, 0 },
        { "\xed\xa0\x80", 3, 0, 0 },
        { "\xf0\x8f\xbf\xbf", 4, 0, 0 },
        { "\xf4\x90\x80\x80", 4, 0, 0 },
        { "\xf5\x80\x80\x80", 4, 0, 0 },
        { "\xff", 1, 0, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT(16);
        size_t len = utf8_length(cases[i].bytes, cases[i].left);

        ck_assert_msg(len == cases[i].len, "case %zu: %zu bytes", i, len);
        if (len == 0)
            continue;
        ck_assert_uint_eq(utf8_point(cases[i].bytes, len), cases[i].point);
        utf8_put(&b, cases[i].point);
        ck_assert_uint_eq(b.len, len);
        ck_assert_mem_eq(b.data, cases[i].bytes, len);
        buf_done(&b);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_error_facts,
        test_error_long_text_is_cut,
        test_buf_limit_is_sticky,
        test_parse_size,
        test_parse_uint,
        test_product_overflow,
        test_utf8,
        test_json_depth_and_duplicates,
        test_json_python_style,
        test_json_compact_style,
        test_json_repairs_text,
    };

    return unit_run("base", tests, sizeof tests / sizeof *tests);
}
