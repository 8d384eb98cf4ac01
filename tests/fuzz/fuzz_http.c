/*
 * api/path.c and the headers Range, Accept and traceparent: up to the first
 * zero byte a path, behind it a header. What comes out stays inside the path,
 * the file and the list of offers.
 */
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "fuzz.h"
#include "path.h"
#include "ranges.h"
#include "service/trace.h"

enum { FILE_BYTES = 1000, TEXT_MAX = 8192 };

static void check_path(const char *text)
{
    static struct path_params params;
    const char *value;

    if (!path_match("/v1/uploads/{id}/files/{path...}", text, &params))
        return;
    value = path_param(&params, "id");
    FUZZ_ASSERT(value && *value && !strchr(value, '/'));
    FUZZ_ASSERT(strlen(value) <= strlen(text));
    FUZZ_ASSERT(path_param(&params, "path"));
}

static void check_ranges(const char *text)
{
    struct range ranges[RANGES_MAX];
    size_t count;
    enum ranges_result result = ranges_parse(text, FILE_BYTES, ranges, &count);

    FUZZ_ASSERT(count <= RANGES_MAX);
    for (size_t i = 0; result == RANGES_SOME && i < count; i++) {
        FUZZ_ASSERT(ranges[i].len > 0 && ranges[i].from < FILE_BYTES);
        FUZZ_ASSERT(ranges[i].len <= FILE_BYTES - ranges[i].from);
    }
}

static void check_accept(const char *text)
{
    static const char *const offers[] = { "text/plain", "application/json",
                                          NULL };
    int chosen = accept_choose(text, offers);

    FUZZ_ASSERT(chosen >= -1 && chosen < 2);
}

static void check_trace(const char *text)
{
    struct trace t;

    if (!trace_parse(text, &t))
        return;
    FUZZ_ASSERT(strlen(t.id) == TRACE_ID_LEN);
    FUZZ_ASSERT(strlen(t.parent) == TRACE_SPAN_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size < TEXT_MAX ? size : TEXT_MAX;
    char *text = malloc(n + 1); /* where it ends, the sanitizer looks */
    const char *header;

    if (!text)
        abort();
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    header = strlen(text) < n ? text + strlen(text) + 1 : text;
    check_path(text);
    check_ranges(header);
    check_accept(header);
    check_trace(header);
    free(text);
    return 0;
}
