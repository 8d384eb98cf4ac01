/*
 * model/gin: includes, imports, and which bindings count. Files lie in stores
 * in memory. tests/gin compares the same with gin-config.
 */
#include "unit.h"

#include <stdio.h>

#include "base/json.h"
#include "model/gin.h"

/* name, text, name, text, ..., NULL into a store. */
static struct store *store_of(const char *const *files)
{
    struct store *s = NULL;
    struct error err;

    ck_ok(store_memory_new(&s, &err), &err);
    for (; files && *files; files += 2)
        ck_ok(store_memory_put(s, files[0], files[1], strlen(files[1]), &err),
              &err);
    return s;
}

/* What counts, as "name=value " in JSON, in its order. */
static void check_effective(const struct gin *g, const char *want)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&out, JSON_STYLE_COMPACT);
    size_t count = 0;
    const struct gin_binding *const *b = gin_effective(g, &count);

    for (size_t i = 0; i < count; i++) {
        buf_puts(&out, i ? " " : "");
        gin_binding_print(b[i], &out);
        buf_putc(&out, '=');
        gin_value_json(&w, g, &b[i]->value);
    }
    ck_assert_str_eq(out.len ? buf_str(&out) : "", want);
    buf_done(&out);
}

/* A file "run/main.gin" of text beside and below the others. */
static int load(const char *text, const char *const *files,
                const char *const *path_files, struct gin **out,
                struct error *err)
{
    struct store *here = store_of(files);
    struct store *there = store_of(path_files);
    const struct gin_place places[] = { { there, "" } };
    const struct gin_search search = { { here, "run" }, places, 1 };
    int rc = gin_load(text, strlen(text), "main.gin", &search, out, err);

    store_free(here);
    store_free(there);
    return rc;
}

static const struct {
    const char *text;
    const char *files[9];
    const char *path_files[9];
    const char *want;
} loaded[] = {
    { "A = 1\ninclude 'b.gin'\nB = 2\nA2 = %A",
      { "run/b.gin", "A = 3\nB = 4\nC = %B" },
      { NULL },
      "A=3 B=2 C=2 A2=3" },
    { "include 'sub/b.gin'", /* beside the file that includes */
      { "run/sub/b.gin", "include 'c.gin'", "run/sub/c.gin", "A = 1",
        "run/c.gin", "A = 2" },
      { "c.gin", "A = 3" },
      "A=1" },
    { "include 'sub/b.gin'", /* not beside the first one */
      { "run/sub/b.gin", "include 'c.gin'", "run/c.gin", "A = 2" },
      { "c.gin", "A = 3" },
      "A=3" },
    { "include '../b.gin'", { "b.gin", "A = 1" }, { NULL }, "A=1" },
    { "include './x/.././b.gin'", { "run/b.gin", "A = 1" }, { NULL }, "A=1" },
    { "include 'x/b.gin'",
      { NULL },
      { "x/b.gin", "include 'c.gin'", "x/c.gin", "A = 1" },
      "A=1" },
    { "include 'b.gin'\ninclude 'b.gin'\ninclude 'c.gin'\nN = 2",
      { "run/b.gin", "N = 1\nM = %N", "run/c.gin", "include 'b.gin'\nM = 5" },
      { NULL },
      "N=2 M=5" },
    { "f:\n  a = 1\n  b = (%X,\n       2)\ninclude 'b.gin'\nf.a = 3",
      { "run/b.gin", "X = 'x'\ns/f.a = 2" },
      { NULL },
      "f.a=3 f.b=[\"x\",2] X=\"x\" s/f.a=2" },
    { "include 'flaxformer/t5x/configs/moe/models/switch_base.gin'",
      { "run/flaxformer/t5x/configs/moe/models/switch_base.gin", "A = 1" },
      { NULL },
      "A=1" }, /* what is there is preferred to what is known */
};

START_TEST(test_loaded)
{
    for (size_t i = 0; i < sizeof loaded / sizeof *loaded; i++) {
        struct gin *g = NULL;
        struct error err = { 0 };

        ck_ok(load(loaded[i].text, loaded[i].files, loaded[i].path_files, &g,
                   &err),
              &err);
        check_effective(g, loaded[i].want);
        gin_free(g);
    }
}
END_TEST

