/*
 * URLs: what is taken, what it is taken for, and the many that are refused.
 */
#include "remote/url.h"
#include "unit.h"

static const struct {
    const char *text;
    const char *written; /* by url_write() */
    const char *shown;
} good[] = {
    { "https://example.org", "https://example.org/", "https://example.org/" },
    { "HTTPS://Example.ORG./a", "https://example.org/a",
      "https://example.org/a" },
    { "http://example.org:80/a", "http://example.org/a",
      "http://example.org/a" },
    { "https://example.org:443/", "https://example.org/",
      "https://example.org/" },
    { "https://example.org:8443/a/b?x=y%2Fz#f",
      "https://example.org:8443/a/b?x=y%2Fz", "https://example.org:8443/a/b" },
    { "https://example.org?q", "https://example.org/?q",
      "https://example.org/" },
    { "https://1.2.3.4/a", "https://1.2.3.4/a", "https://1.2.3.4/a" },
    { "https://[2606:4700::1111]/a", "https://[2606:4700::1111]/a",
      "https://[2606:4700::1111]/a" },
    { "https://[2606:4700:0:0::1111]:99/", "https://[2606:4700::1111]:99/",
      "https://[2606:4700::1111]:99/" },
    { "https://a_b.example/~x/...;v=1", "https://a_b.example/~x/...;v=1",
      "https://a_b.example/~x/...;v=1" },
    { "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/",
      "https://xn--bcher-kva.example/" },
    { "https://3com.com/", "https://3com.com/", "https://3com.com/" },
    { "https://h/a//b/", "https://h/a//b/", "https://h/a//b/" },
    { "https://h/%E2%82%AC", "https://h/%E2%82%AC", "https://h/%E2%82%AC" },
};

START_TEST(takes)
{
    struct url u = { .port = 0 };
    struct buf b = BUF_INIT(4096);
    struct error err;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_ok(url_parse(good[i].text, &u, &err), &err);
        url_write(&u, &b);
        ck_assert_str_eq(buf_str(&b), good[i].written);
        buf_clear(&b);
        url_write_shown(&u, &b);
        ck_assert_str_eq(buf_str(&b), good[i].shown);
        buf_clear(&b);
        url_done(&u);
    }
    buf_done(&b);
}
END_TEST

static const char *const bad[] = {
    "",
    "example.org",
    "/path",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "dict://example.org:11211/",
    "javascript:alert(1)",
    "https:/example.org/",
    "https:example.org/",
    "https:///path",
    "https://",
    "https://?q",
    "https://.",
    "https://..",
    "https://.example.org/",
    "https://a..b/",
    "https://user@example.org/",
    "https://user:pass@example.org/",
    "https://@example.org/",
    "https://example.org@127.0.0.1/",
    "https://example.org%40127.0.0.1/",
    "https://127.0.0.1\\@example.org/",
    "https://example.org\\.evil.org/",
    "https:\\\\example.org/",
    "https://exam ple.org/",
    "https://example.org/a b",
    "https://example.org/\ta",
    "https://example.org/a\nb",
    "https://example.org/a\r\nHost: x",
    "https://example.org\r\n/",
    " https://example.org/",
    "https://example.org/ ",
    "https://b\xc3\xbc"
    "cher.example/",
    "https://example.org/\xe2\x82\xac",
    "https://example.org/\x7f",
    "https://%65xample.org/",
    "https://example.org%00.evil.org/",
    "https://example.org:/",
    "https://example.org:0/",
    "https://example.org:65536/",
    "https://example.org:99999999999/",
    "https://example.org:-1/",
    "https://example.org:+80/",
    "https://example.org:80a/",
    "https://example.org:0x50/",
    "https://example.org:80:90/",
    "https://example.org/%",
    "https://example.org/%2",
    "https://example.org/%zz",
    "https://example.org/a?b=%g0",
    "https://example.org/../a",
    "https://example.org/a/..",
    "https://example.org/a/./b",
    "https://example.org/.",
    "https://example.org/%2e%2e/a",
    "https://example.org/.%2E/a",
    "https://example.org/a/%2e",
    "https://example.org/<a>",
    "https://example.org/a|b",
    "https://example.org/{a}",
    "https://example.org/a\"b",
    "https://example.org/a`b",
    "https://example.org/a^b",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0x7f.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.01/",
    "https://127.0.0.1.1/",
    "https://256.0.0.1/",
    "https://1.2.3.0x4/",
    "https://1/",
    "https://0/",
    "https://0x/",
    "https://00000000177.0.0.1/",
    "https://example.1/",
    "https://[::1/",
    "https://::1/",
    "https://[::1]x/",
    "https://[::1]80/",
    "https://[127.0.0.1]/",
    "https://[::g]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[v1.fe80::a]/",
    "https://[]/",
    "https://[::ffff:1.2.3]/",
    "https://[1:2:3:4:5:6:7:8:9]/",
    "https://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
    "https://127\xe3\x80\x82"
    "0\xe3\x80\x82"
    "0\xe3\x80\x82"
    "1/",
    "https://\xe2\x91\xa0/",
    "https://ex\xc2\xad"
    "ample.org/",
    "https://example.org;a/",
    "https://example.org,b/",
    "https://a*b/",
    "https://a'b/",
    "https://a!b/",
    "https://(a)/",
    "https://a$b/",
    "https://a&b/",
    "https://a=b/",
    "https://a~b/",
};

