/*
 * stream.c, chunks.c: whatever range is read, in whatever order and by however
 * many threads, the bytes are those of an element-by-element conversion; and
 * chunks are decoded no more often than promised.
 */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>

#include "fake.h"
#include "stream.h"

enum { FILES = 4 };

static struct fake_plan fake;
static struct stream *stream;
static unsigned char *want[FILES];

static void begin(struct stream_options o)
{
    uint64_t overflowed = 0;
    struct error err;

    for (size_t i = 0; i < fake.plan.file_count; i++)
        want[i] = fake_expect(&fake, i, &overflowed);
    ck_ok(stream_open(&fake.plan, &o, &stream, &err), &err);
}

static void end(void)
{
    stream_free(stream);
    for (size_t i = 0; i < fake.plan.file_count; i++)
        free(want[i]);
    fake_plan_done(&fake);
}

/* Reads to an address that is aligned to nothing in particular. */
static void check_range(size_t file, uint64_t offset, size_t len)
{
    unsigned char *memory = malloc(len + 16);
    unsigned char *got = memory + fake_below(16);
    struct error err;

    ck_assert_ptr_nonnull(memory);
    ck_ok(stream_read(stream, file, offset, got, len, &err), &err);
    ck_assert_msg(!memcmp(got, want[file] + offset, len),
                  "[%llu, %llu) of file %zu differs",
                  (unsigned long long)offset, (unsigned long long)offset + len,
                  file);
    free(memory);
}

static void check_random_range(void)
{
    size_t file = fake_below(fake.plan.file_count);
    uint64_t size = fake.files[file].size;
    uint64_t offset = fake_below(size + 1);
    uint64_t most = fake_below(2) ? size : 20;
    uint64_t len =
        fake_below((most < size - offset ? most : size - offset) + 1);

    check_range(file, offset, (size_t)len);
}

/* All files in order, in pieces of at most so many bytes. */
static void check_in_order(uint64_t most)
{
    for (size_t f = 0; f < fake.plan.file_count; f++) {
        uint64_t size = fake.files[f].size;

        stream_expect(stream, f, 0, size);
        for (uint64_t at = 0, len; at < size; at += len) {
            len = 1 + fake_below(most);
            if (len > size - at)
                len = size - at;
            check_range(f, at, (size_t)len);
        }
    }
}

/* How often chunks were read, since this was last asked. */
static uint64_t take_reads(void)
{
    uint64_t n = 0;

    for (size_t a = 0; a < fake.checkpoint.count; a++)
        for (uint64_t c = 0; c < array_chunks(fake.arrays[a]); c++)
            n += atomic_exchange(&fake.fakes[a].reads[c], 0);
    return n;
}

static uint64_t wanted_chunks(void)
{
    uint64_t n = 0;

    for (size_t a = 0; a < fake.checkpoint.count; a++)
        n += fake_wanted(&fake, a, NULL);
    return n;
}

static void make_random_plan(void)
{
    size_t n = fake_below(5);

    fake_plan_init(&fake);
    for (size_t i = 0; i < n; i++)
        fake_add_random_array(&fake);
    fake_finish(&fake, 1 + fake_below(FILES - 1));
}

START_TEST(test_random_ranges)
{
    for (int round = 0; round < 300; round++) {
        make_random_plan();
        begin((struct stream_options){
            .threads = (unsigned)(1 + fake_below(3)),
            .memory = fake_below(2) ? 1 + fake_below(20000) : 0,
        });
        for (int i = 0; i < 20; i++)
            check_random_range();
        check_in_order(1 + fake_below(3000));
        end();
    }
}
END_TEST

START_TEST(test_every_byte_by_itself)
{
    for (int round = 0; round < 5; round++) {
        make_random_plan();
        begin((struct stream_options){ .threads = 1 });
        for (size_t f = 0; f < fake.plan.file_count; f++)
            for (uint64_t i = 0; i < fake.files[f].size; i++)
                check_range(f, i, 1);
        end();
    }
}
END_TEST

/* In order and with room, by several threads: once and no chunk too many. */
START_TEST(test_in_order_decodes_once)
{
    for (int round = 0; round < 100; round++) {
        make_random_plan();
        begin((struct stream_options){ .threads = 3 });
        check_in_order(4000);
        ck_assert_uint_eq(take_reads(), wanted_chunks());
        end();
    }
}
END_TEST

