/*
 * digest.c and window.c: whole arrays in C order, whatever room there is.
 */
#include "unit.h"

#include <stdio.h>

#include "checkpoint/zarr.h"
#include "digest.h"
#include "fake.h"
#include "records.h"
#include "window.h"

enum { MOST_BYTES = 60000 };

/* A fake array, and the same one as a single chunk. */
static bool add_twins(struct fake_plan *f)
{
    static const enum dtype dtypes[] = { DTYPE_U8, DTYPE_BF16, DTYPE_F32,
                                         DTYPE_C128 };
    uint64_t shape[6], chunk[6];
    enum dtype t = dtypes[fake_below(4)];
    unsigned rank = (unsigned)fake_below(6);
    uint64_t bytes = dtype_info(t)->size;
    struct fake *cut, *whole;

    for (unsigned i = 0; i < rank; i++) {
        shape[i] = 1 + fake_below(12);
        chunk[i] = 1 + fake_below(7);
        bytes *= shape[i];
    }
    if (bytes > MOST_BYTES)
        return false;
    cut = fake_add_array(f, t, rank, shape, chunk);
    whole = fake_add_array(f, t, rank, shape, shape);
    whole->seed = cut->seed;
    return true;
}

static void make_twins(struct fake_plan *f)
{
    fake_plan_init(f);
    while (f->checkpoint.count < FAKE_MAX)
        add_twins(f);
}

/*
 * Reads all windows of a into a buffer to be freed; *count says how many. With
 * spooled set decoded chunks are kept in a file where that makes sense.
 */
static unsigned char *read_windows(const struct array *a, uint64_t room,
                                   bool spooled, struct scratch *s,
                                   unsigned *count)
{
    struct spool *spool = NULL;
    unsigned char *all = malloc(array_bytes(a));
    uint64_t missing = 0;
    size_t at = 0;
    struct window w;
    struct error err;

    ck_assert_ptr_nonnull(all);
    *count = 0;
    window_first(&w, a, room);
    if (spooled && window_decodes(&w) > 1) {
        ck_ok(spool_new(window_spool_bytes(&w), &spool, &err), &err);
        window_use_spool(&w, spool);
    }
    for (; !w.done; window_next(&w), ++*count) {
        ck_assert_uint_gt(window_bytes(&w), 0);
        ck_assert_uint_le(window_bytes(&w), room);
        ck_assert_uint_le(window_bytes(&w), array_bytes(a) - at);
        ck_ok(window_read(&w, ARRAY_MISSING_ERROR, s, all + at, &missing, &err),
              &err);
        at += window_bytes(&w);
    }
    ck_assert_uint_eq(at, array_bytes(a));
    ck_assert_uint_eq(missing, 0);
    spool_free(spool);
    return all;
}

START_TEST(test_windows)
{
    static const uint64_t rooms[] = { 16, 100, 333, 1000, 5000, MOST_BYTES };
    struct scratch *cut_scratch = NULL, *whole_scratch = NULL;
    struct fake_plan f;
    struct error err;
    const void *want = NULL;

    make_twins(&f);
    ck_ok(scratch_new(&cut_scratch, &err), &err);
    ck_ok(scratch_new(&whole_scratch, &err), &err);
    for (size_t i = 0; i < f.checkpoint.count; i += 2) {
        const struct array *a = f.arrays[i];

        ck_ok(array_read_chunk(f.arrays[i + 1], 0, ARRAY_MISSING_ERROR,
                               whole_scratch, &want, NULL, &err),
              &err);
        for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
            for (unsigned spooled = 0; spooled < 2; spooled++) {
                unsigned count;
                unsigned char *got =
                    read_windows(a, rooms[r], spooled, cut_scratch, &count);

                ck_assert_msg(!memcmp(got, want, array_bytes(a)),
                              "array %zu in windows of %llu bytes, spool %u", i,
                              (unsigned long long)rooms[r], spooled);
                ck_assert(r + 1 < sizeof rooms / sizeof *rooms || count == 1);
                free(got);
            }
        }
    }
    scratch_free(cut_scratch);
    scratch_free(whole_scratch);
    fake_plan_done(&f);
}
END_TEST

/* How often chunk i was read since the last time. */
static unsigned reads_of(struct fake *f, uint64_t i)
{
    return atomic_exchange(&f->reads[i], 0);
}

