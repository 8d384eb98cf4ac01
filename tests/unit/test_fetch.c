/*
 * The engine against servers that answer, fail, cut and stall.
 */
#include "fetch_fixture.h"

START_TEST(gets)
{
    struct buf b = BUF_INIT(1 << 20);
    struct fetch_reply r;
    struct fetch_request q = { .body.buf = &b, .headers = { "X-A: 1", NULL } };
    char etag[32];

    http_start(&server, "127.0.0.1", answer_object, NULL);
    q.url = http_url(&server, "/a%20b?c=d", url);
    ck_ok(fetch_do(engine, &q, &r, &err), &err);
    ck_assert_int_eq(r.status, 200);
    ck_assert(r.has_size && r.size == OBJECT && r.received == OBJECT);
    ck_assert_uint_eq(r.attempts, 1);
    ck_assert(fetch_header(&r, "ETag", etag, sizeof etag));
    ck_assert_str_eq(etag, "\"v1\"");
    ck_assert(b.len == OBJECT && is_object(b.data, 0, OBJECT));
    ck_assert_ptr_nonnull(strstr(server.log[0], "GET /a%20b?c=d HTTP/1.1"));
    ck_assert_ptr_nonnull(strstr(server.log[0], "\r\nX-A: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(server.log[0], "User-Agent: switchyard/"));
    fetch_reply_done(&r);
    /* The connection is used again. */
    ck_ok(get("/", &b), &err);
    ck_assert_uint_eq(atomic_load(&server.accepted), 1);
    buf_done(&b);
    http_stop(&server);
}
END_TEST

START_TEST(gets_ranges)
{
    unsigned char bytes[1000];
    struct fetch_reply r;
    struct fetch_request q = { .ranged = true,
                               .offset = 5000,
                               .length = sizeof bytes,
                               .body.bytes = bytes,
                               .body.size = sizeof bytes };

    http_start(&server, "127.0.0.1", answer_object, NULL);
    q.url = http_url(&server, "/", url);
    ck_ok(fetch_do(engine, &q, &r, &err), &err);
    ck_assert_int_eq(r.status, 206);
    ck_assert(r.has_size && r.size == OBJECT);
    ck_assert(is_object(bytes, 5000, sizeof bytes));
    fetch_reply_done(&r);
    q.offset = OBJECT - 10; /* beyond the end */
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE, "size");
    http_stop(&server);
}
END_TEST

static bool answer_whole(struct http_server *s, unsigned n, const char *head,
                         int fd)
{
    (void)s;
    (void)n;
    (void)head;
    http_head(fd, "200 OK", OBJECT, "");
    send_object(fd, 0, OBJECT);
    return true;
}

START_TEST(takes_a_range_of_a_whole_reply)
{
    unsigned char bytes[1000];
    struct fetch_request q = { .ranged = true,
                               .offset = 70000,
                               .length = sizeof bytes,
                               .body.bytes = bytes,
                               .body.size = sizeof bytes };

    http_start(&server, "127.0.0.1", answer_whole, NULL);
    q.url = http_url(&server, "/", url);
    ck_ok(fetch_do(engine, &q, NULL, &err), &err);
    ck_assert(is_object(bytes, 70000, sizeof bytes));
    http_stop(&server);
}
END_TEST

/* Each reply breaks off after a third; the last is whole. */
static bool answer_cut(struct http_server *s, unsigned n, const char *head,
                       int fd)
{
    (void)s;
    (void)n;
    return serve_object(head, fd, "\"v1\"", OBJECT / 3);
}

START_TEST(goes_on_where_it_broke_off)
{
    struct buf b = BUF_INIT(1 << 20);
    struct fetch_reply r;
    struct fetch_request q = { .body.buf = &b };

    http_start(&server, "127.0.0.1", answer_cut, NULL);
    q.url = http_url(&server, "/", url);
    ck_ok(fetch_do(engine, &q, &r, &err), &err);
    ck_assert(b.len == OBJECT && is_object(b.data, 0, OBJECT));
    ck_assert_uint_ge(r.attempts, 4);
    ck_assert_uint_eq(r.received, OBJECT); /* nothing twice */
    ck_assert_ptr_null(strstr(server.log[0], "Range:"));
    ck_assert_ptr_nonnull(strstr(server.log[1], "Range: bytes=33333-\r\n"));
    ck_assert_ptr_nonnull(strstr(server.log[1], "If-Match: \"v1\"\r\n"));
    fetch_reply_done(&r);
    buf_done(&b);
    http_stop(&server);
}
END_TEST

static bool answer_changed(struct http_server *s, unsigned n, const char *head,
                           int fd)
{
    (void)s;
    return serve_object(head, fd, n == 0 ? "\"v1\"" : "\"v2\"",
                        n == 0 ? OBJECT / 3 : OBJECT);
}

START_TEST(sees_that_it_changed)
{
    struct buf b = BUF_INIT(1 << 20);
    struct fetch_request q = { .body.buf = &b };

    http_start(&server, "127.0.0.1", answer_changed, NULL);
    ck_fails(get("/x", &b), &err, ERR_SOURCE_CHANGED, "/x");
    q.url = http_url(&server, "/", url);
    q.if_match = "\"v0\"";
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE_CHANGED,
             "changed");
    ck_assert_ptr_nonnull(strstr(server.log[2], "If-Match: \"v0\""));
    q.if_match = "W/\"v0\""; /* compared, not sent */
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE_CHANGED,
             "changed");
    ck_assert_ptr_null(strstr(server.log[3], "If-Match"));
    buf_done(&b);
    http_stop(&server);
}
END_TEST

