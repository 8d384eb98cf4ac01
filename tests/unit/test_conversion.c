/*
 * conversion.c: options by name, texts, and what is refused before any work.
 */
#include "unit.h"

#include "base/file.h"
#include "conversion.h"
#include "folder_fixture.h"
#include "records.h"
#include "store/unpack.h"

START_TEST(test_options)
{
    static const struct {
        const char *name;
        const char *value;
        const char *word; /* of the error; NULL: it is taken */
    } cases[] = {
        { "num_experts", "8", NULL },
        { "num_experts", "0", "num_experts" },
        { "num_experts", "eight", "eight" },
        { "dtype", "bfloat16", NULL },
        { "dtype", "source", NULL },
        { "dtype", "Float32", "Float32" },
        { "max_shard_size", "500KB", NULL },
        { "max_shard_size", "0", "max_shard_size" },
        { "compat", "reference", NULL },
        { "compat", "none", NULL },
        { "compat", "yes", "yes" },
        { "allow_missing_chunks", "true", NULL },
        { "allow_missing_chunks", "maybe", "maybe" },
        { "verify", "true", NULL },
        { "verify", "twice", "twice" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request r;
        struct error err;
        bool known = false;
        int rc;

        request_init(&r);
        rc = request_set(&r, cases[i].name, cases[i].value, &known, &err);
        ck_assert(known);
        ck_assert_int_eq(rc, cases[i].word ? ERR_USAGE : 0);
        if (cases[i].word)
            ck_assert_ptr_nonnull(strstr(err.text, cases[i].word));
        request_done(&r);
    }
}
END_TEST

START_TEST(test_defaults_and_values)
{
    struct request r;
    struct error err;
    bool known = true;

    request_init(&r);
    ck_assert_int_eq(r.dtype, DTYPE_F32);
    ck_ok(request_set(&r, "colour", "blue", &known, &err), &err);
    ck_assert(!known);
    ck_ok(request_set(&r, "dtype", "source", &known, &err), &err);
    ck_assert_int_eq(r.dtype, DTYPE_NONE);
    ck_ok(request_set(&r, "max_shard_size", "5GB", &known, &err), &err);
    ck_assert_uint_eq(r.max_shard_size, 5000000000);
    ck_ok(request_set_gin(&r, "a.gin", "X = 1", 5, &err), &err);
    ck_ok(request_set_gin(&r, "b.gin", "Y = 2\n", 6, &err), &err);
    ck_assert_str_eq(r.gin_name, "b.gin");
    ck_assert_uint_eq(r.gin.len, 6);
    request_done(&r);
    ck_assert_ptr_null(r.gin_name);
}
END_TEST

START_TEST(test_large_text)
{
    static const char text[8 << 20];
    struct request r;
    struct error err;

    request_init(&r);
    ck_fails(request_set_config(&r, "c.json", text, sizeof text, &err), &err,
             ERR_LIMIT, "c.json");
    ck_assert_ptr_null(r.config_name);
    request_done(&r);
}
END_TEST

static struct checkpoint *open_fixture(void)
{
    struct records records;
    struct checkpoint *c = NULL;
    struct error err;

    records_load(&records, "t5x");
    ck_ok(checkpoint_open_steal(records_store(&records, "specs"), "", &c, &err),
          &err);
    records_done(&records);
    return c;
}

/* What fails frees the checkpoint that was handed over, and sets nothing. */
START_TEST(test_refusals)
{
    struct conversion c = { NULL, NULL, NULL };
    struct request r;
    struct error err;

    request_init(&r);
    ck_fails(conversion_plan(open_fixture(), &r, &c, &err), &err, ERR_MODEL,
             "");
    r.compat = MODEL_REFERENCE;
    ck_fails(conversion_plan(open_fixture(), &r, &c, &err), &err, ERR_USAGE,
             "gin file or a config.json");
    r.dtype = DTYPE_BF16;
    ck_fails(conversion_plan(open_fixture(), &r, &c, &err), &err, ERR_USAGE,
             "float32 only");
    ck_assert_ptr_null(c.checkpoint);
    request_done(&r);
}
END_TEST

/* Unpacks the bundled sample into folder, and plans its conversion. */
static void plan_sample(const char *folder, const struct request *r,
                        struct conversion *c)
{
    const struct intake_limits limits = { .bytes = 1 << 24,
                                          .entries = 1000,
                                          .path = 200 };
    const char *srcdir = getenv("srcdir");
    struct buf bytes = BUF_INIT(1 << 20);
    struct checkpoint *checkpoint = NULL;
    struct intake *in = NULL;
    struct unpack *un = NULL;
    struct error err;
    char path[512];

    snprintf(path, sizeof path, "%s/tests/sample/switch-tiny.tar.gz",
             srcdir ? srcdir : ".");
    ck_ok(file_read(path, &bytes, &err), &err);
    ck_ok(intake_open(folder, &limits, &in, &err), &err);
    ck_ok(unpack_new(in, &un, &err), &err);
    ck_ok(unpack_feed(un, bytes.data, bytes.len, &err), &err);
    ck_ok(unpack_finish(un, &err), &err);
    unpack_free(un);
    intake_free(in);
    buf_done(&bytes);
    ck_ok(checkpoint_open_path(folder, &checkpoint, &err), &err);
    ck_ok(conversion_plan(checkpoint, r, c, &err), &err);
}

/* A sink in memory whose file reads otherwise than it was written. */
static struct sink_ops lying_ops;
static int (*honest_reread)(struct sink *s, struct store **out,
                            struct error *err);

static int lying_reread(struct sink *s, struct store **out, struct error *err)
{
    static const char name[] = "model.safetensors";
    size_t len = 0;
    const unsigned char *data = sink_memory_file(s, name, &len);
    unsigned char *copy = malloc(len);
    int rc = honest_reread(s, out, err);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, len);
    copy[len - 1] ^= 1;
    if (!rc)
        rc = store_memory_put(*out, name, copy, len, err);
    free(copy);
    return rc;
}

START_TEST(test_verify)
{
    const struct convert_options o = { .threads = 2 };
    struct conversion c = { NULL, NULL, NULL };
    char folder[256];
    struct request r;
    struct error err;

    folder_make(folder);
    request_init(&r);
    plan_sample(folder, &r, &c);
    for (int lies = 0; lies < 2; lies++)
        for (int verify = 0; verify < 2; verify++) {
            struct convert_report report;
            struct sink *s = NULL;
            int rc;

            ck_ok(sink_memory_new(&s, &err), &err);
            lying_ops = *s->ops;
            honest_reread = lying_ops.reread;
            lying_ops.reread = lying_reread;
            if (lies)
                s->ops = &lying_ops;
            r.verify = verify != 0;
            rc = conversion_run(&c, &r, s, &o, &report, &err);
            ck_assert_int_eq(rc, lies && verify ? ERR_DIFFERENT : 0);
            ck_assert_int_eq(sink_memory_published(s), rc == 0);
            sink_free(s);
        }
    conversion_done(&c);
    request_done(&r);
    folder_remove(folder);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_options, test_defaults_and_values,
                                   test_large_text, test_refusals,
                                   test_verify };

    return unit_run("conversion", tests, sizeof tests / sizeof *tests);
}
