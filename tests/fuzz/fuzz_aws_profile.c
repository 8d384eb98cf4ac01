/*
 * remote/aws_profile: files of AWS' tools; the first byte chooses which of the
 * two it is.
 */
#include "fuzz.h"

#include <string.h>

#include "remote/aws_profile.h"

static void check(const char *value)
{
    FUZZ_ASSERT(!value || (*value && strlen(value) <= AWS_PROFILE_VALUE_MAX &&
                           !strchr(value, '\n')));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aws_profile p = { .found = false };
    struct error err;

    if (size == 0)
        return 0;
    if (aws_profile_parse(
            &p, data[0] == 'c' ? AWS_PROFILE_CONFIG : AWS_PROFILE_CREDENTIALS,
            "a", "file", (const char *)data + 1, size - 1, &err))
        FUZZ_ASSERT(err.code == ERR_USAGE);
    FUZZ_ASSERT(p.found || (!p.key && !p.region && !p.style));
    check(p.key);
    check(p.secret);
    check(p.session);
    check(p.region);
    check(p.endpoint);
    check(p.style);
    aws_profile_done(&p);
    return 0;
}
