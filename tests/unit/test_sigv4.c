/*
 * remote/sigv4: published signatures, and some that botocore made.
 */
#include "unit.h"

#include <stdio.h>

#include "remote/sigv4.h"

static struct error err;

/* The keys, time and bucket of the examples in S3's documentation. */
#define EXAMPLE_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EXAMPLE_HOST "examplebucket.s3.amazonaws.com"

static const struct sigv4_keys example = { "AKIAIOSFODNN7EXAMPLE",
                                           EXAMPLE_SECRET, NULL, "us-east-1",
                                           "s3" };
static const struct sigv4_keys temporary = {
    "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "session/token+of==many/bytes", "eu-central-1", "s3"
};

enum { MAY_2013 = 1369353600, NOVEMBER_2026 = 1795523696 };

static const struct vector {
    const struct sigv4_keys *keys;
    struct sigv4_request request;
    const char *headers; /* SignedHeaders */
    const char *signature;
} vectors[] = {
    /* sig-v4-header-based-auth.html: GET Object, GET Bucket Lifecycle, GET
       Bucket (List Objects). */
    { &example,
      { "GET", EXAMPLE_HOST, "/test.txt", NULL, "bytes=0-9", MAY_2013 },
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    { &example,
      { "GET", EXAMPLE_HOST, "/", "lifecycle=", NULL, MAY_2013 },
      "host;x-amz-content-sha256;x-amz-date",
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
    { &example,
      { "GET", EXAMPLE_HOST, "/", "max-keys=2&prefix=J", NULL, MAY_2013 },
      "host;x-amz-content-sha256;x-amz-date",
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
    /* botocore's S3SigV4Auth. */
    { &temporary,
      { "GET", "127.0.0.1:8333", "/my-bucket/a%20b/%3Dc%2Bd%2A.%C3%BC", NULL,
        "bytes=10-19", NOVEMBER_2026 },
      "host;range;x-amz-content-sha256;x-amz-date;x-amz-security-token",
      "45c46178b9ad70d97fd79620962249de508115400f899cb8717b27cfebebb1b9" },
    { &temporary,
      { "GET", "bkt.s3.eu-central-1.amazonaws.com", "/",
        "continuation-token=1%2F%2B%3D%3D&delimiter=%2F&encoding-type=url&"
        "list-type=2&prefix=a%20b%2F",
        NULL, NOVEMBER_2026 },
      "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
      "8e0d0c49819923bc88d9aa39af68b9af9deebd4a8292e1bc7a8dac9b4efba218" },
};

START_TEST(test_vectors)
{
    struct buf lines = BUF_INIT(8192);
    char want[512];
    const char *line;

    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];

        buf_clear(&lines);
        ck_ok(sigv4_sign(v->keys, &v->request, &lines, &err), &err);
        line = (const char *)lines.data;
        ck_assert_str_eq(line, "x-amz-content-sha256: " SIGV4_NO_BODY);
        line += strlen(line) + 1;
        ck_assert_str_eq(line, v->request.now == MAY_2013
                                   ? "x-amz-date: 20130524T000000Z"
                                   : "x-amz-date: 20261124T123456Z");
        line += strlen(line) + 1;
        if (v->keys->session) {
            ck_assert_str_eq(line, "x-amz-security-token: "
                                   "session/token+of==many/bytes");
            line += strlen(line) + 1;
        }
        snprintf(want, sizeof want,
                 "Authorization: AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/s3/"
                 "aws4_request, SignedHeaders=%s, Signature=%s",
                 v->keys->id,
                 v->request.now == MAY_2013 ? "20130524" : "20261124",
                 v->keys->region, v->headers, v->signature);
        ck_assert_str_eq(line, want);
        ck_assert_ptr_eq(line + strlen(line) + 1,
                         (const char *)lines.data + lines.len);
    }
    buf_done(&lines);
}
END_TEST

START_TEST(test_limits)
{
    static char path[32768];
    struct sigv4_request q = { "GET", "h", path, NULL, NULL, MAY_2013 };
    struct buf lines = BUF_INIT(8192);
    struct buf few = BUF_INIT(64);

    memset(path, 'a', sizeof path - 1);
    ck_fails(sigv4_sign(&example, &q, &lines, &err), &err, ERR_LIMIT, "bytes");
    ck_assert_uint_eq(lines.len, 0);
    q.path = "/";
    ck_fails(sigv4_sign(&example, &q, &few, &err), &err, ERR_LIMIT, "bytes");
    buf_done(&lines);
    buf_done(&few);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_vectors, test_limits };

    return unit_run("sigv4", tests, sizeof tests / sizeof *tests);
}
