/*
 * remote/gcs_api, s3_api, hf_api, page and message: what is asked of object
 * stores, and what their replies say.
 */
#include "unit.h"

#include <stdio.h>

#include "base/buf.h"
#include "remote/gcs_api.h"
#include "remote/hf_api.h"
#include "remote/message.h"
#include "remote/s3_api.h"
#include "remote/url.h"

static struct error err;
static struct buf out = { .max = 1 << 20 }; /* URLs, and what a page holds */

static const char *text_of(void)
{
    static char text[8192];

    ck_assert_uint_lt(out.len, sizeof text);
    memcpy(text, out.data, out.len);
    text[out.len] = '\0';
    buf_clear(&out);
    return text;
}

static int add_entry(void *ctx, const char *name, bool is_folder,
                     struct error *e)
{
    (void)ctx;
    (void)e;
    buf_printf(&out, "%s%s\n", name, is_folder ? "/" : "");
    return 0;
}

static int add_note(void *ctx, const char *name, uint64_t size,
                    const char *version, struct error *e)
{
    (void)ctx;
    (void)e;
    buf_printf(&out, "  %s %llu %s\n", name, (unsigned long long)size, version);
    return 0;
}

static struct page page_of(const char *prefix)
{
    return (
        struct page){ .prefix = prefix, .entry = add_entry, .note = add_note };
}

START_TEST(test_gcs_urls)
{
    struct gcs_api a = { "https://storage.googleapis.com", "t5-data", NULL };

    gcs_api_list_url(&a, "", NULL, &out);
    ck_assert_str_eq(text_of(),
                     "https://storage.googleapis.com/storage/v1/b/t5-data/o"
                     "?delimiter=%2F&fields=nextPageToken,prefixes,"
                     "items(name,size,generation)&maxResults=1000");
    a.project = "my project";
    gcs_api_list_url(&a, "a b/\xc3\xbc/", "Cg=+/", &out);
    ck_assert_str_eq(text_of(),
                     "https://storage.googleapis.com/storage/v1/b/t5-data/o"
                     "?delimiter=%2F&fields=nextPageToken,prefixes,"
                     "items(name,size,generation)&maxResults=1000"
                     "&prefix=a%20b%2F%C3%BC%2F&pageToken=Cg%3D%2B%2F"
                     "&userProject=my%20project");
    a.project = NULL;
    gcs_api_media_url(&a, "a/*#?%[]/.zarray", "", &out);
    ck_assert_str_eq(text_of(),
                     "https://storage.googleapis.com/storage/v1/b/t5-data/o/"
                     "a%2F%2A%23%3F%25%5B%5D%2F.zarray?alt=media");
    gcs_api_media_url(&a, "a", "1700000000000001", &out);
    ck_assert_str_eq(text_of(),
                     "https://storage.googleapis.com/storage/v1/b/t5-data/o/"
                     "a?alt=media&ifGenerationMatch=1700000000000001");
}
END_TEST

START_TEST(test_gcs_list)
{
    static const char reply[] =
        "{\"kind\":\"storage#objects\",\"nextPageToken\":\"CgV\",\"prefixes\":["
        "\"m/checkpoint_1/\",\"m//\"],\"items\":[{\"name\":\"m/\",\"size\":"
        "\"0\",\"generation\":\"1\"},{\"name\":\"m/a b\",\"size\":"
        "\"9007199254740993\",\"generation\":\"1700000000000001\"},"
        "{\"name\":\"m/c\"}]}";
    struct page p = page_of("m/");

    ck_ok(gcs_api_read_list(reply, sizeof reply - 1, &p, &err), &err);
    ck_assert_str_eq(text_of(), "a b\n  m/a b 9007199254740993 "
                                "1700000000000001\nc\ncheckpoint_1/\n");
    ck_assert(p.found);
    ck_assert_str_eq(p.next, "CgV");
    free(p.next);
    p = page_of("");
    ck_ok(gcs_api_read_list("{\"items\":[{\"name\":\"a\",\"size\":\"1\","
                            "\"generation\":\"\"}]}",
                            51, &p, &err),
          &err);
    ck_assert_str_eq(text_of(), "a\n");
    p = page_of("");
    ck_ok(gcs_api_read_list("{\"nextPageToken\":\"x\"}", 21, &p, &err), &err);
    ck_assert(!p.found);
    ck_assert_str_eq(p.next, "x");
    free(p.next);
    p = page_of("");
    ck_ok(gcs_api_read_list("{}", 2, &p, &err), &err);
    ck_assert(!p.found && !p.next);
}
END_TEST

