/*
 * share_plan.c, fingerprint.c: the shares of a plan, converted by themselves,
 * are all of it; and plans that differ in anything have other fingerprints.
 * What processes do with a folder is in ../e2e/test_shards.py.
 */
#include "unit.h"

#include "convert.h"
#include "fake.h"
#include "fingerprint.h"
#include "share_plan.h"

enum { FILES = 6 };

static struct fake_plan fake;

static void make_random_plan(void)
{
    size_t n = 1 + fake_below(5);

    fake_plan_init(&fake);
    for (size_t i = 0; i < n; i++)
        fake_add_random_array(&fake);
    fake_finish(&fake, 1 + fake_below(FILES));
}

/* Converts the files of a share and compares them; returns how many. */
static size_t check_share(const uint32_t *share, uint32_t number)
{
    const struct convert_options o = { .threads = 2 };
    bool marked[FILES + 1] = { false };
    struct plan *part = NULL;
    struct sink *s = NULL;
    struct error err;
    uint64_t overflowed = 0;
    size_t n = 0;
    size_t len = 0;

    for (size_t i = 0; i < fake.plan.file_count; i++)
        marked[i] = share[i] == number;
    ck_ok(share_plan_make(&fake.plan, marked, &part, &err), &err);
    ck_ok(sink_memory_new(&s, &err), &err);
    ck_ok(convert_run(part, s, &o, NULL, &err), &err);
    for (size_t i = 0; i < fake.plan.file_count; i++) {
        const unsigned char *got =
            sink_memory_file(s, fake.files[i].name, &len);
        unsigned char *want = fake_expect(&fake, i, &overflowed);

        ck_assert_int_eq(got != NULL, marked[i]);
        if (got) {
            ck_assert_uint_eq(len, fake.files[i].size);
            ck_assert(!memcmp(got, want, len));
            n++;
        }
        free(want);
    }
    sink_free(s);
    share_plan_free(part);
    return n;
}

START_TEST(test_shares_are_all_of_it)
{
    for (int round = 0; round < 100; round++) {
        uint32_t share[FILES + 1];
        uint32_t count = (uint32_t)(1 + fake_below(8));
        struct error err;
        size_t with_tensors = 0;
        size_t n = 0;

        make_random_plan();
        ck_ok(share_deal(&fake.plan, count, share, &err), &err);
        for (size_t i = 0; i < fake.plan.file_count; i++) {
            with_tensors += fake.files[i].tensor_count > 0;
            ck_assert_int_eq(share[i] == UINT32_MAX,
                             fake.files[i].tensor_count == 0);
        }
        for (uint32_t i = 0; i < count; i++)
            n += check_share(share, i);
        ck_assert_uint_eq(n, with_tensors);
        fake_plan_done(&fake);
    }
}
END_TEST

/* Files of 50, 40, 30, 30, 30 and 20: two shares of 100. */
START_TEST(test_balance)
{
    static const uint64_t sizes[] = { 30, 50, 20, 30, 40, 30 };
    uint64_t bytes[2] = { 0, 0 };
    struct plan_file files[6] = { { .tensor_count = 1 } };
    const struct plan p = { .files = files, .file_count = 6 };
    uint32_t share[6];
    struct error err;

    for (size_t i = 0; i < 6; i++) {
        files[i].tensor_count = 1;
        files[i].size = sizes[i];
    }
    ck_ok(share_deal(&p, 2, share, &err), &err);
    for (size_t i = 0; i < 6; i++)
        bytes[share[i]] += sizes[i];
    ck_assert_uint_eq(bytes[0], 100);
    ck_assert_uint_eq(bytes[1], 100);
}
END_TEST

/* The same each time, but for what is set from outside. */
static void make_plan_once(void)
{
    const uint64_t shape[] = { 4, 6, 8 };
    const uint64_t chunk[] = { 2, 6, 8 };
    const uint64_t small[] = { 5 };

    fake_plan_init(&fake);
    fake_add_array(&fake, DTYPE_F32, 3, shape, chunk);
    fake_add_tensor(&fake, 0, false, DTYPE_F32);
    fake_add_tensor(&fake, 1, false, DTYPE_F32);
    fake_add_array(&fake, DTYPE_F32, 1, small, small);
    fake_add_tensor(&fake, -1, false, DTYPE_F32);
    fake_finish(&fake, 1);
    fake.fakes[0].seed = 1;
    fake.fakes[1].seed = 2;
}

/* The length of the head is random. */
static void make_plan(void)
{
    make_plan_once();
    while (fake.files[0].head.len != 8) {
        fake_plan_done(&fake);
        make_plan_once();
    }
}

START_TEST(test_fingerprints)
{
    char plain[SHA256_HEX + 1];
    char other[SHA256_HEX + 1];
    struct error err;

    make_plan();
    ck_ok(fingerprint_plan(&fake.plan, false, true, plain, &err), &err);
    ck_ok(fingerprint_plan(&fake.plan, false, true, other, &err), &err);
    ck_assert_str_eq(plain, other);
    ck_ok(fingerprint_plan(&fake.plan, true, true, other, &err), &err);
    ck_assert_str_ne(plain, other);
    for (int i = 0; i < 8; i++) {
        fake_plan_done(&fake);
        make_plan();
        fake.fakes[1].seed += i == 0;
        fake.model_tensors[0].expert += i == 1 ? 2 : 0;
        fake.model_tensors[0].transpose = i == 2;
        fake.fakes[0].base.chunk[0] -= i == 3;
        fake.files[0].size += i == 4;
        if (i == 5)
            buf_append(&fake.files[1].head, "!", 1);
        fake.tensors[0].offset += i == 6;
        ck_ok(fingerprint_plan(&fake.plan, false, true, other, &err), &err);
        ck_assert_msg((strcmp(plain, other) == 0) == (i == 7), "change %d", i);
    }
    fake_plan_done(&fake);
    make_plan();
    fake.fakes[1].fails = 0;
    ck_ok(fingerprint_plan(&fake.plan, false, false, other, &err), &err);
    ck_assert_str_ne(plain, other);
    ck_fails(fingerprint_plan(&fake.plan, false, true, other, &err), &err,
             ERR_CHUNK, "a1");
    fake_plan_done(&fake);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_shares_are_all_of_it,
        test_balance,
        test_fingerprints,
    };

    return unit_run("share", tests, sizeof tests / sizeof *tests);
}
