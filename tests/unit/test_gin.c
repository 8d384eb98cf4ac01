/*
 * model/gin: the parser, look-up, macros, printing. Whole files stand in
 * tests/fixtures/gin: valid/NAME.gin with NAME.json, which gin-config made, and
 * invalid/NAME.gin with NAME.txt, the error and its hint.
 */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>

#include "gin_dump.h"
#include "model/gin_lex.h"

enum { FILE_MAX = 1 << 20 };

static struct gin *parse(const char *text)
{
    struct error err = { 0 };
    struct gin *g = NULL;

    ck_assert_msg(gin_parse(text, strlen(text), "m.gin", &g, &err) == 0,
                  "'%s': %s", text, err.text);
    return g;
}

/* The last binding's value as gin text, checked to read back the same. */
static void check_value(const char *text, const char *want)
{
    struct buf printed = BUF_INIT(4096);
    struct buf again = BUF_INIT(4096);
    struct gin *g = parse(text);
    size_t count = 0;
    const struct gin_binding *b = gin_bindings(g, &count);

    ck_assert_msg(count > 0, "'%s' binds nothing", text);
    buf_puts(&again, "x = ");
    gin_value_print(&b[count - 1].value, &again);
    gin_free(g);
    g = parse(buf_str(&again));
    gin_value_print(&gin_bindings(g, &count)[0].value, &printed);
    ck_assert_msg(!strcmp(buf_str(&printed), want), "'%s' is %s, not %s", text,
                  buf_str(&printed), want);
    ck_assert_str_eq(buf_str(&again) + 4, want);
    gin_free(g);
    buf_done(&printed);
    buf_done(&again);
}

static const struct {
    const char *text;
    const char *want;
} values[] = {
    { "a=1", "1" },
    { "a = -1", "-1" },
    { "a = - 0x1F", "-31" },
    { "a = 1_000", "1000" },
    { "a = 0o17", "15" },
    { "a = 0B101", "5" },
    { "a = 00", "0" },
    { "a = 9223372036854775807", "9223372036854775807" },
    { "a = -9223372036854775808", "-9223372036854775808" },
    { "a = 9223372036854775808", "9.223372036854776e+18" },
    { "a = -0x8000000000000000", "-9223372036854775808" },
    { "a = 0xffffffffffffffff", "1.8446744073709552e+19" },
    { "a = 0x100000000000008000000", "1.2089258196146292e+24" },
    { "a = 0x100000000000008000001", "1.2089258196146294e+24" },
    { "a = 1.", "1.0" },
    { "a = .5", "0.5" },
    { "a = 1e-6", "1e-06" },
    { "a = -1_0.0E+3", "-10000.0" },
    { "a = 01.5", "1.5" },
    { "a = 1e400", "1e999" },
    { "a = True", "True" },
    { "a = False", "False" },
    { "a = None", "None" },
    { "a = 'x'", "'x'" },
    { "a = \"it's\"", "\"it's\"" },
    { "a = 'it\\'s \"x\"'", "'it\\'s \"x\"'" },
    { "a = 'a' \"b\" r'\\n'", "'ab\\\\n'" },
    { "a = '' 'a'", "'a'" },
    { "a = '''a\nb'c'''", "\"a\\nb'c\"" },
    { "a = 'a\\\nb'", "'ab'" },
    { "a = '\\x41\\101\\u00e9\\U0001f600\\q\\t'",
      "'AA\xc3\xa9\xf0\x9f\x98\x80\\\\q\\t'" },
    { "a = b'\\xff\\u0041'", "b'\\xff\\\\u0041'" },
    { "a = Rb'\\xff'", "b'\\\\xff'" },
    { "a = u'x'", "'x'" },
    { "a = ()", "()" },
    { "a = (1)", "1" },
    { "a = ('relu',)", "('relu',)" },
    { "a = ('gelu', 'linear')", "('gelu', 'linear')" },
    { "a = [1, 2,]", "[1, 2]" },
    { "a = [\n  1, # one\n\n  2\n]", "[1, 2]" },
    { "a = {'x': 1, 'y': [(), {}]}", "{'x': 1, 'y': [(), {}]}" },
    { "a = {1: 'a', 2: 'b', 1.0: 'c', True: 'd'}", "{1: 'd', 2: 'b'}" },
    { "a = {(1, 'x'): 1, (1, 'x'): 2}", "{(1, 'x'): 2}" },
    { "a = %B", "%B" },
    { "a = %x.y/Layout.MIXED", "%x.y/Layout.MIXED" },
    { "a = @f", "@f" },
    { "a = @s/m.f()", "@s/m.f()" },
    { "a = @ f ( )", "@f()" },
    { "a = @s/macro()", "%s" },
    { "a = @s/macro", "@s/macro" },
    { "a = \\\n  5", "5" },
    { "  a = 5 # five", "5" },
    { "a = 1\r\nb = 2\rc = 3", "3" },
    { "\xef\xbb\xbf"
      "a = '\xc3\xa9' # \xe2\x82\xac",
      "'\xc3\xa9'" },
    { "f:\n  a = 1\n\n # c\n  b = [\n2]", "[2]" },
    { "import a.b as c\nfrom x import y\ninclude 'z'\na = 1", "1" },
    { "import = 1", "1" },
};

