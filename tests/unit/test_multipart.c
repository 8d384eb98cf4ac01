/*
 * header, multipart, problem: what the service reads and writes by hand.
 */
#include "unit.h"

#include <jansson.h>
#include <stdio.h>

#include "header.h"
#include "multipart.h"
#include "problem.h"

START_TEST(test_header)
{
    static const char plain[] = "Multipart/Form-Data; Boundary=aB=_c";
    static const char quoted[] = " x ; a=\"\\\"\\\\\\n;\" ; ";
    static const char *const bad[] = {
        "",         ";a=b",       "a b",           "text/plain; a",
        "x; a=\"b", "x; a=b;a=c", "x; a=\"\x01\"", "x; =b",
        "x; a=",    "x; a = b",   "x\ry",
    };
    struct header_value v;

    ck_assert(header_parse(plain, strlen(plain), &v));
    ck_assert_str_eq(v.token, "multipart/form-data");
    ck_assert_str_eq(header_param(&v, "boundary"), "aB=_c");
    ck_assert_ptr_null(header_param(&v, "charset"));
    ck_assert(header_parse(quoted, strlen(quoted), &v));
    ck_assert_str_eq(header_param(&v, "a"), "\"\\\\n;");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!header_parse(bad[i], strlen(bad[i]), &v), "%s", bad[i]);
}
END_TEST

/* Events as text: "<name|filename>bytes." for each part. */
static int on_begin(void *ctx, const struct multipart_part *p,
                    struct error *err)
{
    (void)err;
    buf_printf(ctx, "<%s|%s>", p->name, p->filename ? p->filename : "-");
    return 0;
}

static int on_data(void *ctx, const void *data, size_t len, struct error *err)
{
    (void)err;
    ck_assert_uint_gt(len, 0);
    buf_append(ctx, data, len);
    return 0;
}

static int on_end(void *ctx, struct error *err)
{
    (void)err;
    buf_puts(ctx, ".");
    return 0;
}

static const struct multipart_handler handler = { on_begin, on_data, on_end };

static int parse(const char *text, size_t len, size_t step, struct buf *events,
                 struct error *err)
{
    struct multipart *m = NULL;
    int rc = 0;
    size_t n;

    buf_clear(events);
    ck_ok(multipart_new("AaB03x", 3, &handler, events, &m, err), err);
    for (size_t at = 0; !rc && at < len; at += n) {
        n = len - at < step ? len - at : step;
        rc = multipart_feed(m, text + at, n, err);
    }
    if (!rc)
        rc = multipart_finish(m, err);
    multipart_free(m);
    return rc;
}

#define CD "Content-Disposition: form-data; "

START_TEST(test_good_forms)
{
    static const struct {
        const char *body;
        const char *events;
    } cases[] = {
        { "--AaB03x--", "" },
        { "--AaB03x\r\n" CD "name=\"a\"\r\n\r\n\r\n--AaB03x--\r\n", "<a|->." },
        { "--AaB03x \t\r\n" CD "name=a\r\n\r\nx\r\n--AaB03x--junk", "<a|->x." },
        { "--AaB03x\r\nContent-Type: text/plain\r\n" CD
          "name=\"f\"; filename=\"d/e.json\"\r\n"
          "content-transfer-encoding: binary\r\n\r\n"
          "1\r\n2\r--AaB03x\r\n--AaB03\r\r\n\r\n--AaB03x\r\n" CD
          "name=\"b\"\r\n\r\n\r\n\r\n--AaB03x--\r\n",
          "<f|d/e.json>1\r\n2\r--AaB03x\r\n--AaB03\r\r\n.<b|->\r\n." },
    };
    struct buf events = BUF_INIT(1 << 16);
    struct error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 200; step++) {
            const char *body = cases[i].body;

            ck_ok(parse(body, strlen(body), step, &events, &err), &err);
            ck_assert_str_eq(buf_str(&events), cases[i].events);
        }
    buf_done(&events);
}
END_TEST