START_TEST(refuses)
{
    struct url u = { .port = 0 };
    struct error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(url_parse(bad[i], &u, &err) == ERR_URL, "%s", bad[i]);
        ck_assert_str_ne(err.text, "");
    }
}
END_TEST

START_TEST(refuses_what_is_too_long)
{
    struct buf text = BUF_INIT(20000);
    struct url u;
    struct error err;

    buf_puts(&text, "https://");
    for (int i = 0; i < 300; i++)
        buf_putc(&text, 'a');
    ck_fails(url_parse(buf_str(&text), &u, &err), &err, ERR_URL, "host");
    buf_clear(&text);
    buf_puts(&text, "https://h/");
    for (int i = 0; i < URL_MAX; i++)
        buf_putc(&text, 'a');
    ck_fails(url_parse(buf_str(&text), &u, &err), &err, ERR_URL, "long");
    buf_done(&text);
}
END_TEST

START_TEST(errors_hide_secrets)
{
    struct url u;
    struct error err;

    ck_fails(url_parse("https://joe:hunter2@h/a?sig=s3cret", &u, &err), &err,
             ERR_URL, "https://h/a");
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
    ck_assert_ptr_null(strstr(err.text, "s3cret"));
    ck_fails(url_parse("https://h/a b?sig=s3cret", &u, &err), &err, ERR_URL,
             "escaped");
    ck_assert_ptr_null(strstr(err.text, "s3cret"));
}
END_TEST

static const struct {
    const char *text;
    const char *shown;
} shown[] = {
    { "gs://bucket/a?b#c", "gs://bucket/a?b#c" },
    { "s3://key:secret@bucket/a?b", "s3://bucket/a?b" },
    { "https://h/a?b#c", "https://h/a" },
    { "gs://bucket/a/b", "gs://bucket/a/b" },
    { "https://u:p@h/a@b", "https://h/a@b" },
    { "https://u:p@x@h", "https://h" },
    { "u:p@h/x", "h/x" },
    { "https://h/\x1b[31m", "https://h/?[31m" },
    { "", "" },
};

START_TEST(shows)
{
    char out[64];

    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        ck_assert_str_eq(url_shown(shown[i].text, out, sizeof out),
                         shown[i].shown);
    ck_assert_str_eq(url_shown("https://abcdef", out, 12), "https://abc");
    ck_assert_str_eq(url_shown("https://abcdef", out, 1), "");
}
END_TEST

