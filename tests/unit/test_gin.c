/*
 * model/gin: what is accepted, refused and printed. Whole files stand in
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
        test_values,  test_refused,     test_limits,
        test_indents, test_valid_files, test_invalid_files,
    };

    return unit_run("gin", tests, sizeof tests / sizeof *tests);
}
