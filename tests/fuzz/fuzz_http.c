/*
 * api/path.c and api/ranges.c: up to the first zero byte a path, behind it a
 * Range header. What comes out stays inside the path and inside the file.
 */
#include <string.h>

#include "fuzz.h"
#include "path.h"
#include "ranges.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX + 1];
    size_t n = size < TEXT_MAX ? size : TEXT_MAX;

    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    check_path(text);
    check_ranges(strlen(text) < n ? text + strlen(text) + 1 : text);
    return 0;
}
