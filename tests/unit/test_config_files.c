/*
 * model/config_json.c and what leads to it: the folders of
 * tests/fixtures/config hold what transformers itself writes for an input.
 */
#include "unit.h"

#include <dirent.h>

#include "base/json.h"
#include "fake_checkpoint.h"
#include "model/model.h"
#include "model/pyvalue.h"

struct text {
    char *data; /* NULL: there is no such file */
    size_t len;
};

static struct text read_text(const char *folder, const char *name)
{
    const char *srcdir = getenv("srcdir");
    struct text t = { NULL, 0 };
    char path[512];
    long len;
    FILE *f;

    snprintf(path, sizeof path, "%s/tests/fixtures/config/%s/%s",
             srcdir ? srcdir : ".", folder, name);
    f = fopen(path, "rb");
    if (!f)
        return t;
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    len = ftell(f);
    ck_assert_int_ge(len, 0);
    rewind(f);
    t.data = calloc(1, (size_t)len + 1);
    t.len = fread(t.data, 1, (size_t)len, f);
    ck_assert_uint_eq(t.len, (size_t)len);
    fclose(f);
    return t;
}

/* Every member of want is in got, and equal as Python sees it. */
static void compare_members(const char *folder, const char *want,
                            const char *got)
{
    json_t *a = json_loads(want, 0, NULL);
    json_t *b = json_loads(got, 0, NULL);
    const char *key;
    json_t *value;

    ck_assert(a && b);
    json_object_foreach (a, key, value) {
        if (strcmp(key, "transformers_version") != 0)
            ck_assert_msg(json_object_get(b, key) &&
                              py_equal(value, json_object_get(b, key)),
                          "%s: %s", folder, key);
    }
    ck_assert_ptr_null(json_object_get(b, "transformers_version"));
    ck_assert_int_eq(
        json_integer_value(json_object_get(b, "decoder_start_token_id")), 0);
    json_decref(a);
    json_decref(b);
}

/* Both files of the model against the folder's. */
static void check_files(const char *folder, const struct model *m,
                        enum model_compat compat)
{
    struct text config = read_text(folder, "config.json");
    struct text generation = read_text(folder, "generation_config.json");
    struct buf b = BUF_INIT(1 << 20);
    struct buf g = BUF_INIT(1 << 20);

    ck_assert_msg(config.data && generation.data, "%s", folder);
    model_write_config(m, "float32", &b);
    model_write_generation_config(m, &g);
    if (compat == MODEL_REFERENCE) {
        ck_assert_msg(strcmp(buf_str(&b), config.data) == 0, "%s: %s", folder,
                      buf_str(&b));
        ck_assert_msg(strcmp(buf_str(&g), generation.data) == 0, "%s: %s",
                      folder, buf_str(&g));
    } else if (strcmp(folder, "gin-gelu") != 0) {
        compare_members(folder, config.data, buf_str(&b));
        compare_members(folder, generation.data, buf_str(&g));
    }
    buf_done(&b);
    buf_done(&g);
    free(config.data);
    free(generation.data);
}

static void run_folder(const char *folder, enum model_compat compat)
{
    struct text config = read_text(folder, "in.json");
    struct text gin = read_text(folder, "model.gin");
    struct model_options o = {
        .compat = compat,
        .gin = gin.data,
        .gin_len = gin.len,
        .gin_name = "model.gin",
        .config = config.data,
        .config_len = config.len,
        .config_name = "config.json",
        .num_experts = gin.data ? 4 : 0,
    };
    struct fake_model f = FAKE_TINY;
    struct checkpoint *c;
    struct model *m = NULL;
    struct error err;
    int rc;

    f.vocab = gin.data ? 32128 : 64; /* the reference doesn't read it there */
    c = fake_model_new(f);
    rc = model_build(c, &o, &m, &err);
    ck_assert_msg(rc == 0, "%s: %s", folder, rc ? err.text : "");
    check_files(folder, m, compat);
    model_free(m);
    fake_free(c);
    free(config.data);
    free(gin.data);
}

static int each_folder(void (*visit)(const char *folder))
{
    const char *srcdir = getenv("srcdir");
    struct dirent *entry;
    char path[512];
    int count = 0;
    DIR *dir;

    snprintf(path, sizeof path, "%s/tests/fixtures/config",
             srcdir ? srcdir : ".");
    dir = opendir(path);
    ck_assert_msg(dir != NULL, "%s", path);
    for (entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        visit(entry->d_name);
        count++;
    }
    closedir(dir);
    return count;
}

static void visit_reference(const char *folder)
{
    run_folder(folder, MODEL_REFERENCE);
}

static void visit_right(const char *folder)
{
    if (strncmp(folder, "reference-", strlen("reference-")) != 0)
        run_folder(folder, MODEL_RIGHT);
}

START_TEST(test_reference_files)
{
    ck_assert_int_ge(each_folder(visit_reference), 25);
}
END_TEST

START_TEST(test_right_members)
{
    ck_assert_int_ge(each_folder(visit_right), 20);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_reference_files, test_right_members };

    return unit_run("config_files", tests, sizeof tests / sizeof tests[0]);
}
