/*
 * convert.c, schedule.c: whatever the grid, the dtypes, the threads and the
 * memory, the files hold what an element-by-element conversion gives.
 */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "convert.h"
#include "fake.h"
#include "tensor/kernel.h"

static struct fake_plan fake;

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Converts into memory and compares all files, counts and reads. */
static void check_run(struct convert_options o)
{
    struct convert_progress progress = { .bytes_total = 0 };
    struct convert_report report = { .overflowed = 99 };
    struct sink *s = NULL;
    struct error err;
    uint64_t overflowed = 0;
    uint64_t chunks = 0;
    size_t len = 0;

    o.progress = &progress;
    ck_ok(sink_memory_new(&s, &err), &err);
    ck_ok(convert_run(&fake.plan, s, &o, &report, &err), &err);
    for (size_t i = 0; i < fake.plan.file_count; i++) {
        unsigned char *want = fake_expect(&fake, i, &overflowed);
        const unsigned char *got =
            sink_memory_file(s, fake.files[i].name, &len);

        ck_assert_ptr_nonnull(got);
        ck_assert_uint_eq(len, fake.files[i].size);
        ck_assert_msg(!memcmp(want, got, len), "file %zu differs", i);
        free(want);
    }
    for (size_t a = 0; a < fake.checkpoint.count; a++) {
        uint64_t n = array_chunks(fake.arrays[a]);
        bool *wanted = calloc((size_t)n + 1, sizeof *wanted);

        ck_assert_ptr_nonnull(wanted);
        chunks += fake_wanted(&fake, a, wanted);
        for (uint64_t c = 0; c < n; c++)
            ck_assert_uint_eq(atomic_exchange(&fake.fakes[a].reads[c], 0),
                              wanted[c]);
        free(wanted);
    }
    ck_assert_uint_eq(report.overflowed, overflowed);
    ck_assert_int_eq(report.overflow_tensor[0] != '\0', overflowed > 0);
    ck_assert_uint_eq(progress.chunks_total, chunks);
    ck_assert_uint_eq(progress.chunks_done, chunks);
    ck_assert_uint_eq(progress.bytes_total, fake.plan.bytes);
    ck_assert_uint_eq(progress.bytes_done, fake.plan.bytes);
    sink_free(s);
}

START_TEST(test_random_grids)
{
    for (int round = 0; round < 600; round++) {
        struct convert_options o = {
            .threads = (unsigned)(1 + fake_below(4)),
            .memory = fake_below(2) ? 1 + fake_below(20000) : 0,
        };
        size_t n = fake_below(5);

        fake_plan_init(&fake);
        for (size_t i = 0; i < n; i++)
            fake_add_random_array(&fake);
        fake_finish(&fake, 1 + fake_below(3));
        check_run(o);
        fake_plan_done(&fake);
    }
}
END_TEST

START_TEST(test_every_pair_of_dtypes)
{
    const uint64_t shape[] = { 3, 37, 23 };
    const uint64_t chunk[] = { 2, 16, 23 };
    const struct convert_options o = { .threads = 2 };

    for (int from = DTYPE_NONE + 1; from < DTYPE_COUNT; from++) {
        fake_plan_init(&fake);
        fake_add_array(&fake, (enum dtype)from, 3, shape, chunk);
        for (int to = DTYPE_NONE + 1; to < DTYPE_COUNT; to++)
            for (int transpose = 0; transpose < 2; transpose++)
                if (kernel_can_cast((enum dtype)from, (enum dtype)to))
                    fake_add_tensor(&fake, to % 3, transpose, (enum dtype)to);
        fake_finish(&fake, 1);
        check_run(o);
        fake_plan_done(&fake);
    }
}
END_TEST

/* Larger than a band, in each direction, in one chunk and in several. */
START_TEST(test_bands)
{
    const uint64_t shape[] = { 1100, 1300 };
    const uint64_t chunks[][2] = { { 1100, 1300 },
                                   { 1100, 700 },
                                   { 600, 1300 } };
    const uint64_t longest[] = { 1200007 };
    const struct convert_options o = { .threads = 2 };

    fake_plan_init(&fake);
    for (size_t i = 0; i < COUNT(chunks); i++) {
        fake_add_array(&fake, DTYPE_F32, 2, shape, chunks[i]);
        fake_add_tensor(&fake, -1, true, DTYPE_F32);
        fake_add_tensor(&fake, -1, false, DTYPE_F32);
        fake_add_tensor(&fake, -1, i == 0, DTYPE_BF16);
    }
    fake_add_array(&fake, DTYPE_BF16, 1, longest, longest);
    fake_add_tensor(&fake, -1, false, DTYPE_F32);
    fake_add_tensor(&fake, -1, false, DTYPE_BF16);
    fake_finish(&fake, 2);
    check_run(o);
    fake_plan_done(&fake);
}
END_TEST