/* Chunks that hold a part of each of 16 experts, in two arrays by turns. */
static void make_shared(const uint64_t chunk[3], bool transpose)
{
    const uint64_t shape[] = { 16, 20, 30 };

    fake_plan_init(&fake);
    for (int i = 0; i < 2; i++) {
        fake_add_array(&fake, DTYPE_F32, 3, shape, chunk);
        for (int64_t e = 0; e < 16; e++)
            fake_add_tensor(&fake, e, transpose, DTYPE_F32);
    }
    fake_finish(&fake, 2);
}

static const struct {
    uint64_t chunk[3];
    bool transpose;
} shared[] = {
    { { 16, 5, 30 }, false }, { { 16, 20, 10 }, false },
    { { 16, 20, 10 }, true }, { { 4, 10, 10 }, true },
    { { 16, 20, 30 }, true }, { { 3, 7, 11 }, false },
};

START_TEST(test_in_order_with_little_memory)
{
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            make_shared(shared[i].chunk, shared[i].transpose);
            begin(
                (struct stream_options){ .threads = threads, .memory = 30000 });
            check_in_order(500);
            /* About twice: some are on their way when the file is made. */
            ck_assert_uint_le(take_reads(), 5 * wanted_chunks() / 2 + 8);
            end();
        }
}
END_TEST

/* Where there is no disk for it, chunks are decoded again. */
START_TEST(test_no_room_for_a_temporary_file)
{
    ck_assert_int_eq(setenv("TMPDIR", "/nonexistent", 1), 0);
    make_shared(shared[0].chunk, shared[0].transpose);
    begin((struct stream_options){ .threads = 2, .memory = 30000 });
    check_in_order(2000);
    ck_assert_uint_gt(take_reads(), 2 * wanted_chunks());
    end();
    unsetenv("TMPDIR");
}
END_TEST

START_TEST(test_a_range_decodes_what_it_needs)
{
    const uint64_t shape[] = { 4, 20, 30 };
    const uint64_t chunk[] = { 2, 10, 10 };
    const struct plan_tensor *t = &fake.tensors[0];

    fake_plan_init(&fake);
    fake_add_array(&fake, DTYPE_F32, 3, shape, chunk);
    fake_add_tensor(&fake, 1, false, DTYPE_F32);
    fake_finish(&fake, 1);
    begin((struct stream_options){ .threads = 2 });
    ck_assert_uint_eq(take_reads(), 0);
    check_range(0, 0, (size_t)t->offset);
    check_range(1, 0, (size_t)fake.files[1].size);
    ck_assert_uint_eq(take_reads(), 0);
    check_range(0, t->offset, 1);
    ck_assert_uint_eq(take_reads(), 1);
    check_range(0, t->offset + 3, 2); /* of two elements in the same chunk */
    ck_assert_uint_eq(take_reads(), 0);
    check_range(0, t->offset, 30 * 4); /* a row lies in three */
    ck_assert_uint_eq(take_reads(), 2);
    end();
}
END_TEST

static void *read_at_random(void *arg)
{
    unsigned *state = arg;
    unsigned char got[600];
    struct error err;

    for (int i = 0; i < 300; i++) {
        size_t file = (size_t)rand_r(state) % fake.plan.file_count;
        uint64_t size = fake.files[file].size;
        uint64_t at = (unsigned)rand_r(state) % (size + 1);
        uint64_t len = (unsigned)rand_r(state) % sizeof got;

        len = len < size - at ? len : size - at;
        if (i % 50 == 0)
            stream_expect(stream, file, at, size - at);
        if (stream_read(stream, file, at, got, (size_t)len, &err) ||
            memcmp(got, want[file] + at, (size_t)len) != 0)
            return arg;
    }
    return NULL;
}

START_TEST(test_parallel_readers)
{
    for (int round = 0; round < 24; round++) {
        unsigned seeds[4] = { 1, 2, 3, 4 };
        pthread_t threads[4];
        void *failed;
        size_t n = sizeof shared / sizeof *shared;

        make_shared(shared[(size_t)round % n].chunk, round % 2);
        begin((struct stream_options){ .threads = 2,
                                       .memory = round % 3 ? 30000 : 0 });
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(
                pthread_create(&threads[i], NULL, read_at_random, &seeds[i]),
                0);
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], &failed);
            ck_assert_ptr_null(failed);
        }
        end();
    }
}
END_TEST