START_TEST(test_values)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        check_value(values[i].text, values[i].want);
}
END_TEST

/* Each is refused; words are what the text must hold. */
static const struct {
    const char *text;
    const char *words;
} refused[] = {
    { "a", "line 1: expected '=' or ':', found the end of the line" },
    { "a =", "line 1: expected a value, found the end of the line" },
    { "a = relu", "expected a value, found 'relu'" },
    { "a = 1 2", "expected the end of the line, found '2'" },
    { "\na = [1,\n 2", "line 2: expected a closing bracket" },
    { "a = [1 2]", "expected ',' or ']', found '2'" },
    { "a = (1]", "expected ',' or ')', found ']'" },
    { "a = {1, 2}", "expected ':' after the dict's key, found ','" },
    { "a = {[]: 1}", "expected a key, found a list or a dict" },
    { "a = {(1, [2]): 1}", "expected a key" },
    { "a = [,]", "expected a value, found ','" },
    { "a = 'x", "expected a string with a closing quote, found 'x" },
    { "a = '''x\n\n", "line 1: expected a string with three" },
    { "a = 'x' b'y'", "expected a string without b, found b'y'" },
    { "a = b'\xc3\xa9'", "expected ASCII in b'...'" },
    { "a = f'x'", "expected a string, found f'x'" },
    { "a = '\\x4'", "two hexadecimal digits" },
    { "a = '\\u12'", "four hexadecimal digits" },
    { "a = '\\U00110000'", "escapes that are characters" },
    { "a = '\\ud800'", "escapes that are characters" },
    { "a = '\\0'", "a string without NUL" },
    { "a = '\\N{DASH}'", "a character's number" },
    { "a = 012", "a number without leading zeros, found '012'" },
    { "a = 1j", "a real number" },
    { "a = 1_", "expected the end of the line, found '_'" },
    { "a = 0x", "expected the end of the line, found 'x'" },
    { "a = -'x'", "expected a number after '-'" },
    { "a = -%B", "expected a number after '-'" },
    { "a = @f(1)", "expected ')' right after '('" },
    { "a = [@\nf]", "expected a name, found the end of the line" },
    { "a . b = 1", "expected a selector" },
    { "a..b = 1", "expected a selector" },
    { "a.b/c.d = 1", "expected a selector" },
    { "a/ = 1", "expected a selector" },
    { "1 = 1", "expected a name, found '1'" },
    { "a == 1", "expected a value, found '='" },
    { "a = 1 \\", "expected a line after the backslash" },
    { "f:\na = 1", "line 2: expected an indented line, found 'a'" },
    { "f: a = 1", "expected the end of the line, found 'a'" },
    { "f:\n  a.b = 1", "expected '=', found '.'" },
    { "f:\n  a = 1\n    b = 1", "line 3: expected a parameter's name" },
    { "f:\n    a = 1\n  b = 1", "line 3: expected the indentation" },
    { "from x", "expected 'import'" },
    { "from x import *", "expected a parameter's name" },
    { "import a, b", "expected the end of the line, found ','" },
    { "import a/b", "expected a selector" },
    { "include x", "expected a file's name in quotes, found 'x'" },
    { "include b'x'", "expected a file's name in quotes" },
    { "a = $", "expected a value, found '$'" },
    { "\xc3\xa9 = 1", "ASCII outside of strings and comments, found '" },
    { "a = '\xff'", "line 1: expected UTF-8 text, found the byte 0xff" },
    { "# \xed\xa0\x80", "expected UTF-8 text, found the byte 0xed" },
};

START_TEST(test_refused)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *text = refused[i].text;
        struct error err = { 0 };
        struct gin *g = NULL;
        int rc = gin_parse(text, strlen(text), "m.gin", &g, &err);

        ck_assert_msg(rc == ERR_GIN, "'%s' gives %d", text, rc);
        ck_assert_ptr_null(g);
        ck_assert_msg(strstr(err.text, refused[i].words), "'%s': %s", text,
                      err.text);
        ck_assert_msg(strstr(err.text, "m.gin"), "%s", err.text);
        ck_assert_msg(strstr(err.subject, "m.gin, line "), "%s", err.subject);
        ck_assert_msg(*err.expected && *err.actual && *err.hint, "'%s'", text);
    }
}
END_TEST

/* depth brackets around nothing. */
static int parse_nested(size_t depth, struct error *err)
{
    char text[256] = "a = ";
    struct gin *g = NULL;
    int rc;

    memset(text + 4, '[', depth);
    memset(text + 4 + depth, ']', depth);
    rc = gin_parse(text, 4 + 2 * depth, "m.gin", &g, err);
    gin_free(g);
    return rc;
}