/* A sink that counts writes, keeps nothing, and fails when told to. */
struct counter {
    struct sink base;
    atomic_uint writes;
    unsigned fail_at;
    uint64_t room;
};

static int counter_require(struct sink *s, uint64_t total, struct error *err)
{
    if (total > ((struct counter *)s)->room)
        return error_set(err, ERR_SPACE, "no room");
    return 0;
}

static int counter_create(struct sink *s, const char *name, uint64_t size,
                          struct sink_file **out, struct error *err)
{
    (void)s;
    (void)name;
    (void)size;
    *out = calloc(1, sizeof **out);
    return *out ? 0 : error_memory(err);
}

static int counter_write(struct sink_file *f, uint64_t offset, const void *data,
                         size_t len, struct error *err)
{
    struct counter *c = (struct counter *)f->sink;

    (void)offset;
    (void)data;
    (void)len;
    if (atomic_fetch_add(&c->writes, 1) + 1 == c->fail_at)
        return error_set(err, ERR_WRITE, "the disk broke");
    return 0;
}

static int counter_close(struct sink_file *f, struct error *err)
{
    (void)err;
    free(f);
    return 0;
}

static void counter_drop(struct sink_file *f)
{
    free(f);
}

static void counter_free(struct sink *s)
{
    (void)s;
}

static const struct sink_ops counter_ops = {
    .require = counter_require,
    .create = counter_create,
    .write = counter_write,
    .close = counter_close,
    .drop = counter_drop,
    .free = counter_free,
};

static int run_counted(struct counter *c, struct convert_options o,
                       struct error *err)
{
    int rc;

    c->base.ops = &counter_ops;
    if (c->room == 0)
        c->room = UINT64_MAX;
    rc = convert_run(&fake.plan, &c->base, &o, NULL, err);
    sink_free(&c->base);
    return rc;
}

/* How long the written stretches are: writes beside the two heads. */
START_TEST(test_number_of_writes)
{
    static const struct {
        uint64_t chunk[3];
        bool transpose;
        enum dtype dtype;
        uint64_t memory;
        unsigned writes;
    } cases[] = {
        /* whole slices */
        { { 2, 20, 30 }, true, DTYPE_F32, 0, 4 },
        { { 1, 20, 30 }, false, DTYPE_F32, 0, 4 },
        { { 4, 20, 30 }, false, DTYPE_BF16, 0, 4 },
        /* a chunk is a band of rows of the tensor */
        { { 4, 5, 30 }, false, DTYPE_F32, 0, 16 },
        { { 4, 20, 10 }, true, DTYPE_F32, 0, 12 },
        /* chunks that are put together */
        { { 4, 20, 10 }, false, DTYPE_F32, 0, 4 },
        { { 4, 5, 30 }, true, DTYPE_F32, 0, 4 },
        { { 4, 5, 10 }, true, DTYPE_BF16, 0, 12 },
        /* no memory to put them together: row by row */
        { { 4, 5, 30 }, true, DTYPE_F32, 1, 480 },
        { { 4, 20, 10 }, false, DTYPE_F32, 1, 240 },
        /* chunks of 2,400 bytes; room to keep one, to put two together */
        { { 4, 5, 30 }, true, DTYPE_F32, (4 << 20) + 7300, 240 },
    };
    const uint64_t shape[] = { 4, 20, 30 };
    struct error err;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct counter c = { .fail_at = 0 };
        const struct convert_options o = { .threads = 1,
                                           .memory = cases[i].memory };

        fake_plan_init(&fake);
        fake_add_array(&fake, DTYPE_F32, 3, shape, cases[i].chunk);
        for (int64_t e = 0; e < 4; e++)
            fake_add_tensor(&fake, e, cases[i].transpose, cases[i].dtype);
        fake_finish(&fake, 1);
        ck_ok(run_counted(&c, o, &err), &err);
        ck_assert_msg(c.writes == cases[i].writes + 2, "case %zu: %u writes", i,
                      c.writes - 2);
        fake_plan_done(&fake);
    }
}
END_TEST

