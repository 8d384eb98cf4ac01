/*
 * What every fuzz target includes: the entry that libFuzzer and driver.c call,
 * and an assertion that stays in every build.
 */
#ifndef SWITCHYARD_TESTS_FUZZ_H
#define SWITCHYARD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Must return 0 for any input; a crash or an abort is the finding. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_ASSERT(what)                                                      \
    do {                                                                       \
        if (!(what)) {                                                         \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__,   \
                    #what);                                                    \
            abort();                                                           \
        }                                                                      \
    } while (0)

#endif