/* A damaged chunk fails where it is needed, each time, and only there. */
START_TEST(test_errors)
{
    const uint64_t shape[] = { 100, 5 };
    const uint64_t chunk[] = { 10, 5 };
    const struct plan_tensor *t = &fake.tensors[0];
    unsigned char got[2000];
    struct fake *a;
    struct error err;

    fake_plan_init(&fake);
    a = fake_add_array(&fake, DTYPE_F32, 2, shape, chunk);
    fake_add_tensor(&fake, -1, false, DTYPE_F32);
    fake_finish(&fake, 1);
    a->fails = 7;
    begin((struct stream_options){ .threads = 2 });
    stream_expect(stream, 0, 0, fake.files[0].size);
    for (int i = 0; i < 2; i++) {
        ck_fails(stream_read(stream, 0, t->offset + 1400, got, 4, &err), &err,
                 ERR_CHUNK, "chunk 7 of a0");
        check_range(0, t->offset + 1200, 200);
        check_range(0, t->offset + 1600, 400);
    }
    ck_fails(stream_read(stream, 0, t->offset, got, 2001, &err), &err,
             ERR_RANGE, "f0");
    end();
}
END_TEST

START_TEST(test_missing_chunks)
{
    const uint64_t shape[] = { 100, 5 };
    const uint64_t chunk[] = { 10, 5 };
    unsigned char got[4];
    struct error err;

    for (int allow = 0; allow < 2; allow++) {
        struct fake *a;

        fake_plan_init(&fake);
        a = fake_add_array(&fake, DTYPE_F32, 2, shape, chunk);
        fake_add_tensor(&fake, -1, false, DTYPE_F32);
        fake_finish(&fake, 1);
        a->absent = 3;
        begin((struct stream_options){ .threads = 2,
                                       .allow_missing_chunks = allow });
        if (allow)
            check_in_order(300);
        else
            ck_fails(stream_read(stream, 0, fake.tensors[0].offset + 600, got,
                                 4, &err),
                     &err, ERR_CHUNK_MISSING, "a0");
        ck_assert_uint_eq(stream_counts(stream).missing_chunks, allow ? 1 : 0);
        end();
    }
}
END_TEST

START_TEST(test_overflows_are_counted)
{
    const uint64_t shape[] = { 40, 50 };
    uint64_t overflowed = 0;

    fake_plan_init(&fake);
    fake_add_array(&fake, DTYPE_F32, 2, shape, shape);
    fake_add_tensor(&fake, -1, true, DTYPE_F16);
    fake_finish(&fake, 1);
    free(fake_expect(&fake, 0, &overflowed));
    begin((struct stream_options){ .threads = 1 });
    check_range(0, 0, (size_t)fake.files[0].size);
    ck_assert_uint_gt(overflowed, 0);
    ck_assert_uint_eq(stream_counts(stream).overflowed, overflowed);
    end();
}
END_TEST

/* Memory is bounded by a setting, whatever the metadata claims. */
START_TEST(test_chunk_beyond_all_budgets)
{
    const uint64_t shape[2] = { 3 << 20, 256 };
    const struct stream_options o = { .threads = 1, .memory = 512 << 20 };
    struct error err;

    fake_plan_init(&fake);
    fake_add_array(&fake, DTYPE_F32, 2, shape, shape);
    fake_add_tensor(&fake, -1, false, DTYPE_F32);
    fake_finish(&fake, 1);
    ck_fails(stream_open(&fake.plan, &o, &stream, &err), &err, ERR_LIMIT,
             "memory budget");
    fake_plan_done(&fake);
}
END_TEST

/* Chunks of 160,000 bytes: what is decoded at a time stays in the budget. */
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
    begin((struct stream_options){ .threads = 4, .memory = 500000 });
    check_in_order(40000);
    ck_assert_uint_eq(together, 1);
    end();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_random_ranges,
        test_every_byte_by_itself,
        test_in_order_decodes_once,
        test_in_order_with_little_memory,
        test_no_room_for_a_temporary_file,
        test_a_range_decodes_what_it_needs,
        test_parallel_readers,
        test_errors,
        test_missing_chunks,
        test_overflows_are_counted,
        test_chunk_beyond_all_budgets,
        test_memory_bounds_what_is_in_flight,
    };

    return unit_run("stream", tests, sizeof tests / sizeof *tests);
}