/* Many small chunks of one array, for what goes wrong on the way. */
static struct fake *make_chunky(void)
{
    const uint64_t shape[] = { 400, 5 };
    const uint64_t chunk[] = { 1, 5 };
    struct fake *a;

    fake_plan_init(&fake);
    a = fake_add_array(&fake, DTYPE_F32, 2, shape, chunk);
    fake_add_tensor(&fake, -1, false, DTYPE_F32);
    fake_finish(&fake, 1);
    return a;
}

static unsigned reads_of(const struct fake *a)
{
    unsigned n = 0;

    for (uint64_t i = 0; i < array_chunks(&a->base); i++)
        n += atomic_load(&a->reads[i]);
    return n;
}

START_TEST(test_first_error_wins)
{
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct counter c = { .fail_at = 0 };
        struct fake *a = make_chunky();
        struct error err;

        a->fails = 7;
        ck_fails(run_counted(&c, (struct convert_options){ .threads = threads },
                             &err),
                 &err, ERR_CHUNK, "chunk 7 of a0");
        /* How soon several threads stop is up to the scheduler. */
        ck_assert(threads > 1 || reads_of(a) == 8);
        ck_assert_int_eq(
            run_counted(&c, (struct convert_options){ .threads = threads },
                        NULL),
            ERR_CHUNK);
        fake_plan_done(&fake);
    }
}
END_TEST

START_TEST(test_failed_write)
{
    struct counter c = { .fail_at = 20 };
    struct counter full = { .room = 10 };
    struct counter head = { .fail_at = 1 };
    struct fake *a = make_chunky();
    struct error err;
    const struct convert_options o = { .threads = 1 };

    ck_fails(run_counted(&c, o, &err), &err, ERR_WRITE, "broke");
    /* Two of the writes are the heads of files. */
    ck_assert_uint_eq(reads_of(a), 18);
    memset(a->reads, 0, 400 * sizeof *a->reads);
    ck_fails(run_counted(&full, o, &err), &err, ERR_SPACE, "no room");
    ck_fails(run_counted(&head, o, &err), &err, ERR_WRITE, "broke");
    ck_assert_uint_eq(reads_of(a), 0);
    fake_plan_done(&fake);
}
END_TEST

START_TEST(test_cancel)
{
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct convert_progress progress = { .cancel = false };
        struct counter c = { .fail_at = 0 };
        struct fake *a = make_chunky();
        struct error err;
        const struct convert_options o = { .threads = threads,
                                           .progress = &progress };

        a->cancel = &progress.cancel;
        ck_fails(run_counted(&c, o, &err), &err, ERR_CANCELLED, "cancelled");
        ck_assert_uint_le(reads_of(a), threads);
        ck_assert_uint_eq(progress.bytes_done, 0);
        fake_plan_done(&fake);
    }
}
END_TEST

START_TEST(test_missing_chunks)
{
    struct counter c = { .fail_at = 0 };
    struct convert_report report = { .missing_chunks = 99 };
    struct convert_options o = { .threads = 2 };
    struct sink *s = NULL;
    struct fake *a = make_chunky();
    struct error err;

    a->absent = 11;
    ck_fails(run_counted(&c, o, &err), &err, ERR_CHUNK_MISSING, "a0");
    memset(a->reads, 0, 400 * sizeof *a->reads);
    o.allow_missing_chunks = true;
    check_run(o);
    ck_ok(sink_memory_new(&s, &err), &err);
    ck_ok(convert_run(&fake.plan, s, &o, &report, &err), &err);
    ck_assert_uint_eq(report.missing_chunks, 1);
    ck_assert_uint_eq(report.overflowed, 0);
    ck_assert_str_eq(report.overflow_tensor, "");
    sink_free(s);
    fake_plan_done(&fake);
}
END_TEST

