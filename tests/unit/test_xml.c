/*
 * remote/xml: elements with text, and what is refused.
 */
#include "unit.h"

#include "base/buf.h"
#include "remote/xml.h"

static struct error err;
static struct buf seen = { .max = 1 << 20 };

static int take(void *ctx, const char *path, const char *text, struct error *e)
{
    (void)ctx;
    (void)e;
    buf_printf(&seen, "%s=%s\n", path, text ? text : "(children)");
    return 0;
}

static int read_text(const char *text)
{
    buf_clear(&seen);
    return xml_read(text, strlen(text), take, NULL, &err);
}

START_TEST(test_elements)
{
    ck_ok(read_text("<?xml version=\"1.0\"?>\n<a xmlns=\"urn:x\">\n <b>1</b>"
                    "<c><d>x &amp; &#252;<!-- no --> <![CDATA[<y>]]></d><e/>"
                    "</c>tail</a>"),
          &err);
    ck_assert_str_eq(buf_str(&seen), "a/b=1\na/c/d=x & \xc3\xbc <y>\na/c/e=\n"
                                     "a/c=(children)\na=(children)\n");
    ck_ok(read_text("<x:a xmlns:x=\"urn:x\"><x:b>1</x:b></x:a>"), &err);
    ck_assert_str_eq(buf_str(&seen), "a/b=1\na=(children)\n");
}
END_TEST

START_TEST(test_refused)
{
    static const struct {
        const char *text;
        const char *word;
    } bad[] = {
        { "", "not well formed" },
        { "<a>", "not well formed" },
        { "<a></b>", "not well formed" },
        { "<a/><a/>", "not well formed" },
        { "<a>&x;</a>", "not well formed" },
        { "<a>\x01</a>", "not well formed" },
        { "<!DOCTYPE a [<!ENTITY x \"xxxxxxxx\"><!ENTITY y \"&x;&x;&x;\">"
          "]><a>&y;</a>",
          "document type" },
        { "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "document type" },
        { "<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>",
          "nested" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(read_text(bad[i].text), &err, ERR_SOURCE, bad[i].word);
    ck_assert_uint_eq(seen.len, 0);
}
END_TEST

START_TEST(test_limits)
{
    struct buf text = BUF_INIT(1 << 20);

    buf_puts(&text, "<a>");
    for (int i = 0; i < XML_TEXT_MAX; i++)
        buf_putc(&text, 'x');
    buf_puts(&text, "</a>");
    ck_ok(read_text(buf_str(&text)), &err);
    text.len -= 4;
    buf_puts(&text, "y</a>");
    ck_fails(read_text(buf_str(&text)), &err, ERR_SOURCE, "too long");
    buf_clear(&text);
    buf_putc(&text, '<');
    for (int i = 0; i <= XML_PATH_MAX; i++)
        buf_putc(&text, 'x');
    buf_puts(&text, "/>");
    ck_fails(read_text(buf_str(&text)), &err, ERR_SOURCE, "nested");
    buf_done(&text);
}
END_TEST

static int stop(void *ctx, const char *path, const char *text, struct error *e)
{
    int *calls = ctx;

    (void)text;
    ++*calls;
    return error_set(e, ERR_LIMIT, "stopped at %s", path);
}

START_TEST(test_stop)
{
    int calls = 0;

    ck_fails(xml_read("<a><b/><c/></a>", 15, stop, &calls, &err), &err,
             ERR_LIMIT, "a/b");
    ck_assert_int_eq(calls, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_elements, test_refused, test_limits,
                                   test_stop };
    int rc = unit_run("xml", tests, sizeof tests / sizeof *tests);

    buf_done(&seen);
    return rc;
}