static const struct {
    const char *status;
    enum error_code code;
    const char *word;
} statuses[] = {
    { "400 Bad Request", ERR_SOURCE, "400" },
    { "401 Unauthorized", ERR_SOURCE_DENIED, "401" },
    { "403 Forbidden", ERR_SOURCE_DENIED, "403" },
    { "404 Not Found", ERR_NOT_FOUND, "404" },
    { "410 Gone", ERR_NOT_FOUND, "410" },
    { "412 Precondition Failed", ERR_SOURCE_CHANGED, "412" },
    { "416 Range Not Satisfiable", ERR_SOURCE, "416" },
    { "418 I am a teapot", ERR_SOURCE, "418" },
    { "501 Not Implemented", ERR_SOURCE, "501" },
    { "304 Not Modified", ERR_SOURCE, "304" },
};

static bool answer_status(struct http_server *s, unsigned n, const char *head,
                          int fd)
{
    const char *status = statuses[n].status;

    (void)s;
    (void)head;
    http_reply(fd, status, "X-Error-Code: E\r\n",
               strtol(status, NULL, 10) == 304 ? "" : "why");
    return true;
}

START_TEST(tells_statuses_apart)
{
    struct buf b = BUF_INIT(100);
    struct fetch_reply r;
    struct fetch_request q = { .body.buf = &b };
    size_t count = sizeof statuses / sizeof *statuses;
    char code[8];

    http_start(&server, "127.0.0.1", answer_status, NULL);
    q.url = http_url(&server, "/p?sig=s3cret", url);
    for (size_t i = 0; i < count; i++) {
        ck_fails(fetch_do(engine, &q, &r, &err), &err, statuses[i].code,
                 statuses[i].word);
        ck_assert_ptr_nonnull(strstr(err.text, "/p"));
        ck_assert_ptr_null(strstr(err.text, "s3cret"));
        ck_assert_int_eq(r.status, (int)strtol(statuses[i].status, NULL, 10));
        ck_assert(fetch_header(&r, "X-Error-Code", code, sizeof code));
        if (r.status != 304)
            ck_assert_str_eq(buf_str(&r.problem), "why");
        fetch_reply_done(&r);
    }
    ck_assert_uint_eq(atomic_load(&server.requests), count);
    buf_done(&b);
    http_stop(&server);
}
END_TEST

static const char *const passing[] = {
    "408 Request Timeout", "429 Too Many Requests",   "500 Internal Error",
    "502 Bad Gateway",     "503 Service Unavailable", "504 Gateway Timeout",
};

static bool answer_passing(struct http_server *s, unsigned n, const char *head,
                           int fd)
{
    (void)s;
    if (n < sizeof passing / sizeof *passing) {
        http_reply(fd, passing[n], n == 1 ? "Retry-After: 1\r\n" : "", "no");
        return true;
    }
    return serve_object(head, fd, "\"v1\"", OBJECT);
}