/* Names that lead nowhere: each include is noted, and nothing is read. */
START_TEST(test_missing)
{
    static const char *const names[] = {
        "nowhere.gin", "/run/b.gin",  "../../b.gin", "..", "",
        "/etc/passwd", "b.gin/c.gin", "sub"
    };
    const char *const files[] = { "run/b.gin",      "A = 1",         "b.gin",
                                  "A = 2",          "run/sub/c.gin", "A = 3",
                                  "run/etc/passwd", "A = 4",         NULL };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct gin_include *includes;
        struct gin *g = NULL;
        struct error err = { 0 };
        char text[64];
        size_t count = 0;

        snprintf(text, sizeof text, "\ninclude '%s'\nB = 2", names[i]);
        ck_ok(load(text, files, NULL, &g, &err), &err);
        check_effective(g, "B=2");
        includes = gin_includes(g, &count);
        ck_assert_uint_eq(count, 1);
        ck_assert_str_eq(includes[0].name, names[i]);
        ck_assert_uint_eq(includes[0].line, 2);
        ck_assert_int_eq(includes[0].origin, GIN_MISSING);
        gin_free(g);
    }
}
END_TEST

static void refuse(const char *text, const char *const *files, const char *want)
{
    struct gin *g = NULL;
    struct error err = { 0 };

    ck_fails(load(text, files, NULL, &g, &err), &err, ERR_GIN, want);
    ck_assert_ptr_null(g);
}

START_TEST(test_circles)
{
    refuse("\ninclude 'main.gin'",
           (const char *[]){ "run/main.gin", "include 'main.gin'", NULL },
           "main.gin, line 2: expected a file that is not being read already, "
           "found 'main.gin'");
    refuse("include 'b.gin'",
           (const char *[]){ "run/b.gin", "A = 1\ninclude './c.gin'",
                             "run/c.gin", "\n\ninclude '../run/b.gin'", NULL },
           "./c.gin, line 3: expected a file that is not being read already");
}
END_TEST

START_TEST(test_errors_name_the_file)
{
    refuse("A = 1\ninclude 'sub/b.gin'",
           (const char *[]){ "run/sub/b.gin", "\nA = (1,\n", NULL },
           "sub/b.gin, line 2: expected a closing bracket");
}
END_TEST

/* Files 0.gin to 16.gin, each of which includes the next one. */
START_TEST(test_depth)
{
    static char names[GIN_MAX_INCLUDES + 1][32];
    static char texts[GIN_MAX_INCLUDES + 1][32];
    const char *files[2 * GIN_MAX_INCLUDES + 3] = { NULL };
    struct gin *g = NULL;
    struct error err = { 0 };

    for (int i = 0; i <= GIN_MAX_INCLUDES; i++) {
        snprintf(names[i], sizeof names[i], "run/%d.gin", i);
        snprintf(texts[i], sizeof texts[i], "include '%d.gin'", i + 1);
        files[2 * i] = names[i];
        files[2 * i + 1] = texts[i];
    }
    refuse("include '0.gin'", files,
           "15.gin, line 1: expected includes that "
           "nest at most 16 deep");
    texts[GIN_MAX_INCLUDES - 1][0] = '\0';
    ck_ok(load("include '0.gin'", files, NULL, &g, &err), &err);
    gin_free(g);
}
END_TEST

/* Each file reads the next one twice: 2^14 files. */
START_TEST(test_number_of_files)
{
    static char names[15][32];
    static char texts[15][64];
    const char *files[31] = { NULL };

    for (int i = 0; i < 15; i++) {
        snprintf(names[i], sizeof names[i], "run/%d.gin", i);
        snprintf(texts[i], sizeof texts[i],
                 "include '%d.gin'\ninclude '%d.gin'", i + 1, i + 1);
        files[2 * i] = names[i];
        files[2 * i + 1] = texts[i];
    }
    texts[14][0] = '\0';
    refuse("include '0.gin'", files, "at most 256 includes in all");
}
END_TEST

/* Those that are nowhere count as well: each is looked for. */
START_TEST(test_number_of_missing_files)
{
    struct buf text = BUF_INIT(1 << 16);
    struct gin *g = NULL;
    struct error err = { 0 };

    for (int i = 0; i < GIN_MAX_FILES; i++)
        buf_puts(&text, "include 'x'\n");
    ck_ok(load(buf_str(&text), NULL, NULL, &g, &err), &err);
    gin_free(g);
    buf_puts(&text, "include 'x'\n");
    refuse(buf_str(&text), NULL, "line 257: expected at most 256 includes");
    buf_done(&text);
}
END_TEST

START_TEST(test_bytes)
{
    static char large[GIN_MAX_BYTES];
    const char *const files[] = { "run/b.gin", large, NULL };

    memset(large, '#', sizeof large - 1);
    refuse("include 'b.gin'\ninclude 'b.gin'\ninclude 'b.gin'\n"
           "include 'b.gin'\ninclude 'b.gin'\n",
           files, "have more than 4194304 bytes");
}
END_TEST