/*
 * Room for a row of chunks: each is read once. Half of it: twice, and once with
 * a spool.
 */
START_TEST(test_reads_once)
{
    static const uint64_t shape[] = { 10, 9, 8 };
    static const uint64_t chunk[] = { 4, 4, 3 };
    static const uint64_t row = 9 * 8 * 4;
    struct scratch *s = NULL;
    struct fake_plan f;
    struct error err;
    struct fake *a;
    unsigned count;

    fake_plan_init(&f);
    a = fake_add_array(&f, DTYPE_F32, 3, shape, chunk);
    ck_ok(scratch_new(&s, &err), &err);
    free(read_windows(&a->base, 4 * row + 50, true, s, &count));
    ck_assert_uint_eq(count, 3);
    for (unsigned i = 0; i < array_chunks(&a->base); i++)
        ck_assert_uint_eq(reads_of(a, i), 1);
    free(read_windows(&a->base, 3 * row, false, s, &count));
    ck_assert_msg(count == 5, "2, 2, 2, 2 and 2 of 10, not %u", count);
    for (unsigned i = 0; i < array_chunks(&a->base); i++)
        ck_assert_uint_eq(reads_of(a, i), i < 18 ? 2 : 1);
    for (uint64_t room = 16; room < 3 * row; room *= 3) {
        free(read_windows(&a->base, room, true, s, &count));
        for (unsigned i = 0; i < array_chunks(&a->base); i++)
            ck_assert_uint_eq(reads_of(a, i), 1);
    }
    scratch_free(s);
    fake_plan_done(&f);
}
END_TEST

/* However often windows come back to it, an absent chunk is one. */
START_TEST(test_absent_once)
{
    static const uint64_t shape[] = { 10, 9 };
    static const uint64_t chunk[] = { 4, 4 };
    struct scratch *s = NULL;
    unsigned char bytes[400];
    struct spool *spool = NULL;
    struct fake_plan f;
    struct window w;
    struct error err;

    fake_plan_init(&f);
    fake_add_array(&f, DTYPE_F32, 2, shape, chunk)->absent = 4;
    ck_ok(scratch_new(&s, &err), &err);
    for (uint64_t room = 16; room < 400; room += 40) {
        for (unsigned spooled = 0; spooled < 2; spooled++) {
            uint64_t missing = 0;

            window_first(&w, f.arrays[0], room);
            ck_ok(spool_new(window_spool_bytes(&w), &spool, &err), &err);
            if (spooled && window_decodes(&w) > 1)
                window_use_spool(&w, spool);
            for (; !w.done; window_next(&w))
                ck_ok(window_read(&w, ARRAY_MISSING_FILL, s, bytes, &missing,
                                  &err),
                      &err);
            ck_assert_uint_eq(missing, 1);
            spool_free(spool);
        }
    }
    scratch_free(s);
    fake_plan_done(&f);
}
END_TEST

START_TEST(test_decodes)
{
    struct array a = { .dtype = DTYPE_F32,
                       .rank = 3,
                       .shape = { 10, 8, 100 },
                       .chunk = { 4, 3, 50 } };
    struct window w;

    window_first(&w, &a, 4 * 3200);
    ck_assert_uint_eq(window_decodes(&w), 1);
    ck_assert_uint_eq(window_spool_bytes(&w), 3 * 2 * 4 * 3 * 50 * 4);
    window_first(&w, &a, 3 * 3200);
    ck_assert_uint_eq(window_decodes(&w), 2);
    window_first(&w, &a, 3200);
    ck_assert_uint_eq(window_decodes(&w), 4);
    window_first(&w, &a, 400);
    ck_assert_uint_eq(window_decodes(&w), 4 * 3);
}
END_TEST