START_TEST(test_gcs_bad_list)
{
    static const struct {
        const char *reply;
        const char *word;
    } bad[] = {
        { "", "listing" },
        { "[]", "no object" },
        { "<html>", "listing" },
        { "{\"items\":{}}", "list is none" },
        { "{\"items\":[1]}", "no name" },
        { "{\"items\":[{\"name\":\"m/a\",\"size\":\"-1\",\"generation\":\"1\"}"
          "]}",
          "size is no number" },
        { "{\"prefixes\":[1]}", "no string" },
        { "{\"prefixes\":[\"n/\"]}", "not asked for" },
    };
    struct page p = page_of("m/");

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(
            gcs_api_read_list(bad[i].reply, strlen(bad[i].reply), &p, &err),
            &err, ERR_SOURCE, bad[i].word);
}
END_TEST

START_TEST(test_gcs_message)
{
    static const char json[] =
        "{\"error\":{\"code\":404,\"message\":\"The specified bucket does not "
        "exist.\\u001b[0m\",\"errors\":[{\"reason\":\"notFound\"}]}}";
    char text[64];

    ck_assert_str_eq(gcs_api_message(json, sizeof json - 1, text, sizeof text),
                     "The specified bucket does not exist.?[0m");
    ck_assert_str_eq(
        gcs_api_message("{\"error\":\"x\"}", 13, text, sizeof text), "");
    ck_assert_str_eq(gcs_api_message("{", 1, text, sizeof text), "");
    ck_assert_str_eq(gcs_api_message(NULL, 0, text, sizeof text), "");
    ck_assert_str_eq(gcs_api_message("Not Found", 9, text, sizeof text),
                     "Not Found");
}
END_TEST

START_TEST(test_message)
{
    char text[8];

    ck_assert_str_eq(message_line("\r\n a\tb \r\nc", 9, text, sizeof text),
                     "a?b");
    ck_assert_str_eq(message_line("123456789", 9, text, sizeof text),
                     "1234567");
    ck_assert_str_eq(message_line(" <html>", 7, text, sizeof text), "");
    ck_assert_str_eq(message_line("\xc3\x28", 1, text, sizeof text), "?");
    ck_assert_str_eq(message_line("   ", 3, text, sizeof text), "");
}
END_TEST

START_TEST(test_s3_urls)
{
    static const struct {
        struct s3_api api;
        const char *url; /* of key "a b/=+*~.\xc3\xbc" */
    } urls[] = {
        { { NULL, "us-east-1", "bkt", false },
          "https://bkt.s3.us-east-1.amazonaws.com" },
        { { NULL, "eu-west-3", "b.k.t", false },
          "https://s3.eu-west-3.amazonaws.com/b.k.t" },
        { { NULL, "cn-north-1", "bkt", true },
          "https://bkt.s3.cn-north-1.amazonaws.com.cn" },
        { { "http://127.0.0.1:8333", "us-east-1", "bkt", false },
          "http://127.0.0.1:8333/bkt" },
        { { "http://localhost:8333", "us-east-1", "bkt", true },
          "http://bkt.localhost:8333" },
    };
    char want[512];

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        s3_api_object_url(&urls[i].api, "a b/=+*~.\xc3\xbc", &out);
        snprintf(want, sizeof want, "%s/a%%20b/%%3D%%2B%%2A~.%%C3%%BC",
                 urls[i].url);
        ck_assert_str_eq(text_of(), want);
        s3_api_list_url(&urls[i].api, "", NULL, &out);
        snprintf(want, sizeof want,
                 "%s/?delimiter=%%2F&encoding-type=url&list-type=2&prefix=",
                 urls[i].url);
        ck_assert_str_eq(text_of(), want);
    }
    s3_api_list_url(&urls[0].api, "a b/", "1/+==", &out);
    ck_assert_str_eq(text_of(),
                     "https://bkt.s3.us-east-1.amazonaws.com/?continuation-"
                     "token=1%2F%2B%3D%3D&delimiter=%2F&encoding-type=url&"
                     "list-type=2&prefix=a%20b%2F");
}
END_TEST

