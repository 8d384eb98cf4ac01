/*
 * api/path.c: templates, decoding, what matches nothing.
 */
#include "unit.h"

#include "path.h"

#define FILES "/v1/uploads/{id}/files/{path...}"

START_TEST(test_match)
{
    static const struct {
        const char *template;
        const char *path;
        const char *id; /* NULL: no match */
        const char *rest;
    } cases[] = {
        { "/livez", "/livez", "", "" },
        { "/livez", "/livez/", NULL, NULL },
        { "/livez", "/live", NULL, NULL },
        { "/livez", "", NULL, NULL },
        { "/v1/uploads/{id}", "/v1/uploads/abc", "abc", "" },
        { "/v1/uploads/{id}", "/v1/uploads/", NULL, NULL },
        { "/v1/uploads/{id}", "/v1/uploads/a/b", NULL, NULL },
        { "/v1/uploads/{id}", "/v1/uploads/a%20b", "a b", "" },
        { "/v1/uploads/{id}", "/v1/uploads/a%2Fb", NULL, NULL },
        { "/v1/uploads/{id}", "/v1/uploads/a%00b", NULL, NULL },
        { "/v1/uploads/{id}", "/v1/uploads/a%2", NULL, NULL },
        { "/v1/uploads/{id}", "/v1/uploads/%zz", NULL, NULL },
        { FILES, "/v1/uploads/a/files/b/c%20d/%C3%A9", "a", "b/c d/\xc3\xa9" },
        { FILES, "/v1/uploads/a/files/b%2Fc", "a", "b/c" },
        { FILES, "/v1/uploads/a/files/", NULL, NULL },
        { FILES, "/v1/uploads/a/files", NULL, NULL },
        { FILES, "/v1/uploads//files/b", NULL, NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct path_params p;
        bool matched = path_match(cases[i].template, cases[i].path, &p);
        const char *id = path_param(&p, "id");
        const char *rest = path_param(&p, "path");

        ck_assert_msg(matched == (cases[i].id != NULL), "%s", cases[i].path);
        if (!matched)
            continue;
        ck_assert_str_eq(id ? id : "", cases[i].id);
        ck_assert_str_eq(rest ? rest : "", cases[i].rest);
        ck_assert_ptr_null(path_param(&p, "i"));
    }
}
END_TEST

START_TEST(test_long_path)
{
    static char path[PATH_MAX_BYTES + 20] = "/";
    static struct path_params p;

    memset(path + 1, 'a', PATH_MAX_BYTES - 1);
    ck_assert(path_match("/{id}", path, &p));
    ck_assert_uint_eq(strlen(path_param(&p, "id")), PATH_MAX_BYTES - 1);
    path[PATH_MAX_BYTES] = 'a';
    ck_assert(!path_match("/{id}", path, &p));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_match, test_long_path };

    return unit_run("path", tests, sizeof tests / sizeof *tests);
}