START_TEST(test_limits)
{
    static char large[GIN_MAX_BYTES + 1];
    struct error err = { 0 };
    struct gin *g = NULL;

    ck_ok(parse_nested(GIN_MAX_DEPTH, &err), &err);
    ck_fails(parse_nested(GIN_MAX_DEPTH + 1, &err), &err, ERR_GIN,
             "at most 64 nested brackets");
    memset(large, '\n', sizeof large);
    ck_fails(gin_parse(large, sizeof large, "m.gin", &g, &err), &err, ERR_GIN,
             "1048577 bytes");
    ck_ok(gin_parse(large, sizeof large - 1, "m.gin", &g, &err), &err);
    gin_free(g);
    g = NULL;
    ck_fails(gin_parse("a = 1\n# \0", 10, "m.gin", &g, &err), &err, ERR_GIN,
             "line 2: expected UTF-8 text, found the byte 0x00");
    memset(large, 'a', 2000);
    ck_fails(gin_parse(large, 2000, "m.gin", &g, &err), &err, ERR_GIN,
             "1024 characters");
    ck_ok(gin_parse("", 0, "m.gin", &g, &err), &err);
    gin_free(g);
}
END_TEST

/* Lines such as " x: 1" deeper and deeper; each is an indented statement. */
START_TEST(test_indents)
{
    struct buf text = BUF_INIT(1 << 16);
    struct error err = { 0 };
    struct gin *g = NULL;

    for (int i = 0; i < GIN_MAX_INDENTS; i++)
        buf_printf(&text, "%*sa = 1\n", i, "");
    ck_ok(gin_parse(text.data, text.len, "m.gin", &g, &err), &err);
    gin_free(g);
    buf_printf(&text, "%*sa = 1\n", GIN_MAX_INDENTS, "");
    ck_fails(gin_parse(text.data, text.len, "m.gin", &g, &err), &err, ERR_GIN,
             "line 101: expected at most 99 levels of indentation");
    buf_done(&text);
}
END_TEST

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
        { "f", "b", 6 },     { "s/f", "b", 5 },     { "v/f", "b", 0 },
        { "f", "c", 0 },     { "xf", "c", 7 },      { "m.g", "d", 9 },
        { "g", "e", 0 },     { "f", "value", 0 },   { "", "a", 0 },
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
    const char *const *files = gin_includes(g, &count);

    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(files[0], "a/b.gin");
    ck_assert_str_eq(files[1], "cd");
    gin_free(g);
}
END_TEST

static char *read_file(const char *path, size_t *len)
{
    char *text = malloc(FILE_MAX);
    FILE *f = fopen(path, "rb");

    ck_assert_ptr_nonnull(text);
    ck_assert_msg(f != NULL, "%s cannot be opened", path);
    *len = fread(text, 1, FILE_MAX - 1, f);
    text[*len] = '\0';
    fclose(f);
    return text;
}

/* The JSON of a valid file, or the error and the hint of another. */
static void dump_or_error(const char *text, size_t len, const char *name,
                          struct buf *out)
{
    struct error err = { 0 };

    if (gin_dump(text, len, name, out, &err))
        buf_printf(out, "%s\n%s\n", err.text, err.hint);
}

static void check_same(const char *path, const char *got, const char *want)
{
    size_t same = 0;

    ck_assert_ptr_nonnull(got);
    while (got[same] && got[same] == want[same])
        same++;
    ck_assert_msg(got[same] == want[same], "%s: '%.200s' instead of '%.200s'",
                  path, got + same, want + same);
}

/* Compares each NAME.gin of a folder with its NAME.suffix. */
static void check_folder(const char *kind, const char *suffix)
{
    const char *srcdir = getenv("srcdir");
    struct dirent **entries = NULL;
    char folder[1024];
    char path[2048];
    int files = 0;
    int n;

    snprintf(folder, sizeof folder, "%s/tests/fixtures/gin/%s",
             srcdir ? srcdir : ".", kind);
    n = scandir(folder, &entries, NULL, alphasort);
    ck_assert_msg(n >= 0, "%s cannot be read", folder);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        const char *dot = strrchr(name, '.');
        struct buf out = BUF_INIT(FILE_MAX);
        size_t len = 0;
        char *text;
        char *want;

        if (dot && !strcmp(dot, ".gin")) {
            snprintf(path, sizeof path, "%s/%s", folder, name);
            text = read_file(path, &len);
            dump_or_error(text, len, name, &out);
            snprintf(path, sizeof path, "%s/%.*s.%s", folder, (int)(dot - name),
                     name, suffix);
            want = read_file(path, &len);
            check_same(path, buf_str(&out), want);
            free(text);
            free(want);
            files++;
        }
        buf_done(&out);
        free(entries[i]);
    }
    free(entries);
    ck_assert_msg(files > 0, "%s holds no .gin file", folder);
}

START_TEST(test_valid_files)
{
    check_folder("valid", "json");
}
END_TEST

START_TEST(test_invalid_files)
{
    check_folder("invalid", "txt");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_values,        test_refused,
        test_limits,        test_indents,
        test_find,          test_find_macro,
        test_resolve,       test_resolve_long_chain,
        test_json,          test_json_bomb,
        test_includes,      test_valid_files,
        test_invalid_files,
    };

    return unit_run("gin", tests, sizeof tests / sizeof *tests);
}