/* The first in the order of the plan, whichever thread came first. */
START_TEST(test_overflow_names_the_first_tensor)
{
    const uint64_t shape[] = { 10, 10 };
    const uint64_t chunk[] = { 10, 10 };
    const struct convert_options o = { .threads = 3 };
    struct convert_report report;
    struct sink *s = NULL;
    struct error err;

    fake_plan_init(&fake);
    for (int i = 0; i < 10; i++) {
        fake_add_array(&fake, DTYPE_F32, 2, shape, chunk);
        fake_add_tensor(&fake, -1, false, i < 3 ? DTYPE_F32 : DTYPE_F16);
    }
    fake_finish(&fake, 1);
    ck_ok(sink_memory_new(&s, &err), &err);
    ck_ok(convert_run(&fake.plan, s, &o, &report, &err), &err);
    ck_assert_uint_gt(report.overflowed, 0);
    ck_assert_str_eq(report.overflow_tensor, "t3");
    sink_free(s);
    fake_plan_done(&fake);
}
END_TEST

/* Chunks of 160,000 bytes: with memory for one task, one is read at a time. */
START_TEST(test_memory_bounds_what_is_in_flight)
{
    const uint64_t shape[] = { 2000, 200 };
    const uint64_t chunk[] = { 200, 200 };
    atomic_uint now = 0;
    atomic_uint together = 0;
    struct fake *a;

    fake_plan_init(&fake);
    a = fake_add_array(&fake, DTYPE_F32, 2, shape, chunk);
    a->now = &now;
    a->together = &together;
    fake_add_tensor(&fake, -1, false, DTYPE_F32);
    fake_finish(&fake, 1);
    check_run((struct convert_options){ .threads = 4, .memory = 6 << 20 });
    ck_assert_uint_eq(together, 1);
    check_run((struct convert_options){ .threads = 4, .memory = 10 << 20 });
    ck_assert_uint_le(together, 2);
    fake_plan_done(&fake);
}
END_TEST

START_TEST(test_plans_that_contradict_themselves)
{
    const uint64_t shape[] = { 3, 4, 5, 6 };
    struct error err;

    for (int i = 0; i < 7; i++) {
        struct counter c = { .fail_at = 0 };
        struct plan_tensor *t = &fake.tensors[0];

        fake_plan_init(&fake);
        fake_add_array(&fake, DTYPE_F32, i == 6 ? 4 : 3, shape, shape);
        fake_add_tensor(&fake, i == 0 ? 3 : i == 1 ? -1 : 2, false, DTYPE_F32);
        fake_finish(&fake, 1);
        if (i == 2)
            t->bytes--;
        if (i == 3)
            t->offset += 1;
        if (i == 4)
            t->dtype = DTYPE_I32;
        if (i == 5)
            t->file = 9;
        ck_fails(
            run_counted(&c, (struct convert_options){ .threads = 1 }, &err),
            &err, i == 6 ? ERR_SHAPE : ERR_INTERNAL, "a0");
        ck_assert_uint_eq(c.writes, 0);
        fake_plan_done(&fake);
    }
}
END_TEST

/* Memory is bounded by a setting, whatever the metadata claims. */
START_TEST(test_chunk_beyond_all_budgets)
{
    const uint64_t shape[2] = { 3 << 20, 256 };
    const struct convert_options o = { .threads = 1, .memory = 512 << 20 };
    struct sink *sink = NULL;
    struct fake_plan f;
    struct error err;

    fake_plan_init(&f);
    fake_add_array(&f, DTYPE_F32, 2, shape, shape);
    fake_add_tensor(&f, -1, false, DTYPE_F32);
    fake_finish(&f, 1);
    ck_ok(sink_memory_new(&sink, &err), &err);
    ck_fails(convert_run(&f.plan, sink, &o, NULL, &err), &err, ERR_LIMIT,
             "memory budget");
    ck_assert_str_eq(err.actual, "3221225472 bytes");
    sink_free(sink);
    fake_plan_done(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_chunk_beyond_all_budgets,
        test_random_grids,
        test_every_pair_of_dtypes,
        test_bands,
        test_number_of_writes,
        test_first_error_wins,
        test_failed_write,
        test_cancel,
        test_missing_chunks,
        test_overflow_names_the_first_tensor,
        test_memory_bounds_what_is_in_flight,
        test_plans_that_contradict_themselves,
    };

    return unit_run("convert", tests, COUNT(tests));
}
