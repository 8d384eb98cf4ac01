/*
 * model/gin: which binding counts, macros, JSON.
 */
#include "unit.h"

#include "base/buf.h"
#include "model/gin.h"

static struct gin *parse(const char *text)
{
    struct error err = { 0 };
    struct gin *g = NULL;

    ck_assert_msg(gin_parse(text, strlen(text), "m.gin", &g, &err) == 0,
                  "'%s': %s", text, err.text);
    return g;
}

START_TEST(test_find)
{
    static const char text[] = "s/f.a = 1\n"   /* 1 */
                               "m.f.a = 2\n"   /* 2 */
                               "t/f.a = 3\n"   /* 3 */
                               "s/u/f.a = 4\n" /* 4 */
                               "s/f.b = 5\n"   /* 5 */
                               "t/m.f.b = 6\n" /* 6 */
                               "xf.c = 7\n"    /* 7 */
                               "g.d = 8\n"     /* 8 */
                               "g.d = 9\n"     /* 9 */
                               "f = 10\n"      /* 10 */
                               "st/f.a = 11";  /* 11 */
    static const struct {
        const char *selector;
        const char *parameter;
        unsigned line; /* 0: nothing */
    } cases[] = {
        { "f", "a", 2 },     { "m.f", "a", 2 },     { "n.m.f", "a", 2 },
        { "n.f", "a", 11 },  { "s/f", "a", 1 },     { "s/u/f", "a", 4 },
        { "s/v/f", "a", 1 }, { "t/u/m.f", "a", 3 }, { "v/f", "a", 2 },
        { "stx/f", "a", 2 }, { "f", "b", 6 },       { "s/f", "b", 5 },
        { "v/f", "b", 0 },   { "f", "c", 0 },       { "xf", "c", 7 },
        { "m.g", "d", 9 },   { "g", "e", 0 },       { "f", "value", 0 },
        { "", "a", 0 },
    };
    struct gin *g = parse(text);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct gin_binding *b =
            gin_find(g, cases[i].selector, cases[i].parameter);

        ck_assert_msg((b ? b->line : 0) == cases[i].line,
                      "%s.%s is found in line %u", cases[i].selector,
                      cases[i].parameter, b ? b->line : 0);
    }
    gin_free(g);
}
END_TEST

START_TEST(test_find_macro)
{
    struct gin *g = parse("A = 1\n"
                          "s/A = 2\n"
                          "B.c = 3\n"
                          "A = 4\n"
                          "t/macro.value = 5\n"
                          "u/v/gin.macro.value = 6\n"
                          "macro.value = 7\n"
                          "AB = 8");
    static const struct {
        const char *name;
        unsigned line; /* 0: nothing */
    } cases[] = {
        { "A", 4 }, { "s/A", 2 },   { "s/A/x", 2 }, { "A/s", 4 },
        { "B", 0 }, { "t", 5 },     { "u/v", 6 },   { "u", 0 },
        { "", 0 },  { "macro", 0 }, { "AB", 8 },    { "AA", 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct gin_binding *b = gin_find_macro(g, cases[i].name);

        ck_assert_msg((b ? b->line : 0) == cases[i].line,
                      "%s is found in line %u", cases[i].name, b ? b->line : 0);
    }
    ck_assert_str_eq(gin_name(g), "m.gin");
    gin_free(g);
}
END_TEST

START_TEST(test_resolve)
{
    struct gin *g = parse("A = %B\nB = %C\nC = 7\n"
                          "X = %Y\nY = %X\n"
                          "Z = %moe_enums.LayerLayout.MIXED\n"
                          "f.a = %A");
    const struct gin_value *value = NULL;
    struct error err = { 0 };

    ck_ok(gin_resolve(g, &gin_find(g, "f", "a")->value, &value, &err), &err);
    ck_assert_int_eq(value->kind, GIN_INT);
    ck_assert_int_eq(value->integer, 7);
    ck_ok(gin_resolve(g, &gin_find_macro(g, "Z")->value, &value, &err), &err);
    ck_assert_ptr_null(value);
    ck_fails(gin_resolve(g, &gin_find_macro(g, "X")->value, &value, &err), &err,
             ERR_GIN, "m.gin: the macro %Y leads back to itself");
    gin_free(g);
}
END_TEST

/* Chains of macros: 64 are followed, 65 are not. */
START_TEST(test_resolve_long_chain)
{
    struct buf text = BUF_INIT(1 << 16);
    const struct gin_value *value = NULL;
    struct error err = { 0 };
    struct gin *g;

    for (int i = 0; i < 65; i++)
        buf_printf(&text, "M%d = %%M%d\n", i, i + 1);
    buf_puts(&text, "M65 = 1\n");
    g = parse(buf_str(&text));
    ck_ok(gin_resolve(g, &gin_find_macro(g, "M1")->value, &value, &err), &err);
    ck_assert_int_eq(value->integer, 1);
    ck_fails(gin_resolve(g, &gin_find_macro(g, "M0")->value, &value, &err),
             &err, ERR_GIN, "more than 64");
    gin_free(g);
    buf_done(&text);
}
END_TEST

static void check_json(const char *text, const char *want)
{
    struct buf out = BUF_INIT(8192);
    struct json_writer w = JSON_WRITER(&out, JSON_STYLE_COMPACT);
    struct gin *g = parse(text);
    size_t count = 0;
    const struct gin_binding *b = gin_bindings(g, &count);

    gin_value_json(&w, g, &b[count - 1].value);
    ck_assert_ptr_nonnull(buf_str(&out));
    ck_assert_str_eq(buf_str(&out), want);
    gin_free(g);
    buf_done(&out);
}

START_TEST(test_json)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        { "B = (1, 'x')\na = [%B, @s/f(), @f, %C.D, None, True, 1e-6]",
          "[[1,\"x\"],\"@s/f()\",\"@f\",\"%C.D\",null,true,1e-06]" },
        { "B = 1\na = {'x': %B, 1: 2, %B: 3, (1,): 4, b'y': 5}",
          "{\"x\":1,\"1\":2,\"%B\":3,\"(1,)\":4,\"b'y'\":5}" },
        { "a = b'\\xe9A'", "\"\xc3\xa9"
                           "A\"" },
        { "a = [1e999, -1e999]", "[\"1e999\",\"-1e999\"]" },
        { "A = %A\na = %A", "\"%A\"" },
        { "a = [%a]", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[%a]\""
                      "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_json(cases[i].text, cases[i].want);
}
END_TEST

/* Two to the power of 32 values: the buffer's limit ends it at once. */
START_TEST(test_json_bomb)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&out, JSON_STYLE_COMPACT);
    struct gin *g = parse("a = [%a, %a]");
    struct error err = { 0 };

    gin_value_json(&w, g, &gin_find_macro(g, "a")->value);
    ck_fails(buf_status(&out, &err), &err, ERR_LIMIT, "1048576");
    gin_free(g);
    buf_done(&out);
}
END_TEST

START_TEST(test_includes)
{
    struct gin *g = parse("include 'a/b.gin'\nf.x = 1\ninclude \"c\" 'd'\n");
    size_t count = 0;
    const struct gin_include *files = gin_includes(g, &count);

    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(files[0].name, "a/b.gin");
    ck_assert_str_eq(files[1].name, "cd");
    gin_free(g);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_find, test_find_macro, test_resolve,  test_resolve_long_chain,
        test_json, test_json_bomb,  test_includes,
    };

    return unit_run("gin_find", tests, sizeof tests / sizeof *tests);
}
