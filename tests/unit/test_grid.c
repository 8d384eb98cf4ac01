/*
 * grid.c: arrays as slices, rows and columns.
 */
#include "unit.h"

#include "grid.h"

static char name[] = "x/kernel";

START_TEST(test_ranks)
{
    static const struct {
        unsigned rank;
        uint64_t shape[3], chunk[3];
        uint64_t want[3][3]; /* shape, chunk, count */
    } cases[] = {
        { 0, { 0 }, { 0 }, { { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1 } } },
        { 1, { 7 }, { 3 }, { { 1, 1, 7 }, { 1, 1, 3 }, { 1, 1, 3 } } },
        { 2, { 7, 0 }, { 7, 9 }, { { 1, 7, 0 }, { 1, 7, 9 }, { 1, 1, 0 } } },
        { 3,
          { 8, 5, 6 },
          { 2, 5, 4 },
          { { 8, 5, 6 }, { 2, 5, 4 }, { 4, 1, 2 } } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct array a = { .name = name, .rank = cases[i].rank };
        struct grid g;
        struct error err;

        memcpy(a.shape, cases[i].shape, sizeof cases[i].shape);
        memcpy(a.chunk, cases[i].chunk, sizeof cases[i].chunk);
        ck_ok(grid_make(&a, &g, &err), &err);
        ck_assert_mem_eq(g.shape, cases[i].want[0], sizeof g.shape);
        ck_assert_mem_eq(g.chunk, cases[i].want[1], sizeof g.chunk);
        ck_assert_mem_eq(g.count, cases[i].want[2], sizeof g.count);
    }
}
END_TEST

START_TEST(test_rank_four_is_refused)
{
    struct array a = { .name = name, .rank = 4 };
    struct grid g;
    struct error err;

    ck_fails(grid_make(&a, &g, &err), &err, ERR_SHAPE, "x/kernel");
    ck_assert_str_eq(err.actual, "4");
}
END_TEST

START_TEST(test_boxes)
{
    const struct grid g = { { 8, 50, 60 }, { 3, 20, 40 }, { 3, 3, 2 } };
    const struct box last = { { 2, 2, 1 }, { 3, 3, 2 } };
    const struct box row = { { 0, 1, 0 }, { 1, 2, 2 } };
    const struct box elements[] = { { { 6, 40, 40 }, { 8, 50, 60 } },
                                    { { 0, 20, 0 }, { 3, 40, 60 } } };
    const struct patch patches[2][2] = {
        { { 40, 40, 10, 20, 60 }, { 40, 40, 20, 10, 50 } },
        { { 20, 0, 20, 60, 60 }, { 0, 20, 60, 20, 50 } },
    };
    struct box box;
    struct patch p;

    ck_assert_uint_eq(grid_index(&g, last.from), 17);
    ck_assert_uint_eq(grid_index(&g, row.from), 2);
    for (int i = 0; i < 2; i++) {
        box = grid_elements(&g, i ? &row : &last);
        ck_assert_mem_eq(&box, &elements[i], sizeof box);
        for (int transpose = 0; transpose < 2; transpose++) {
            p = grid_patch(&g, &box, transpose);
            ck_assert_mem_eq(&p, &patches[i][transpose], sizeof p);
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_ranks, test_rank_four_is_refused,
                                   test_boxes };

    return unit_run("grid", tests, sizeof tests / sizeof *tests);
}
