/*
 * checkpoint/permute.c: blocks of any rank, order and element.
 */
#include "unit.h"

#include "checkpoint/permute.h"

/* The slow way: each element by its own indices. */
static void permute_slowly(const unsigned char *src, unsigned char *dst,
                           size_t size, unsigned rank, const uint64_t *shape,
                           const unsigned char *order)
{
    uint64_t count = 1;
    uint64_t at[ARRAY_MAX_RANK] = { 0 };

    for (unsigned i = 0; i < rank; i++)
        count *= shape[i];
    for (uint64_t e = 0; e < count; e++) {
        uint64_t rest = e;
        uint64_t from = 0;

        for (unsigned i = rank; i-- > 0; rest /= shape[i])
            at[i] = rest % shape[i];
        for (unsigned i = 0; i < rank; i++)
            from = from * shape[order[i]] + at[order[i]];
        memcpy(dst + e * size, src + from * size, size);
    }
}

START_TEST(test_permute)
{
    static const enum dtype dtypes[] = { DTYPE_U8, DTYPE_BF16, DTYPE_F32,
                                         DTYPE_F64, DTYPE_C128 };
    static const uint64_t sizes[] = { 1, 2, 3, 5, 17, 1, 4, 9 };
    enum { MOST = 40000 };
    static _Alignas(16) unsigned char src[MOST * 16];
    static _Alignas(16) unsigned char fast[MOST * 16];
    static _Alignas(16) unsigned char slow[MOST * 16];
    uint64_t shape[6];
    unsigned char order[6];
    unsigned done = 0;

    srand(7);
    for (size_t i = 0; i < sizeof src; i++)
        src[i] = (unsigned char)rand();
    while (done < 2000) {
        unsigned rank = (unsigned)rand() % 7;
        enum dtype t = dtypes[rand() % 5];
        size_t size = dtype_info(t)->size;
        uint64_t count = 1;

        for (unsigned i = 0; i < rank; i++) {
            unsigned j = (unsigned)rand() % (i + 1);

            shape[i] = sizes[rand() % 8];
            count *= shape[i];
            order[i] = order[j];
            order[j] = (unsigned char)i;
        }
        if (count > MOST)
            continue;
        permute_block(src, fast, t, rank, shape, order);
        permute_slowly(src, slow, size, rank, shape, order);
        ck_assert_msg(!memcmp(fast, slow, count * size), "case %u", done);
        done++;
    }
}
END_TEST

START_TEST(test_plain)
{
    static const unsigned char order[] = { 0, 1, 2, 4, 3 };

    ck_assert(permute_is_plain(0, order));
    ck_assert(permute_is_plain(3, order));
    ck_assert(!permute_is_plain(5, order));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_permute, test_plain };

    return unit_run("permute", tests, sizeof tests / sizeof *tests);
}