START_TEST(tries_again)
{
    struct buf b = BUF_INIT(1 << 20);
    double start = now();

    http_start(&server, "127.0.0.1", answer_passing, NULL);
    ck_ok(get("/", &b), &err);
    ck_assert(b.len == OBJECT && is_object(b.data, 0, OBJECT));
    ck_assert_uint_eq(atomic_load(&server.requests), 7);
    ck_assert(now() - start >= 1);
    buf_done(&b);
    http_stop(&server);
}
END_TEST

static bool answer_503(struct http_server *s, unsigned n, const char *head,
                       int fd)
{
    (void)s;
    (void)n;
    (void)head;
    http_reply(fd, "503 Service Unavailable", s->ctx ? s->ctx : "", "");
    return true;
}

START_TEST(gives_up)
{
    struct buf b = BUF_INIT(100);
    struct fetch_request q = { .body.buf = &b, .seconds = 2 };
    double start = now();

    http_start(&server, "127.0.0.1", answer_503, NULL);
    q.url = http_url(&server, "/p", url);
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE_TIMEOUT, "503");
    ck_assert(now() - start < 7);
    http_stop(&server);
    /* A server that wants a longer pause than there is time is not waited for.
     */
    http_start(&server, "127.0.0.1", answer_503, "Retry-After: 30\r\n");
    q.url = http_url(&server, "/p", url);
    start = now();
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE_TIMEOUT, "503");
    ck_assert(now() - start < 3);
    http_stop(&server);
    /* Nobody listens there any more. */
    q.seconds = 20;
    start = now();
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE, "attempts");
    ck_assert(now() - start < 12);
    q.url = "http://name.invalid/";
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE,
             "name.invalid");
    buf_done(&b);
}
END_TEST

static bool answer_nothing(struct http_server *s, unsigned n, const char *head,
                           int fd)
{
    char byte;

    (void)n;
    (void)head;
    if (s->ctx)
        http_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
    return recv(fd, &byte, 1, 0) > 0;
}

START_TEST(ends_in_time)
{
    struct buf b = BUF_INIT(100);
    struct fetch_request q = { .body.buf = &b, .seconds = 1 };
    double start;

    for (int some = 0; some < 2; some++) {
        http_start(&server, "127.0.0.1", answer_nothing, some ? &server : NULL);
        q.url = http_url(&server, "/p", url);
        start = now();
        ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE_TIMEOUT,
                 "/p");
        ck_assert(now() - start < 6);
        http_stop(&server);
    }
    buf_done(&b);
}
END_TEST

static void *set_soon(void *flag)
{
    usleep(200000);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

START_TEST(can_be_cancelled)
{
    struct buf b = BUF_INIT(100);
    atomic_bool cancel = false;
    struct fetch_request q = { .body.buf = &b, .cancel = &cancel };
    struct fetch_call *call = NULL;
    double start = now();
    pthread_t thread;

    http_start(&server, "127.0.0.1", answer_nothing, NULL);
    q.url = http_url(&server, "/p", url);
    pthread_create(&thread, NULL, set_soon, &cancel);
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_CANCELLED, "");
    pthread_join(thread, NULL);
    q.cancel = NULL;
    ck_ok(fetch_begin(engine, &q, NULL, NULL, &call, &err), &err);
    usleep(50000);
    fetch_cancel(call);
    ck_fails(fetch_end(call, NULL, &err), &err, ERR_CANCELLED, "");
    ck_assert(now() - start < 6);
    /* The engine ends while a request runs. */
    ck_ok(fetch_begin(engine, &q, NULL, NULL, &call, &err), &err);
    usleep(50000);
    fetch_free(engine);
    engine = NULL;
    ck_fails(fetch_end(call, NULL, &err), &err, ERR_CANCELLED, "");
    http_stop(&server);
    buf_done(&b);
}
END_TEST

static int take_slowly(void *ctx, const void *data, size_t len, struct error *e)
{
    size_t *got = ctx;

    (void)e;
    for (size_t done = 0; done < len;) {
        size_t from = (*got + done) % OBJECT;
        size_t part = len - done < OBJECT - from ? len - done : OBJECT - from;

        ck_assert(is_object((const char *)data + done, from, part));
        done += part;
    }
    *got += len;
    if (*got < 2 << 20)
        usleep(1000);
    return 0;
}

