/*
 * CRC-32C, eight bytes at a time.
 *
 * x86-64 has an instruction for it since SSE4.2; whether this CPU has it is
 * asked once, at run time. Elsewhere eight tables do: table k holds what a byte
 * contributes that has k more bytes behind it, so the eight look-ups of a word
 * do not wait for each other ("slicing by eight"). The tables are made when
 * they are first needed.
 */
#include "base/crc32c.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/num.h"

#define POLYNOMIAL 0x82f63b78U /* reflected */

typedef uint32_t (*update_fn)(uint32_t crc, const unsigned char *p, size_t len);

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;
static uint32_t tables[8][256];

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][byte] = crc;
    }
    for (unsigned k = 1; k < 8; k++)
        for (unsigned byte = 0; byte < 256; byte++)
            tables[k][byte] = tables[k - 1][byte] >> 8 ^
                              tables[0][tables[k - 1][byte] & 0xff];
}

static uint32_t update_plain(uint32_t crc, const unsigned char *p, size_t len)
{
    uint64_t word;

    pthread_once(&tables_once, make_tables);
    for (; len >= 8; p += 8, len -= 8) {
        word = num_le64(p) ^ crc;
        crc = 0;
        for (unsigned k = 0; k < 8; k++)
            crc ^= tables[7 - k][word >> 8 * k & 0xff];
    }
    for (; len > 0; p++, len--)
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
    return crc;
}

#if defined(__x86_64__) && defined(__GNUC__)

#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t
update_sse42(uint32_t crc, const unsigned char *p, size_t len)
{
    uint64_t wide = crc;

    for (; len >= 8; p += 8, len -= 8)
        wide = _mm_crc32_u64(wide, num_le64(p));
    crc = (uint32_t)wide;
    for (; len > 0; p++, len--)
        crc = _mm_crc32_u8(crc, *p);
    return crc;
}

static update_fn best(void)
{
    return __builtin_cpu_supports("sse4.2") ? update_sse42 : update_plain;
}

#else

static update_fn best(void)
{
    return update_plain;
}

#endif

static _Atomic(update_fn) chosen;

/* Every thread that comes first chooses the same, so a race does no harm. */
static update_fn current(void)
{
    update_fn fn = atomic_load_explicit(&chosen, memory_order_relaxed);

    if (!fn) {
        fn = best();
        atomic_store_explicit(&chosen, fn, memory_order_relaxed);
    }
    return fn;
}

uint32_t crc32c_update(uint32_t crc, const void *data, size_t len)
{
    return ~current()(~crc, data, len);
}

bool crc32c_is_fast(void)
{
    return current() != update_plain;
}

void crc32c_force_plain(bool plain)
{
    atomic_store_explicit(&chosen, plain ? update_plain : best(),
                          memory_order_relaxed);
}
