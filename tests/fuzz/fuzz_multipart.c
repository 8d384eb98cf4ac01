/*
 * api/multipart.c: the events are the same however the bytes are cut, and each
 * part that ends has begun.
 */
#include "fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "multipart.h"

static int on_begin(void *ctx, const struct multipart_part *p,
                    struct error *err)
{
    (void)err;
    buf_printf(ctx, "<%s|%s>", p->name, p->filename ? p->filename : "");
    return 0;
}

static int on_data(void *ctx, const void *data, size_t len, struct error *err)
{
    (void)err;
    FUZZ_ASSERT(len > 0);
    buf_append(ctx, data, len);
    return 0;
}

static int on_end(void *ctx, struct error *err)
{
    (void)err;
    buf_puts(ctx, ".");
    return 0;
}

static int parse(const uint8_t *data, size_t size, size_t step,
                 struct buf *events)
{
    static const struct multipart_handler handler = { on_begin, on_data,
                                                      on_end };
    struct multipart *m = NULL;
    struct error err;
    int rc = multipart_new("b", 100, &handler, events, &m, &err);
    size_t n;

    FUZZ_ASSERT(rc == 0);
    for (size_t at = 0; !rc && at < size; at += n) {
        n = size - at < step ? size - at : step;
        rc = multipart_feed(m, data + at, n, &err);
    }
    if (!rc)
        rc = multipart_finish(m, &err);
    multipart_free(m);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = { 1, 3, 17 };
    struct buf whole = BUF_INIT(16 << 20);
    struct buf cut = BUF_INIT(16 << 20);
    int rc = parse(data, size, size ? size : 1, &whole);

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        buf_clear(&cut);
        FUZZ_ASSERT(parse(data, size, steps[i], &cut) == rc);
        FUZZ_ASSERT(cut.len == whole.len);
        FUZZ_ASSERT(!cut.len || !memcmp(cut.data, whole.data, cut.len));
    }
    buf_done(&whole);
    buf_done(&cut);
    return 0;
}
