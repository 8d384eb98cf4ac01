/*
 * uploads/: the headers of tus, and checksums.
 */
#include "unit.h"

#include "uploads/checksum.h"
#include "uploads/tus.h"

static struct error err;

START_TEST(test_metadata)
{
    struct tus_metadata m;

    ck_ok(tus_parse_metadata("filename Yi9i,is_confidential, relativePath "
                             "Li9hL2IvYw==",
                             &m, &err),
          &err);
    ck_assert_uint_eq(m.count, 3);
    ck_assert_str_eq(tus_metadata_get(&m, "filename"), "b/b");
    ck_assert_ptr_null(tus_metadata_get(&m, "is_confidential"));
    ck_assert_ptr_null(tus_metadata_get(&m, "file"));
    ck_assert_str_eq(tus_metadata_path(&m), "a/b/c");
    /* As Uppy and tus-js-client send a file that was chosen alone. */
    ck_ok(tus_parse_metadata("relativePath bnVsbA==,name YS50YXI=,filename "
                             "L2EudGFy",
                             &m, &err),
          &err);
    ck_assert_str_eq(tus_metadata_path(&m), "a.tar");
    ck_ok(tus_parse_metadata("name YS50YXI=", &m, &err), &err);
    ck_assert_str_eq(tus_metadata_path(&m), "a.tar");
    ck_ok(tus_parse_metadata(NULL, &m, &err), &err);
    ck_assert_ptr_null(tus_metadata_path(&m));
    ck_ok(tus_parse_metadata("", &m, &err), &err);
    ck_assert_uint_eq(m.count, 0);
}
END_TEST

START_TEST(test_bad_metadata)
{
    static const char *const bad[] = {
        "a Yg=",   "a Y",           "a Yg== Yg==", "a Yh==",
        "a AA==",  "a Yg==,a Yg==", ",a Yg==",     "a\x01 Yg==",
        "a  Yg==", "\xc3\xa4 Yg==", "a Yg==,,b",
    };
    static char text[TUS_METADATA_BYTES + 2];
    struct tus_metadata m;
    size_t used = 0;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(tus_parse_metadata(bad[i], &m, &err), &err, ERR_USAGE,
                 "Upload-Metadata");
    memset(text, 'a', sizeof text - 1);
    ck_fails(tus_parse_metadata(text, &m, &err), &err, ERR_LIMIT, "too long");
    ck_ok(tus_parse_metadata(text + 1, &m, &err), &err);
    for (int i = 0; i <= TUS_METADATA_PAIRS; i++) {
        text[used++] = (char)('0' + i);
        text[used++] = ',';
    }
    text[used] = '\0';
    text[12 * 2] = 'x'; /* was '<' */
    ck_fails(tus_parse_metadata(text, &m, &err), &err, ERR_USAGE, "too many");
}
END_TEST

