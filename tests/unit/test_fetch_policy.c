/*
 * What the engine is made to fetch: redirects, secrets, addresses.
 */
#include "fetch_fixture.h"

static struct http_server other;

/* /hop/N redirects to /hop/N-1, /hop/0 is there; /to?X redirects to X. */
static bool answer_redirect(struct http_server *s, unsigned n, const char *head,
                            int fd)
{
    const char *to = strstr(head, "/to?");
    const char *hop = strstr(head, "/hop/");
    char more[600];

    (void)s;
    (void)n;
    if (to)
        snprintf(more, sizeof more, "Location: %.*s\r\n",
                 (int)strcspn(to + 4, " "), to + 4);
    else if (hop && hop[5] > '0')
        snprintf(more, sizeof more, "Location: /hop/%c\r\n", hop[5] - 1);
    else
        return serve_object(head, fd, "\"v1\"", OBJECT);
    http_reply(fd, "302 Found", more, "moved");
    return true;
}

START_TEST(follows_redirects)
{
    struct buf b = BUF_INIT(1 << 20);
    struct fetch_reply r;
    struct fetch_request q = { .body.buf = &b, .stay = true };

    http_start(&server, "127.0.0.1", answer_redirect, NULL);
    ck_ok(get("/hop/5", &b), &err);
    ck_assert(b.len == OBJECT && is_object(b.data, 0, OBJECT));
    ck_fails(get("/hop/6", &b), &err, ERR_SOURCE, "too often");
    ck_fails(get("/to?file:///etc/passwd", &b), &err, ERR_URL, "http");
    ck_fails(get("/to?http://u:p@127.0.0.1/", &b), &err, ERR_URL, "user name");
    q.url = http_url(&server, "/hop/1", url);
    ck_ok(fetch_do(engine, &q, &r, &err), &err);
    ck_assert_int_eq(r.status, 302);
    fetch_reply_done(&r);
    buf_done(&b);
    http_stop(&server);
}
END_TEST

START_TEST(keeps_secrets_at_home)
{
    struct buf b = BUF_INIT(1 << 20);
    char path[600];
    char target[512];
    struct fetch_request q = { .body.buf = &b,
                               .bearer = "t0ken",
                               .headers = { "X-Secret: 1", NULL } };

    http_start(&server, "127.0.0.1", answer_redirect, NULL);
    http_start(&other, "127.0.0.1", answer_object, NULL);
    snprintf(path, sizeof path, "/to?%s", http_url(&other, "/x", target));
    q.url = http_url(&server, path, url);
    ck_ok(fetch_do(engine, &q, NULL, &err), &err);
    ck_assert_ptr_nonnull(
        strstr(server.log[0], "Authorization: Bearer t0ken\r\n"));
    ck_assert_ptr_nonnull(strstr(server.log[0], "X-Secret: 1\r\n"));
    ck_assert_ptr_null(strstr(other.log[0], "t0ken"));
    ck_assert_ptr_null(strstr(other.log[0], "X-Secret"));
    /* Not in the clear to another machine; this address only looks like one. */
    snprintf(url, sizeof url, "http://0.0.0.0:%u/", server.port);
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_URL_DENIED,
             "unencrypted");
    ck_assert_uint_eq(atomic_load(&server.requests), 1);
    http_stop(&server);
    http_stop(&other);
    buf_done(&b);
}
END_TEST

/* As the service is, but for ports and schemes. */
static void be_strict(const char *exceptions)
{
    const struct policy_options p = { .schemes = "http https",
                                      .ports = "1-65535",
                                      .exceptions = exceptions };
    struct fetch_options o = { .seconds = 20 };

    teardown();
    ck_ok(policy_new(&p, &open_policy, &err), &err);
    o.policy = open_policy;
    ck_ok(fetch_new(&o, &engine, &err), &err);
}

START_TEST(does_not_connect)
{
    struct buf b = BUF_INIT(1 << 20);
    struct fetch_request q = { .body.buf = &b };
    char path[600];
    char target[512];

    be_strict("127.0.0.1");
    http_start(&server, "127.0.0.1", answer_redirect, NULL);
    http_start(&other, "127.0.0.2", answer_object, NULL);
    ck_ok(get("/hop/0", &b), &err);
    q.url = http_url(&other, "/", url);
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_URL_DENIED,
             "loopback");
    snprintf(path, sizeof path, "/to?%s", http_url(&other, "/", target));
    ck_fails(get(path, &b), &err, ERR_URL_DENIED, "loopback");
    q.url = url;
    snprintf(url, sizeof url, "http://[::ffff:127.0.0.2]:%u/", other.port);
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_URL_DENIED, "mapped");
    ck_assert_uint_eq(atomic_load(&other.accepted), 0);
    http_stop(&server);
    http_stop(&other);
    buf_done(&b);
}
END_TEST

/* Of a name nothing is known before it is resolved. */
START_TEST(does_not_connect_to_names)
{
    struct buf b = BUF_INIT(1 << 20);
    struct fetch_request q = { .body.buf = &b, .url = url };

    be_strict(NULL);
    http_start(&server, "127.0.0.1", answer_object, NULL);
    snprintf(url, sizeof url, "http://localhost:%u/", server.port);
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_URL_DENIED,
             "loopback");
    usleep(50000); /* the server has time to see who connected */
    ck_assert_uint_eq(atomic_load(&server.accepted), 0);
    http_stop(&server);
    buf_done(&b);
}
END_TEST

/* What was connected for one who may must not serve one who may not. */
START_TEST(checks_connections_that_are_used_again)
{
    struct buf b = BUF_INIT(1 << 20);
    struct fetch_request q = { .body.buf = &b, .url = url, .trusted = true };

    be_strict(NULL);
    http_start(&server, "127.0.0.1", answer_object, NULL);
    snprintf(url, sizeof url, "http://localhost:%u/", server.port);
    ck_ok(fetch_do(engine, &q, NULL, &err), &err);
    ck_ok(fetch_do(engine, &q, NULL, &err), &err);
    ck_assert_uint_eq(atomic_load(&server.accepted), 1);
    q.trusted = false;
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_URL_DENIED,
             "loopback");
    ck_assert_uint_eq(atomic_load(&server.requests), 2);
    http_stop(&server);
    buf_done(&b);
}
END_TEST

START_TEST(ignores_the_environment)
{
    struct buf b = BUF_INIT(1 << 20);

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    http_start(&server, "127.0.0.1", answer_object, NULL);
    ck_ok(get("/", &b), &err);
    http_stop(&server);
    buf_done(&b);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        follows_redirects,
        keeps_secrets_at_home,
        does_not_connect,
        does_not_connect_to_names,
        checks_connections_that_are_used_again,
        ignores_the_environment,
    };

    return unit_run_in("fetch_policy", tests, sizeof tests / sizeof *tests,
                       setup, teardown);
}