START_TEST(test_spool)
{
    struct spool *s = NULL;
    struct error err;
    char out[8];

    ck_ok(spool_new(100, &s, &err), &err);
    ck_ok(spool_write(s, 90, "0123456789", 10, &err), &err);
    ck_ok(spool_read(s, 92, out, 8, &err), &err);
    ck_assert_mem_eq(out, "23456789", 8);
    ck_fails(spool_read(s, 95, out, 8, &err), &err, ERR_WRITE, "read");
    spool_free(s);
    s = NULL;
    ck_fails(spool_new(UINT64_MAX, &s, &err), &err, ERR_WRITE, "so large");
    ck_assert_int_eq(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
    ck_fails(spool_new(100, &s, &err), &err, ERR_WRITE, "made");
    ck_assert_ptr_null(s);
    unsetenv("TMPDIR");
}
END_TEST

START_TEST(test_empty)
{
    struct array a = {
        .dtype = DTYPE_F32, .rank = 2, .shape = { 3, 0 }, .chunk = { 1, 1 }
    };
    struct window w;

    window_first(&w, &a, 100);
    ck_assert(w.done);
    ck_assert_uint_eq(window_bytes(&w), 0);
}
END_TEST

/* The checkpoint of all arrays in a fixture; f has their records. */
static struct checkpoint *open_all(const struct records *f)
{
    struct checkpoint *c = calloc(1, sizeof *c);
    struct error err;
    char folder[100];

    ck_assert_ptr_nonnull(c);
    c->store = records_store(f, "");
    c->arrays = calloc(f->count, sizeof *c->arrays);
    ck_assert_ptr_nonnull(c->arrays);
    for (size_t i = 0; i < f->count; i++) {
        if (strncmp(f->items[i].name, "expect/", 7) != 0)
            continue;
        snprintf(folder, sizeof folder, "%.*s",
                 (int)strcspn(f->items[i].name + 7, "|"), f->items[i].name + 7);
        ck_ok(zarr_open(c->store, folder, f->items[i].name,
                        &c->arrays[c->count++], &err),
              &err);
    }
    return c;
}

static void check_digests(const char *fixture, unsigned threads)
{
    const struct digest_options o = { .threads = threads, .memory = 1000 };
    char want[SHA256_HEX + 1];
    struct digest *digests = NULL;
    struct checkpoint *c;
    struct records f;
    struct error err;

    records_load(&f, fixture);
    c = open_all(&f);
    ck_ok(digest_arrays(c, &o, &digests, &err), &err);
    for (size_t i = 0; i < c->count; i++) {
        const struct record *r = records_find(&f, c->arrays[i]->name);
        struct sha256 *h = NULL;

        ck_ok(sha256_new(&h, &err), &err);
        sha256_add(h, r->data, r->len);
        ck_ok(sha256_finish(h, want, &err), &err);
        ck_assert_msg(!strcmp(digests[i].sha256, want), "%s", r->name);
    }
    free(digests);
    checkpoint_free(c);
    records_done(&f);
}

START_TEST(test_digests)
{
    check_digests("zarr3", 1);
    check_digests("zarr3", 3);
    check_digests("zarr2", 2);
}
END_TEST

/* One thread's failure ends the others, and is what comes back. */
START_TEST(test_failures)
{
    struct digest_options o = { .threads = 3 };
    struct digest *digests = NULL;
    struct fake_plan f;
    struct error err;

    make_twins(&f);
    f.fakes[7].absent = 0;
    ck_fails(digest_arrays(&f.checkpoint, &o, &digests, &err), &err,
             ERR_CHUNK_MISSING, "is missing");
    ck_assert_ptr_null(digests);
    o.allow_missing_chunks = true;
    ck_ok(digest_arrays(&f.checkpoint, &o, &digests, &err), &err);
    for (size_t i = 0; i < f.checkpoint.count; i++)
        ck_assert_uint_eq(digests[i].missing_chunks, i == 7);
    free(digests);
    digests = NULL;
    f.fakes[9].fails = 0;
    ck_fails(digest_arrays(&f.checkpoint, &o, &digests, &err), &err, ERR_CHUNK,
             "is damaged");
    fake_plan_done(&f);
}
END_TEST

START_TEST(test_too_large)
{
    static const uint64_t shape[] = { 20, 1 << 20 };
    struct digest_options o = { .memory = 1 << 20 };
    struct digest *digests = NULL;
    struct fake_plan f;
    struct error err;

    fake_plan_init(&f);
    fake_add_array(&f, DTYPE_F32, 2, shape, shape);
    ck_fails(digest_arrays(&f.checkpoint, &o, &digests, &err), &err, ERR_LIMIT,
             "too large for the memory budget");
    fake_plan_done(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_windows, test_reads_once, test_absent_once,
        test_decodes, test_spool,      test_empty,
        test_digests, test_failures,   test_too_large,
    };

    return unit_run("digest", tests, sizeof tests / sizeof *tests);
}
