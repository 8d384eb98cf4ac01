/*
 * What every unit test shares: a main() around one Check suite, and helpers.
 */
#ifndef SWITCHYARD_TESTS_UNIT_H
#define SWITCHYARD_TESTS_UNIT_H

/* Check's headers are not clean under -Wconversion; they are not ours. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <check.h>
#pragma GCC diagnostic pop

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Asserts success and prints the error otherwise. */
#define ck_ok(call, err)                                                       \
    ck_assert_msg((call) == 0, "%s: %s", #call, (err)->text)

/* Asserts that call fails with code and that the text mentions word. */
#define ck_fails(call, err, want, word)                                        \
    do {                                                                       \
        int ck_rc_ = (call);                                                   \
        ck_assert_msg(ck_rc_ == (int)(want), "%s: %d, not %s (%s)", #call,     \
                      ck_rc_, #want, ck_rc_ ? (err)->text : "it succeeded");   \
        ck_assert_msg(strstr((err)->text, (word)) ||                           \
                          strstr((err)->subject, (word)),                      \
                      "'%s' does not mention '%s'", (err)->text, (word));      \
    } while (0)

/*
 * Runs one suite made of one test case list; for use as main()'s body. setup
 * and teardown run around each test, and may be NULL.
 */
static inline int unit_run_in(const char *name, const TTest *const *tests,
                              size_t count, SFun setup, SFun teardown)
{
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    SRunner *runner;
    int failed;

    for (size_t i = 0; i < count; i++)
        tcase_add_test(tc, tests[i]);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int unit_run(const char *name, const TTest *const *tests,
                           size_t count)
{
    return unit_run_in(name, tests, count, NULL, NULL);
}

#endif
