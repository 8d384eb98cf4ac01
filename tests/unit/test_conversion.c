/*
 * conversion.c: options by name, texts, and what is refused before any work.
 */
#include "unit.h"

#include "conversion.h"
#include "records.h"

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

int main(void)
{
    const TTest *const tests[] = { test_options, test_defaults_and_values,
                                   test_large_text, test_refusals };

    return unit_run("conversion", tests, sizeof tests / sizeof *tests);
}
