/*
 * api/accept.c: ranges, weights, what is more specific.
 */
#include "unit.h"

#include "accept.h"

START_TEST(test_choice)
{
    static const char *const offers[] = { "text/plain", "application/json",
                                          "text/html", NULL };
    static const struct {
        const char *header;
        int chosen;
    } cases[] = {
        { NULL, 0 },
        { "", 0 },
        { " , ", 0 },
        { "*/*", 0 },
        { "application/json", 1 },
        { "Application/JSON", 1 },
        { "application/json;charset=utf-8", 1 },
        { "application/*", 1 },
        { "image/png", -1 },
        { "image/png, */*;q=0.1", 0 },
        { "text/html,application/xhtml+xml,*/*;q=0.8", 2 },
        { "text/*;q=0.5, text/html;q=0.7, application/json;q=0.6", 2 },
        { "text/plain;q=0.5, application/json ; q=0.501", 1 },
        { "text/*, text/plain;q=0", 2 },
        { "*/*;q=0", -1 },
        { "*/*, text/plain;q=0, application/json;q=0", 2 },
        { "text/plain;a=\"x,y;q=0\", text/html;q=0.9", 0 },
        { "text/plain;a=\"\\\"", 0 },
        { "text/plain;q=", -1 },
        { "text/plain;q=9", -1 },
        { "text/plain;q=0.0000009", -1 },
        { "text/plain;q=1.999", 0 },
        { "text", -1 },
        { "/", -1 },
        { "*", -1 },
        { ";q=1", -1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(accept_choose(cases[i].header, offers) == cases[i].chosen,
                      "%s: %d", cases[i].header,
                      accept_choose(cases[i].header, offers));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_choice };

    return unit_run("accept", tests, sizeof tests / sizeof *tests);
}