START_TEST(test_bad_forms)
{
    static const struct {
        const char *body;
        const char *word;
    } cases[] = {
        { "", "no end" },
        { "preamble\r\n--AaB03x--", "start with its boundary" },
        { "--AaB03x", "no end" },
        { "--AaB03xy\r\n", "followed by other" },
        { "--AaB03x-\r\n", "followed by other" },
        { "--AaB03x\n", "followed by other" },
        { "--AaB03x\r\n\r\nx\r\n--AaB03x--", "no Content-Disposition" },
        { "--AaB03x\r\n" CD "x=y\r\n\r\nx\r\n--AaB03x--", "name=" },
        { "--AaB03x\r\nContent-Disposition: inline; name=a\r\n\r\n",
          "form-data" },
        { "--AaB03x\r\n" CD "name=a\r\n" CD "name=a\r\n\r\n", "two" },
        { "--AaB03x\r\n" CD "name=a\n\r\n", "CR LF" },
        { "--AaB03x\r\n folded: x\r\n\r\n", "name: value" },
        { "--AaB03x\r\nno colon\r\n\r\n", "name: value" },
        { "--AaB03x\r\nContent-Transfer-Encoding: base64\r\n\r\n",
          "transfer encoding" },
        { "--AaB03x\r\n" CD "name=a\r\n\r\nx\r\n--AaB03x-- ", NULL },
        { "--AaB03x\r\n" CD "name=a\r\n\r\nx\r\n--AaB03x\r\n", "no end" },
    };
    struct buf events = BUF_INIT(1 << 16);
    struct error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 100; step += 33) {
            const char *body = cases[i].body;

            if (cases[i].word)
                ck_fails(parse(body, strlen(body), step, &events, &err), &err,
                         ERR_USAGE, cases[i].word);
            else
                ck_ok(parse(body, strlen(body), step, &events, &err), &err);
        }
    ck_fails(parse("--AaB03x\r\na\0b: c\r\n\r\n", 21, 5, &events, &err), &err,
             ERR_USAGE, "NUL");
    buf_done(&events);
}
END_TEST

START_TEST(test_form_limits)
{
    struct buf body = BUF_INIT(1 << 20);
    struct buf events = BUF_INIT(1 << 20);
    struct multipart *m = NULL;
    struct error err;
    char boundary[80];

    for (unsigned i = 0; i < 4; i++)
        buf_puts(&body, i ? "\r\n--AaB03x\r\n" CD "name=a\r\n\r\nx"
                          : "--AaB03x\r\n" CD "name=a\r\n\r\nx");
    ck_fails(parse((char *)body.data, body.len, 1000, &events, &err), &err,
             ERR_LIMIT, "too many parts");
    buf_clear(&body);
    buf_puts(&body, "--AaB03x\r\nx: ");
    for (unsigned i = 0; i < MULTIPART_LINE_MAX; i++)
        buf_putc(&body, 'x');
    ck_fails(parse((char *)body.data, body.len, 1000, &events, &err), &err,
             ERR_LIMIT, "too long");
    buf_clear(&body);
    buf_puts(&body, "--AaB03x\r\n");
    for (unsigned i = 0; i <= MULTIPART_PART_HEADERS_MAX; i++)
        buf_puts(&body, "x: y\r\n");
    ck_fails(parse((char *)body.data, body.len, 1000, &events, &err), &err,
             ERR_USAGE, "too many header");

    memset(boundary, 'x', sizeof boundary);
    boundary[71] = '\0';
    ck_assert_int_eq(multipart_new(boundary, 1, &handler, &events, &m, &err),
                     ERR_USAGE);
    ck_assert_int_eq(multipart_new("", 1, &handler, &events, &m, &err),
                     ERR_USAGE);
    ck_assert_int_eq(multipart_new("a\r\n", 1, &handler, &events, &m, &err),
                     ERR_USAGE);
    boundary[70] = '\0';
    ck_ok(multipart_new(boundary, 1, &handler, &events, &m, &err), &err);
    multipart_free(m);
    buf_done(&body);
    buf_done(&events);
}
END_TEST

START_TEST(test_problem)
{
    struct buf b = BUF_INIT(1 << 16);
    struct error err;
    json_t *doc;

    error_set(&err, ERR_SHAPE, "bad \xff \xed\xa0\x80 name \"\xc3\xa4\"");
    error_subject(&err, "a\nb\xc3");
    problem_write(&err, "id-1", "abc", &b);
    doc = json_loadb((char *)b.data, b.len, 0, NULL);
    ck_assert_ptr_nonnull(doc);
    ck_assert_str_eq(json_string_value(json_object_get(doc, "type")),
                     "/problems/shape-mismatch");
    ck_assert_int_eq(json_integer_value(json_object_get(doc, "status")), 422);
    ck_assert_str_eq(json_string_value(json_object_get(doc, "detail")),
                     "bad \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                     " name \"\xc3\xa4\"");
    ck_assert_str_eq(json_string_value(json_object_get(doc, "subject")),
                     "a\nb\xef\xbf\xbd");
    ck_assert_str_eq(json_string_value(json_object_get(doc, "request_id")),
                     "id-1");
    ck_assert_str_eq(json_string_value(json_object_get(doc, "trace_id")),
                     "abc");
    ck_assert_ptr_null(json_object_get(doc, "hint"));
    json_decref(doc);
    buf_done(&b);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_header, test_good_forms, test_bad_forms,
                                   test_form_limits, test_problem };

    return unit_run("multipart", tests, sizeof tests / sizeof *tests);
}