/* RFC 3986, 5.4, as far as http and https go. */
static const struct {
    const char *location;
    const char *target; /* NULL: refused */
} redirects[] = {
    { "g", "https://a:1/b/c/g" },
    { "./g", "https://a:1/b/c/g" },
    { "g/", "https://a:1/b/c/g/" },
    { "/g", "https://a:1/g" },
    { "//g", "https://g/" },
    { "//g:2/x", "https://g:2/x" },
    { "?y", "https://a:1/b/c/d;p?y" },
    { "g?y", "https://a:1/b/c/g?y" },
    { "#s", "https://a:1/b/c/d;p" },
    { "g?y/./x", "https://a:1/b/c/g?y/./x" },
    { "..", "https://a:1/b/" },
    { "../", "https://a:1/b/" },
    { "../g", "https://a:1/b/g" },
    { "../..", "https://a:1/" },
    { "../../g", "https://a:1/g" },
    { "../../../../g", "https://a:1/g" },
    { "/./g", "https://a:1/g" },
    { "/../g", "https://a:1/g" },
    { "g/../h?x=..", "https://a:1/b/c/h?x=.." },
    { "/%2e%2e/x", "https://a:1/x" },
    { "http://b/x", "http://b/x" },
    { "HTTPS://B:443/x", "https://b/x" },
    { "http:g", NULL },
    { "file:///etc/passwd", NULL },
    { "javascript:x", NULL },
    { "data:text/html,x", NULL },
    { "https://u@b/", NULL },
    { "//u@b/", NULL },
    { "//127.1/", NULL },
    { "/a b", NULL },
    { "/\x01", NULL },
    { "\\\\evil\\x", NULL },
    { "/\\evil", NULL },
};

START_TEST(resolves)
{
    struct url base = { .port = 0 };
    struct url u = { .port = 0 };
    struct buf b = BUF_INIT(4096);
    struct error err;

    ck_ok(url_parse("https://a:1/b/c/d;p?q", &base, &err), &err);
    for (size_t i = 0; i < sizeof redirects / sizeof *redirects; i++) {
        int rc = url_resolve(&base, redirects[i].location, &u, &err);

        if (!redirects[i].target) {
            ck_assert_msg(rc == ERR_URL, "%s", redirects[i].location);
            continue;
        }
        ck_assert_msg(rc == 0, "%s: %s", redirects[i].location, err.text);
        url_write(&u, &b);
        ck_assert_str_eq(buf_str(&b), redirects[i].target);
        buf_clear(&b);
        url_done(&u);
    }
    url_done(&base);
    buf_done(&b);
}
END_TEST

START_TEST(escapes)
{
    struct buf b = BUF_INIT(4096);

    url_encode(&b, "a/b c~d-e_f.g+%\xe2\x82\xac?#=&'", true);
    ck_assert_str_eq(buf_str(&b),
                     "a/b%20c~d-e_f.g%2B%25%E2%82%AC%3F%23%3D%26%27");
    buf_clear(&b);
    url_encode(&b, "a/b", false);
    ck_assert_str_eq(buf_str(&b), "a%2Fb");
    buf_done(&b);
}
END_TEST

START_TEST(knows_schemes)
{
    ck_assert(url_is("gs://x"));
    ck_assert(url_is("x+1.-://"));
    ck_assert(!url_is("1x://"));
    ck_assert(!url_is("a/b://c"));
    ck_assert(!url_is("C:/x"));
    ck_assert(url_has_scheme("HTTPS://x", "https"));
    ck_assert(!url_has_scheme("https:/x", "https"));
    ck_assert(!url_has_scheme("httpsx://x", "https"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { takes,
                                   refuses,
                                   refuses_what_is_too_long,
                                   errors_hide_secrets,
                                   shows,
                                   resolves,
                                   escapes,
                                   knows_schemes };

    return unit_run("url", tests, sizeof tests / sizeof *tests);
}