START_TEST(test_numbers)
{
    static const char *const bad[] = {
        "", "-1", " 1", "1 ", "0x1", "1.0", "9223372036854775808"
    };
    uint64_t n = 0;

    ck_ok(tus_parse_number("Upload-Offset", "9223372036854775807", &n, &err),
          &err);
    ck_assert_uint_eq(n, INT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(tus_parse_number("Upload-Offset", bad[i], &n, &err), &err,
                 ERR_USAGE, "Upload-Offset");
}
END_TEST

START_TEST(test_concat)
{
    static const char *const bad[] = { "",          "final",     "final;",
                                       "Partial",   "partial;a", "final;/a/",
                                       "final;a?b", "final; " };
    static char text[3 * TUS_CONCAT_PARTS + 20] = "final;";
    struct tus_concat c;

    ck_ok(tus_parse_concat("partial", &c, &err), &err);
    ck_assert(c.partial);
    ck_ok(tus_parse_concat("final;/v1/uploads/a https://h/v1/uploads/b-1 c", &c,
                           &err),
          &err);
    ck_assert(!c.partial);
    ck_assert_uint_eq(c.count, 3);
    ck_assert_str_eq(c.ids[0], "a");
    ck_assert_str_eq(c.ids[1], "b-1");
    ck_assert_str_eq(c.ids[2], "c");
    tus_concat_done(&c);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(tus_parse_concat(bad[i], &c, &err), &err, ERR_USAGE,
                 "Upload-Concat");
    for (int i = 0; i < TUS_CONCAT_PARTS; i++)
        memcpy(text + 6 + 2 * i, " a", 3);
    ck_ok(tus_parse_concat(text, &c, &err), &err);
    ck_assert_uint_eq(c.count, TUS_CONCAT_PARTS);
    tus_concat_done(&c);
    memcpy(text + 6 + 2 * TUS_CONCAT_PARTS, " a", 3);
    ck_fails(tus_parse_concat(text, &c, &err), &err, ERR_USAGE, "well formed");
}
END_TEST

START_TEST(test_base64)
{
    /* RFC 4648, 10. */
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
    } rows[] = {
        { "", "" },
        { "Zg==", "f" },
        { "Zm8=", "fo" },
        { "Zm9v", "foo" },
        { "Zm9vYg==", "foob" },
        { "Zm9vYmE=", "fooba" },
        { "Zm9vYmFy", "foobar" },
        { "+/+/", "\xfb\xff\xbf" },
        { "Zg", NULL },
        { "Zg=", NULL },
        { "Zh==", NULL },
        { "Zm9=", NULL },
        { "====", NULL },
        { "=m9v", NULL },
        { "Zm9v=", NULL },
        { "Z===", NULL },
        { "-_-_", NULL },
        { "Zm 9", NULL },
    };
    unsigned char got[16];
    size_t n = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool ok = checksum_base64(rows[i].text, strlen(rows[i].text), got, &n);

        ck_assert_msg(ok == (rows[i].bytes != NULL), "%s", rows[i].text);
        if (ok) {
            ck_assert_uint_eq(n, strlen(rows[i].bytes));
            ck_assert_mem_eq(got, rows[i].bytes, n);
        }
    }
}
END_TEST

static int verify(const struct checksum *c, const char *text)
{
    struct checksum_state *s = NULL;
    int rc;

    ck_ok(checksum_start(c, &s, &err), &err);
    ck_ok(checksum_update(s, text, 1, &err), &err);
    ck_ok(checksum_update(s, text + 1, strlen(text) - 1, &err), &err);
    rc = checksum_verify(s, &err);
    checksum_free(s);
    return rc;
}

START_TEST(test_checksums)
{
    /* Of "abc": FIPS 180-4's examples, RFC 1321. */
    static const char *const good[] = {
        "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        "md5 kAFQmDzST7DWlj99KOF/cg==",
        "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        ("sha512 3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/"
         "uu9RU1EI2Q86A4qmslPpUyknw=="),
    };
    static const char *const bad[] = { "",          "sha1",       "sha1 ",
                                       "sha1 YWJj", "crc32 YWJj", "SHA1 YWJj",
                                       "sha1  ?",   "sha224 YWJj" };
    struct checksum c;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_ok(checksum_parse_tus(good[i], &c, &err), &err);
        ck_ok(verify(&c, "abc"), &err);
        ck_fails(verify(&c, "abd"), &err, ERR_CHECKSUM, c.algorithm);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(checksum_parse_tus(bad[i], &c, &err), ERR_USAGE);
}
END_TEST

#define SHA256_ABC ":ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:"

START_TEST(test_digests)
{
    static const char *const good[] = {
        "sha-256=" SHA256_ABC,
        "unixsum=:AAA=:, sha-256=" SHA256_ABC,
        "md5=:kAFQmDzST7DWlj99KOF/cg==:,sha-256=" SHA256_ABC " , x=:AA==:",
    };
    static const char *const none[] = { "", "unixsum=:AAA=:",
                                        "md5=:kAFQmDzST7DWlj99KOF/cg==:" };
    static const char *const bad[] = {
        "sha-256",    "sha-256=x", "=:AA==:", "sha-256=:AA==:",
        "sha-256=::", "sha-256=:", ",",       "a=:AA==:,,b"
    };
    struct checksum c;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_ok(checksum_parse_digest(good[i], &c, &err), &err);
        ck_assert_str_eq(c.algorithm, "sha256");
        ck_ok(verify(&c, "abc"), &err);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        ck_ok(checksum_parse_digest(none[i], &c, &err), &err);
        ck_assert_ptr_null(c.algorithm);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(checksum_parse_digest(bad[i], &c, &err), &err, ERR_USAGE,
                 "digest");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_metadata, test_bad_metadata,
                                   test_numbers,  test_concat,
                                   test_base64,   test_checksums,
                                   test_digests };

    return unit_run("tus", tests, sizeof tests / sizeof *tests);
}