START_TEST(test_s3_region)
{
    static char longest[S3_API_REGION_MAX + 2];

    ck_assert(s3_api_is_region("us-gov-west-1"));
    ck_assert(!s3_api_is_region(""));
    ck_assert(!s3_api_is_region("-x"));
    ck_assert(!s3_api_is_region("evil.example/"));
    ck_assert(!s3_api_is_region("US"));
    memset(longest, 'a', S3_API_REGION_MAX);
    ck_assert(s3_api_is_region(longest));
    longest[S3_API_REGION_MAX] = 'a';
    ck_assert(!s3_api_is_region(longest));
}
END_TEST

#define S3_LIST                                                                \
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-"              \
    "03-01/\"><Name>bkt</Name><Prefix>m%2F</Prefix>"

START_TEST(test_s3_list)
{
    static const char reply[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" S3_LIST
        "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM="
        "</NextContinuationToken><KeyCount>4</KeyCount><IsTruncated>true"
        "</IsTruncated><Contents><Key>m/</Key><Size>0</Size><ETag>&quot;d41d8"
        "&quot;</ETag></Contents><Contents><Key>m/a+b%2Bc%0A%C3%BC</Key>"
        "<LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>&quot;"
        "fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size>"
        "</Contents><Contents><Key>m/d</Key></Contents><CommonPrefixes><Prefix>"
        "m/e%2Ff/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>m/g/"
        "</Prefix></CommonPrefixes><EncodingType>url</EncodingType>"
        "</ListBucketResult>";
    struct page p = page_of("m/");

    ck_ok(s3_api_read_list(reply, sizeof reply - 1, &p, &err), &err);
    ck_assert_str_eq(text_of(), "a b+c\n\xc3\xbc\n  m/a b+c\n\xc3\xbc 434234 "
                                "\"fba9dede5f27731c9771645a39863328\"\nd\n"
                                "g/\n");
    ck_assert_str_eq(p.next, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=");
    free(p.next);
}
END_TEST

START_TEST(test_s3_list_plain)
{
    static const char reply[] =
        S3_LIST "<IsTruncated>false</IsTruncated><Contents><Key>m/a+b%20&lt;"
                "</Key><Size>x</Size><ETag>e</ETag></Contents>"
                "</ListBucketResult>";
    struct page p = page_of("m/");

    ck_ok(s3_api_read_list(reply, sizeof reply - 1, &p, &err), &err);
    ck_assert_str_eq(text_of(), "a+b%20<\n");
    ck_assert(p.found && !p.next);
}
END_TEST

START_TEST(test_s3_bad_list)
{
    static const struct {
        const char *reply;
        const char *word;
    } bad[] = {
        { "", "not well formed" },
        { "<html></html>", "is none" },
        { "<Error><Code>x</Code></Error>", "is none" },
        { S3_LIST "<IsTruncated>true</IsTruncated></ListBucketResult>",
          "where" },
        { S3_LIST "<Contents><Key>n</Key></Contents></ListBucketResult>",
          "not asked for" },
        { S3_LIST "<EncodingType>url</EncodingType><Contents><Key>m/%</Key>"
                  "</Contents></ListBucketResult>",
          "encoded" },
        { S3_LIST "<EncodingType>url</EncodingType><CommonPrefixes><Prefix>"
                  "m/%00/</Prefix></CommonPrefixes></ListBucketResult>",
          "encoded" },
    };
    struct page p = page_of("m/");

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(s3_api_read_list(bad[i].reply, strlen(bad[i].reply), &p, &err),
                 &err, ERR_SOURCE, bad[i].word);
}
END_TEST

START_TEST(test_s3_error)
{
    static const char moved[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>"
        "AuthorizationHeaderMalformed</Code><Message>The region is\nwrong; "
        "expecting 'eu-west-1'</Message><Region>eu-west-1</Region>"
        "<RequestId>1</RequestId></Error>";
    static const char evil[] =
        "<Error><Code>x</Code><Region>a.example/</Region></Error>";
    struct s3_error e;

    s3_api_read_error(moved, sizeof moved - 1, &e);
    ck_assert_str_eq(e.code, "AuthorizationHeaderMalformed");
    ck_assert_str_eq(e.message, "The region is");
    ck_assert_str_eq(e.region, "eu-west-1");
    s3_api_read_error(evil, sizeof evil - 1, &e);
    ck_assert_str_eq(e.code, "x");
    ck_assert_str_eq(e.region, "");
    s3_api_read_error("<Error><Code>x</Code>", 21, &e);
    ck_assert_str_eq(e.code, "");
    s3_api_read_error("<Error><Code><a/></Code></Error>", 32, &e);
    ck_assert_str_eq(e.code, "");
    s3_api_read_error(NULL, 0, &e);
    ck_assert_str_eq(e.code, "");
}
END_TEST

START_TEST(test_hf_urls)
{
    struct hf_api a = { "https://huggingface.co", "models", "o/n",
                        "refs/pr/1" };

    hf_api_revision_url(&a, &out);
    ck_assert_str_eq(text_of(), "https://huggingface.co/api/models/o/n/"
                                "revision/refs%2Fpr%2F1");
    hf_api_file_url(&a, "a b/c?d", &out);
    ck_assert_str_eq(text_of(), "https://huggingface.co/o/n/resolve/"
                                "refs%2Fpr%2F1/a%20b/c%3Fd");
    hf_api_tree_url(&a, "", &out);
    ck_assert_str_eq(text_of(), "https://huggingface.co/api/models/o/n/tree/"
                                "refs%2Fpr%2F1?recursive=false&expand=false");
    a.type = "datasets";
    hf_api_file_url(&a, "a", &out);
    ck_assert_str_eq(text_of(), "https://huggingface.co/datasets/o/n/resolve/"
                                "refs%2Fpr%2F1/a");
    hf_api_tree_url(&a, "a b", &out);
    ck_assert_str_eq(text_of(),
                     "https://huggingface.co/api/datasets/o/n/tree/"
                     "refs%2Fpr%2F1/a%20b?recursive=false&expand=false");
}
END_TEST

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

START_TEST(test_hf_commit)
{
    static const char good[] = "{\"id\":\"o/n\",\"sha\":\"" COMMIT "\"}";
    static const char *const bad[] = { "", "[]", "{}", "{\"sha\":\"main\"}",
                                       "{\"sha\":\"" COMMIT "0\"}" };
    char commit[HF_API_COMMIT + 1];

    ck_ok(hf_api_read_commit(good, sizeof good - 1, commit, &err), &err);
    ck_assert_str_eq(commit, COMMIT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(hf_api_read_commit(bad[i], strlen(bad[i]), commit, &err), &err,
                 ERR_SOURCE, "revision");
}
END_TEST

START_TEST(test_hf_tree)
{
    static const char reply[] =
        "[{\"type\":\"directory\",\"oid\":\"7f\",\"size\":0,\"path\":\"m/d\"},"
        "{\"type\":\"file\",\"oid\":\"5a\",\"size\":1519,\"path\":\"m/f\"},"
        "{\"type\":\"file\",\"oid\":\"8c\",\"size\":5000000000,\"path\":\"m/g\""
        ",\"lfs\":{\"oid\":\"a1\",\"size\":5000000000,\"pointerSize\":135}},"
        "{\"type\":\"submodule\",\"path\":\"m/h\"},"
        "{\"type\":\"file\",\"path\":\"m/i\"}]";
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "[{\"type\":\"file\"}]",
        "[{\"type\":\"file\",\"path\":\"n/f\"}]",
    };
    struct page p = page_of("m/");

    ck_ok(hf_api_read_tree(reply, sizeof reply - 1, &p, &err), &err);
    ck_assert_str_eq(text_of(), "d/\nf\n  m/f 1519 5a\ng\n  m/g 5000000000 8c"
                                "\ni\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(hf_api_read_tree(bad[i], strlen(bad[i]), &p, &err), &err,
                 ERR_SOURCE, "");
}
END_TEST

START_TEST(test_hf_link)
{
    static const struct {
        const char *link;
        const char *next; /* NULL: none */
    } links[] = {
        { "<https://h/api?cursor=a%3D>; rel=\"next\"",
          "https://h/api?cursor=a%3D" },
        { "<https://h/1>; rel=\"prev\", <https://h/2>; title=\"x\"; rel=next",
          "https://h/2" },
        { "<https://h/1>; rel=\"prev\"", NULL },
        { "<https://h/1>; rel=\"nextone\"", NULL },
        { "<https://h/1>; rel=nextone", NULL },
        { "<https://h/1", NULL },
        { "", NULL },
        { "<https://h/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>; rel=\"next\"", NULL },
    };
    char next[32];

    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        bool found = hf_api_next_link(links[i].link, next, sizeof next);

        ck_assert_int_eq(found, links[i].next != NULL);
        if (found)
            ck_assert_str_eq(next, links[i].next);
    }
}
END_TEST

/* Page i of a listing of ctx pages; a negative number: one without end. */
static int ask(void *ctx, struct page *p, const char *token, struct error *e)
{
    int pages = *(int *)ctx;
    int i = token ? (int)strtol(token, NULL, 10) : 0;
    char text[16];

    snprintf(text, sizeof text, "f%d", i);
    if (page_object(p, text, 1, "v", e))
        return (int)e->code;
    snprintf(text, sizeof text, "%d", pages < 0 ? 7 : i + 1);
    return i + 1 == pages ? 0 : page_next(p, text, e);
}

START_TEST(test_walk)
{
    struct page p = page_of("");
    int pages = 3;

    ck_ok(page_walk(&p, ask, &pages, &err), &err);
    ck_assert_str_eq(text_of(), "f0\n  f0 1 v\nf1\n  f1 1 v\nf2\n  f2 1 v\n");
    ck_assert_ptr_null(p.next);
    pages = -1;
    ck_fails(page_walk(&p, ask, &pages, &err), &err, ERR_SOURCE, "no end");
    ck_assert_str_eq(text_of(), "f0\n  f0 1 v\nf7\n  f7 1 v\n");
    p.prefix = "g/";
    ck_fails(page_walk(&p, ask, &pages, &err), &err, ERR_SOURCE, "asked for");
}
END_TEST

START_TEST(test_decode)
{
    char good[] = "a%2fb%C3%bc+%2B%25";
    char form[] = "a+b%2B";
    char bad[][4] = { "%", "%2", "%zz", "%0z", "a%" };
    char nul[] = "%00";

    ck_assert(url_decode(good, false));
    ck_assert_str_eq(good, "a/b\xc3\xbc++%");
    ck_assert(url_decode(form, true));
    ck_assert_str_eq(form, "a b+");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert(!url_decode(bad[i], false));
    ck_assert(!url_decode(nul, false));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_gcs_urls,    test_gcs_list, test_gcs_bad_list,
        test_gcs_message, test_message,  test_s3_urls,
        test_s3_region,   test_s3_list,  test_s3_list_plain,
        test_s3_bad_list, test_s3_error, test_hf_urls,
        test_hf_commit,   test_hf_tree,  test_hf_link,
        test_walk,        test_decode,
    };
    int rc = unit_run("remote_api", tests, sizeof tests / sizeof *tests);

    buf_done(&out);
    return rc;
}