/* What is known of flaxformer's files, and where their lines are. */
START_TEST(test_known)
{
    const struct gin_binding *b;
    const struct gin_include *includes;
    struct gin *g = NULL;
    struct error err = { 0 };
    size_t count = 0;

    ck_ok(load("include 'flaxformer/t5x/configs/moe/models/switch_large.gin'\n"
               "NUM_EXPERTS = 4\n",
               NULL, NULL, &g, &err),
          &err);
    includes = gin_includes(g, &count);
    ck_assert_uint_eq(count, 4);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(includes[i].origin, GIN_KNOWN);
    b = gin_find_macro(g, "NUM_HEADS");
    ck_assert_int_eq(b->value.integer, 16);
    ck_assert_str_eq(b->file,
                     "flaxformer/t5x/configs/moe/models/switch_large.gin");
    ck_assert_uint_eq(b->line, 17);
    b = gin_find_macro(g, "NUM_EXPERTS");
    ck_assert_int_eq(b->value.integer, 4);
    ck_assert_str_eq(b->file, "main.gin");
    ck_assert_uint_eq(b->line, 2);
    gin_free(g);
}
END_TEST

#define DYNAMIC "from __gin__ import dynamic_registration\n"

static const struct {
    const char *text;
    const char *want;
} counted[] = {
    /* the last one counts, in the place of the first */
    { "f.a = 1\nf.b = 2\nf.a = 3", "f.a=3 f.b=2" },
    { "f.a = 1\ns/f.a = 2\nf:\n  a = 4", "f.a=4 s/f.a=2" },
    { "A = 1\ns/A = 2\nA/macro.value = 3", "A=3 s/A=2" },
    /* ends of one name */
    { "MlpBlock.a = 1\ndense.MlpBlock.a = 2", "dense.MlpBlock.a=2" },
    { "dense.MlpBlock.a = 1\nMlpBlock.a = 2", "MlpBlock.a=2" },
    { "c.b.F.x = 1\nb.F.x = 2\nF.x = 3", "F.x=3" },
    { "a.F.x = 1\nF.x = 2\nb.F.x = 3", "a.F.x=1 F.x=2 b.F.x=3" },
    { "F.x = 1\naF.x = 2", "F.x=1 aF.x=2" },
    { "d.c.F.x = 1\nc.F.x = 2\nb.F.x = 3\nF.x = 4", "c.F.x=2 b.F.x=3 F.x=4" },
    /* imports */
    { DYNAMIC "from p.q import dense\nimport p.q.dense as d\n"
              "dense.F.x = 1\nd.F.x = 2",
      "d.F.x=2" },
    { DYNAMIC "import p\np.q.F.x = 1\nfrom p import q\nq.F.x = 2", "q.F.x=2" },
    { DYNAMIC "from p import m\nfrom q import n\nm.F.x = 1\nn.F.x = 2",
      "m.F.x=1 n.F.x=2" },
    { DYNAMIC "from p import m\nm.F.x = 1\nfrom q import m\nm.F.x = 2",
      "p.m.F.x=1 q.m.F.x=2" },
    { "from p import m\nm.F.x = 1\nfrom q import m\nm.F.x = 2", "m.F.x=2" },
    { DYNAMIC "from a import b\nb.F.x = 1\nimport b as c\nc.F.x = 2",
      "b.F.x=1 c.F.x=2" }, /* complete names, one the other's end */
};

START_TEST(test_counted)
{
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        const char *text = counted[i].text;
        struct gin *g = NULL;
        struct error err = { 0 };

        ck_ok(gin_parse(text, strlen(text), "m.gin", &g, &err), &err);
        check_effective(g, counted[i].want);
        gin_free(g);
    }
}
END_TEST

START_TEST(test_imports_are_each_files_own)
{
    static const char *const files[] = { "run/b.gin",
                                         DYNAMIC "from q import m\nm.F.x = 2",
                                         NULL };
    struct gin *g = NULL;
    struct error err = { 0 };

    ck_ok(load(DYNAMIC "from p import m\nm.F.x = 1\ninclude 'b.gin'\n"
                       "m.F.x = 3",
               files, NULL, &g, &err),
          &err);
    check_effective(g, "p.m.F.x=3 q.m.F.x=2");
    gin_free(g);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_loaded,
        test_missing,
        test_circles,
        test_errors_name_the_file,
        test_depth,
        test_number_of_files,
        test_number_of_missing_files,
        test_bytes,
        test_known,
        test_counted,
        test_imports_are_each_files_own,
    };

    return unit_run("gin_load", tests, sizeof tests / sizeof *tests);
}