static int take_none(void *ctx, const void *data, size_t len, struct error *e)
{
    (void)ctx;
    (void)data;
    (void)len;
    return error_set(e, ERR_SPACE, "the disk is full");
}

/* The object a hundred times over. */
static bool answer_long(struct http_server *s, unsigned n, const char *head,
                        int fd)
{
    (void)s;
    (void)n;
    (void)head;
    http_head(fd, "200 OK", (size_t)100 * OBJECT, "");
    for (int i = 0; i < 100; i++)
        send_object(fd, 0, OBJECT);
    return true;
}

START_TEST(streams)
{
    size_t got = 0;
    struct fetch_request q = { .body.take = take_slowly, .body.ctx = &got };

    http_start(&server, "127.0.0.1", answer_long, NULL);
    q.url = http_url(&server, "/", url);
    ck_ok(fetch_do(engine, &q, NULL, &err), &err);
    ck_assert_uint_eq(got, (size_t)100 * OBJECT);
    q.body.take = take_none;
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SPACE, "full");
    http_stop(&server);
}
END_TEST

static bool answer_large_head(struct http_server *s, unsigned n,
                              const char *head, int fd)
{
    (void)s;
    (void)n;
    (void)head;
    http_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (int i = 0; i < 1000; i++)
        http_say(fd, "X-%d: %0100d\r\n", i, i);
    http_say(fd, "\r\n");
    return false;
}

START_TEST(keeps_limits)
{
    struct buf b = BUF_INIT(OBJECT - 1);
    unsigned char bytes[10];
    struct fetch_request q = { .body.bytes = bytes, .body.size = sizeof bytes };

    http_start(&server, "127.0.0.1", answer_object, NULL);
    ck_fails(get("/p", &b), &err, ERR_LIMIT, "/p");
    q.url = http_url(&server, "/", url);
    ck_fails(fetch_do(engine, &q, NULL, &err), &err, ERR_SOURCE, "size");
    http_stop(&server);
    http_start(&server, "127.0.0.1", answer_large_head, NULL);
    ck_fails(get("/p", &b), &err, ERR_SOURCE, "head");
    http_stop(&server);
    buf_done(&b);
}
END_TEST

enum { THREADS = 8, EACH = 25 };

static void *get_many(void *arg)
{
    struct buf b = BUF_INIT(1 << 20);
    struct error e;
    char u[512];
    struct fetch_request q = { .body.buf = &b };

    (void)arg;
    q.url = http_url(&server, "/", u);
    for (int i = 0; i < EACH; i++) {
        ck_ok(fetch_do(engine, &q, NULL, &e), &e);
        ck_assert(b.len == OBJECT && is_object(b.data, 0, OBJECT));
    }
    buf_done(&b);
    return NULL;
}

static bool answer_badly(struct http_server *s, unsigned n, const char *head,
                         int fd)
{
    (void)s;
    if (n % 10 == 3)
        http_reply(fd, "503 Service Unavailable", "", "");
    else
        return serve_object(head, fd, "\"v1\"",
                            n % 10 == 7 ? OBJECT / 2 : OBJECT);
    return true;
}

START_TEST(serves_many_threads)
{
    pthread_t threads[THREADS];
    uint64_t bytes, requests;

    http_start(&server, "127.0.0.1", answer_badly, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, get_many, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    fetch_statistics(engine, &bytes, &requests);
    ck_assert_uint_eq(bytes, (uint64_t)THREADS * EACH * OBJECT);
    ck_assert_uint_eq(requests, atomic_load(&server.requests));
    http_stop(&server);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        gets,
        gets_ranges,
        takes_a_range_of_a_whole_reply,
        goes_on_where_it_broke_off,
        sees_that_it_changed,
        tells_statuses_apart,
        tries_again,
        gives_up,
        ends_in_time,
        can_be_cancelled,
        streams,
        keeps_limits,
        serves_many_threads,
    };

    return unit_run_in("fetch", tests, sizeof tests / sizeof *tests, setup,
                       teardown);
}
