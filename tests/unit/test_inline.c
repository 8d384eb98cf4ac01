/*
 * checkpoint/inline.c: the grid that an array inside the index is given, and
 * chunks read from one extent or across several.
 */
#include "unit.h"

#include "checkpoint/inline.h"
#include "records.h"

enum { BOUND = 8 << 20 }; /* bytes of a chunk */

/* An object of len bytes that no run of which is like another. */
static struct store *make_store(size_t len, unsigned char **bytes)
{
    struct store *s = NULL;
    struct error err;
    uint32_t x = 1;

    *bytes = malloc(len);
    ck_assert_ptr_nonnull(*bytes);
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        (*bytes)[i] = (unsigned char)(x >> 24);
    }
    ck_ok(store_memory_new(&s, &err), &err);
    ck_ok(store_memory_put(s, "index", *bytes, len, &err), &err);
    return s;
}

static const struct grid_case {
    const char *facts;
    unsigned rank;
    enum dtype dtype;
    uint64_t shape[3];
    uint64_t chunk[3];
    uint64_t chunks;
} grids[] = {
    { "x|float32|5,7", 2, DTYPE_F32, { 5, 7 }, { 5, 7 }, 1 },
    { "x|float32|0,3", 2, DTYPE_F32, { 0, 3 }, { 1, 3 }, 0 },
    { "x|float32|", 0, DTYPE_F32, { 0 }, { 0 }, 1 },
    /* whole rows, the last chunk hanging over */
    { "x|complex128|300000,3", 2, DTYPE_C128, { 300000, 3 }, { 174762, 3 }, 2 },
    /* one row and a bit would fit */
    { "x|complex128|3,262149", 2, DTYPE_C128, { 3, 262149 }, { 1, 262149 }, 3 },
    /* a row is too large: cut further in */
    { "x|complex128|2,786432", 2, DTYPE_C128, { 2, 786432 }, { 1, 524288 }, 4 },
    { "x|complex128|2,2,300000",
      3,
      DTYPE_C128,
      { 2, 2, 300000 },
      { 1, 1, 300000 },
      4 },
    { "x|complex128|1,4,200000",
      3,
      DTYPE_C128,
      { 1, 4, 200000 },
      { 1, 2, 200000 },
      2 },
};

START_TEST(test_grid)
{
    const struct grid_case *g = &grids[_i];
    struct array like = { .rank = g->rank, .dtype = g->dtype };
    struct record expect = { .name = (char *)(uintptr_t)g->facts };
    struct extent extent = { .offset = 3 };
    struct array *a = NULL;
    unsigned char *bytes;
    struct store *s;
    struct error err;

    memcpy(like.shape, g->shape, sizeof g->shape);
    extent.len = array_bytes(&like);
    s = make_store((size_t)extent.len + 5, &bytes);
    ck_ok(inline_new(&like, "x", s, "index", &extent, 1, &a, &err), &err);
    for (unsigned i = 0; i < g->rank; i++)
        ck_assert_uint_eq(a->chunk[i], g->chunk[i]);
    ck_assert_uint_eq(array_chunks(a), g->chunks);
    ck_assert_uint_le(array_chunk_bytes(a), BOUND);
    expect.data = bytes + extent.offset;
    expect.len = (size_t)extent.len;
    records_compare(&expect, a);
    array_free(a);
    store_free(s);
    free(bytes);
}
END_TEST

/* What hangs over the array's edge reads as zeros, not as what follows. */
START_TEST(test_overhang)
{
    struct array like = { .rank = 1, .dtype = DTYPE_U8, .shape = { 9000000 } };
    struct extent extent = { 0, 9000000 };
    struct scratch *scratch = NULL;
    struct array *a = NULL;
    const unsigned char *p;
    unsigned over = 0;
    const void *data = NULL;
    unsigned char *bytes;
    struct store *s = make_store(10000000, &bytes);
    struct error err;

    ck_ok(scratch_new(&scratch, &err), &err);
    ck_ok(inline_new(&like, "x", s, "index", &extent, 1, &a, &err), &err);
    for (uint64_t i = 0; i < 2; i++)
        ck_ok(array_read_chunk(a, i, ARRAY_MISSING_ERROR, scratch, &data, NULL,
                               &err),
              &err);
    p = data;
    ck_assert_mem_eq(p, bytes + BOUND, 9000000 - BOUND);
    for (size_t i = 9000000 - BOUND; i < BOUND; i++)
        over |= p[i];
    ck_assert_uint_eq(over, 0);
    array_free(a);
    scratch_free(scratch);
    store_free(s);
    free(bytes);
}
END_TEST

/* Three extents, out of order in the object, each across a chunk's border. */
START_TEST(test_extents)
{
    static const struct extent extents[] = { { 15000000, 5000000 },
                                             { 7, 4000001 },
                                             { 5000000, 8999999 } };
    struct array like = { .rank = 2,
                          .dtype = DTYPE_C128,
                          .shape = { 45, 25000 } };
    struct record expect = { .name =
                                 (char *)(uintptr_t) "x|complex128|45,25000" };
    struct array *a = NULL;
    unsigned char *bytes, *whole;
    struct store *s = make_store(20000000, &bytes);
    struct error err;

    ck_assert_uint_eq(array_bytes(&like), 18000000);
    whole = malloc(18000000);
    ck_assert_ptr_nonnull(whole);
    for (size_t i = 0; i < 3; expect.len += extents[i++].len)
        memcpy(whole + expect.len, bytes + extents[i].offset, extents[i].len);
    expect.data = whole;
    ck_ok(inline_new(&like, "x", s, "index", extents, 3, &a, &err), &err);
    records_compare(&expect, a);
    array_free(a);
    ck_fails(inline_new(&like, "x", s, "index", extents, 2, &a, &err), &err,
             ERR_INDEX, "do not fill its shape");
    ck_assert_str_eq(err.expected, "18000000 bytes");
    ck_assert_str_eq(err.actual, "9000001 bytes");
    free(whole);
    store_free(s);
    free(bytes);
}
END_TEST

START_TEST(test_refused)
{
    struct array huge = { .rank = 2,
                          .dtype = DTYPE_F32,
                          .shape = { 1ULL << 40, 1ULL << 40 } };
    struct array *a = NULL;
    struct error err;

    ck_fails(inline_new(&huge, "x", NULL, "index", NULL, 0, &a, &err), &err,
             ERR_LIMIT, "too large");
    ck_assert_ptr_null(a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("inline");
    TCase *tc = tcase_create("inline");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tc, test_grid, 0, sizeof grids / sizeof *grids);
    tcase_add_test(tc, test_overhang);
    tcase_add_test(tc, test_extents);
    tcase_add_test(tc, test_refused);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
