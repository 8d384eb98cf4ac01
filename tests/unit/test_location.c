/*
 * remote/location: gs://, s3:// and hf:// taken apart.
 */
#include "unit.h"

#include "remote/location.h"

static struct error err;

static const struct good {
    const char *text;
    enum location_kind kind;
    const char *type;
    const char *bucket;
    const char *revision;
    const char *path;
} goods[] = {
    { "gs://b", LOCATION_GS, NULL, "b", NULL, "" },
    { "GS://b", LOCATION_GS, NULL, "b", NULL, "" },
    { "gs://b/", LOCATION_GS, NULL, "b", NULL, "" },
    { "gs://t5-data/pretrained_models/e8/checkpoint_1/", LOCATION_GS, NULL,
      "t5-data", NULL, "pretrained_models/e8/checkpoint_1" },
    { "gs://b_1.example.com/a?b#c%20d*", LOCATION_GS, NULL, "b_1.example.com",
      NULL, "a?b#c%20d*" },
    { "s3://b/\xc3\xbc b/=+", LOCATION_S3, NULL, "b", NULL, "\xc3\xbc b/=+" },
    { "hf://google/switch-base-8", LOCATION_HF, "models",
      "google/switch-base-8", "main", "" },
    { "hf://o/n/a/b", LOCATION_HF, "models", "o/n", "main", "a/b" },
    { "hf://o/n@v1.0/a@b", LOCATION_HF, "models", "o/n", "v1.0", "a@b" },
    { "hf://o/n@feature%2Fx/a", LOCATION_HF, "models", "o/n", "feature/x",
      "a" },
    { "hf://o/n@refs/pr/12/a/b", LOCATION_HF, "models", "o/n", "refs/pr/12",
      "a/b" },
    { "hf://o/n@refs/convert/parquet", LOCATION_HF, "models", "o/n",
      "refs/convert/parquet", "" },
    { "hf://datasets/o/n@r/a", LOCATION_HF, "datasets", "o/n", "r", "a" },
    { "hf://spaces/o/n/", LOCATION_HF, "spaces", "o/n", "main", "" },
    { "hf://models/o/n/x", LOCATION_HF, "models", "o/n", "main", "x" },
};

START_TEST(test_good)
{
    struct location l;

    for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
        const struct good *g = &goods[i];

        ck_assert(location_is(g->text));
        ck_ok(location_parse(g->text, &l, &err), &err);
        ck_assert_int_eq(l.kind, g->kind);
        ck_assert_str_eq(l.bucket, g->bucket);
        ck_assert_str_eq(l.path, g->path);
        ck_assert_pstr_eq(l.revision, g->revision);
        ck_assert_pstr_eq(l.type, g->type);
        location_done(&l);
        ck_assert_ptr_null(l.bucket);
    }
}
END_TEST

START_TEST(test_bad)
{
    static const struct {
        const char *text;
        enum error_code code;
        const char *word;
    } bad[] = {
        { "gs://", ERR_URL, "no bucket" },
        { "gs:///a", ERR_URL, "no bucket" },
        { "s3://a@b/c", ERR_URL, "bucket name" },
        { "s3://a:80/c", ERR_URL, "bucket name" },
        { "s3://-a/c", ERR_URL, "bucket name" },
        { "s3://.a/c", ERR_URL, "bucket name" },
        { "s3://a./c", ERR_URL, "bucket name" },
        { "s3://a..b/c", ERR_URL, "bucket name" },
        { "s3://a%2fb/c", ERR_URL, "bucket name" },
        { "s3://a?b", ERR_URL, "bucket name" },
        { "gs://b/../c", ERR_PATH, ".." },
        { "gs://b/a/./c", ERR_PATH, "a/./c" },
        { "gs://b//c", ERR_PATH, "/c" },
        { "gs://b/c//", ERR_PATH, "c/" },
        { "hf://o", ERR_URL, "repository" },
        { "hf://o/", ERR_URL, "repository" },
        { "hf:///n", ERR_URL, "repository" },
        { "hf://datasets/o", ERR_URL, "repository" },
        { "hf://o@r/n", ERR_URL, "repository" },
        { "hf://o/n@", ERR_URL, "revision" },
        { "hf://o/n@/a", ERR_URL, "revision" },
        { "hf://o/n@..%2f..%2fx/a", ERR_URL, "revision" },
        { "hf://o/n@a%00/a", ERR_URL, "revision" },
        { "hf://o/n@a%zz/a", ERR_URL, "revision" },
        { "hf://o/n@r/../a", ERR_PATH, ".." },
        { "https://o/n", ERR_URL, "https" },
    };
    struct location l;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(location_parse(bad[i].text, &l, &err), &err, bad[i].code,
                 bad[i].word);
    ck_assert(!location_is("https://a/b"));
    ck_assert(!location_is("gs:/a"));
}
END_TEST

START_TEST(test_long)
{
    static char text[LOCATION_MAX + 2] = "gs://b/";
    struct location l;

    memset(text + 7, 'a', sizeof text - 8);
    ck_fails(location_parse(text, &l, &err), &err, ERR_URL, "too many bytes");
    text[LOCATION_MAX] = '\0';
    ck_ok(location_parse(text, &l, &err), &err);
    location_done(&l);
    memset(text + 5, 'b', 223);
    ck_fails(location_parse(text, &l, &err), &err, ERR_URL, "bucket name");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_good, test_bad, test_long };

    return unit_run("location", tests, sizeof tests / sizeof *tests);
}
