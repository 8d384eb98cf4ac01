/*
 * service/tokens: a token file is refused with its line, or every entry has a
 * role; what is looked up is found only if it was in the file.
 */
#include "fuzz.h"

#include <string.h>

#include "service/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokens t;
    struct error err;

    if (tokens_parse("f", (const char *)data, size, &t, &err)) {
        FUZZ_ASSERT(err.code == ERR_USAGE && err.text[0] == 'f');
        return 0;
    }
    FUZZ_ASSERT(t.count > 0 && t.count <= TOKENS_MAX);
    for (size_t i = 0; i < t.count; i++)
        FUZZ_ASSERT(t.items[i].role >= ROLE_READ &&
                    t.items[i].role <= ROLE_ADMIN && t.items[i].name[0]);
    FUZZ_ASSERT(!tokens_find(&t, "a token that is in no file"));
    tokens_done(&t);
    return 0;
}
