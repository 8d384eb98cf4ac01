/*
 * Objects behind a web server as a store: what is asked for, and how often.
 */
#include "fetch_fixture.h"
#include "remote/objects.h"
#include "remote/remote.h"

static struct store *store;

/* Objects are named after their sizes: "/100", "/5000000". */
static size_t size_of(const char *head)
{
    const char *p = strchr(head, '/');

    return p ? strtoul(p + 1, NULL, 10) : 0;
}

static bool answer(struct http_server *s, unsigned n, const char *head, int fd)
{
    const char *range = strstr(head, "Range: bytes=");
    size_t size = size_of(head);
    const char *etag = s->ctx ? s->ctx : "\"v1\"";
    char more[256];
    char *end;
    size_t from = 0;
    size_t to = size;

    if (strstr(head, "GET /absent"))
        http_reply(fd, "404 Not Found", "", "no");
    else if (strstr(head, "GET /denied"))
        http_reply(fd, "403 Forbidden", "", "no");
    if (strstr(head, "GET /absent") || strstr(head, "GET /denied"))
        return true;
    if (range) {
        from = strtoul(range + 13, &end, 10);
        if (end[1] >= '0' && end[1] <= '9')
            to = strtoul(end + 1, NULL, 10) + 1;
        to = to < size ? to : size;
    }
    if (range && from >= size) {
        snprintf(more, sizeof more, "Content-Range: bytes */%zu\r\n", size);
        http_reply(fd, "416 Range Not Satisfiable", more, "");
        return true;
    }
    snprintf(more, sizeof more, "ETag: %s\r\n", etag);
    if (range)
        snprintf(more, sizeof more,
                 "ETag: %s\r\nContent-Range: bytes %zu-%zu/%zu\r\n", etag, from,
                 to - 1, size);
    http_head(fd, range ? "206 Partial Content" : "200 OK", to - from, more);
    send_object(fd, from, to - from);
    (void)n;
    return true;
}

static void open_store(void)
{
    const struct remote_options o = { .seconds = 10 };
    char folder[STORE_NAME_MAX + 1];

    setup();
    http_start(&server, "127.0.0.1", answer, NULL);
    ck_ok(remote_open(engine, http_url(&server, "/", url), &o, &store, folder,
                      &err),
          &err);
    ck_assert_str_eq(folder, "");
}

static void close_store(void)
{
    store_free(store);
    http_stop(&server);
    teardown();
}

static unsigned asked(void)
{
    return atomic_load(&server.requests);
}

START_TEST(asks_once)
{
    struct buf b = BUF_INIT(1 << 20);
    unsigned char bytes[50];
    uint64_t size = 0;

    ck_ok(store_get(store, "100", 1000, &b, &err), &err);
    ck_ok(store_get(store, "100", 1000, &b, &err), &err);
    ck_assert(b.len == 100 && is_object(b.data, 0, 100));
    ck_ok(store_size(store, "100", &size, &err), &err);
    ck_ok(store_read(store, "100", 50, bytes, 50, &err), &err);
    ck_assert(size == 100 && is_object(bytes, 50, 50));
    ck_assert_uint_eq(asked(), 1);
    ck_ok(store_size(store, "200", &size, &err), &err);
    ck_ok(store_get(store, "200", 1000, &b, &err), &err);
    ck_assert(size == 200 && b.len == 200);
    ck_assert_uint_eq(asked(), 2);
    ck_fails(store_get(store, "100", 99, &b, &err), &err, ERR_LIMIT, "100");
    buf_done(&b);
}
END_TEST

START_TEST(tells_absence_from_refusal)
{
    struct buf b = BUF_INIT(1000);
    uint64_t size;

    ck_fails(store_size(store, "absent", &size, &err), &err, ERR_NOT_FOUND,
             "absent");
    ck_fails(store_get(store, "absent", 9, &b, &err), &err, ERR_NOT_FOUND,
             "absent");
    ck_assert_uint_eq(asked(), 1);
    ck_fails(store_size(store, "denied", &size, &err), &err, ERR_SOURCE_DENIED,
             "denied");
    ck_fails(store_get(store, "denied", 9, &b, &err), &err, ERR_SOURCE_DENIED,
             "denied");
    ck_assert_uint_eq(asked(), 3);
    buf_done(&b);
}
END_TEST

START_TEST(knows_empty_objects)
{
    struct buf b = BUF_INIT(1000);
    uint64_t size = 1;

    ck_ok(store_size(store, "0", &size, &err), &err);
    ck_assert_uint_eq(size, 0);
    ck_ok(store_get(store, "0", 10, &b, &err), &err);
    ck_assert_uint_eq(b.len, 0);
    buf_done(&b);
}
END_TEST

START_TEST(pins_versions)
{
    unsigned char bytes[100000];
    uint64_t size;

    ck_ok(store_size(store, "5000000", &size, &err), &err);
    ck_ok(store_read(store, "5000000", 1000000, bytes, sizeof bytes, &err),
          &err);
    ck_assert_ptr_nonnull(strstr(server.log[1], "If-Match: \"v1\""));
    server.ctx = "\"v2\"";
    ck_fails(store_read(store, "5000000", 2000000, bytes, sizeof bytes, &err),
             &err, ERR_SOURCE_CHANGED, "5000000");
}
END_TEST

START_TEST(reads_in_steps)
{
    enum { SIZE = 6000000, STEP = 60000 };
    unsigned char bytes[STEP];
    uint64_t size;

    ck_ok(store_size(store, "6000000", &size, &err), &err);
    for (size_t at = 0; at < SIZE; at += STEP) {
        ck_ok(store_read(store, "6000000", at, bytes, STEP, &err), &err);
        ck_assert(is_object(bytes, at, STEP));
    }
    ck_assert_uint_le(asked(), 10);
    /* A small one comes whole; a jump into a large one does not. */
    ck_ok(store_size(store, "300000", &size, &err), &err);
    ck_ok(store_read(store, "300000", 200000, bytes, 10, &err), &err);
    ck_ok(store_read(store, "300000", 100000, bytes, 10, &err), &err);
    ck_assert(is_object(bytes, 100000, 10));
    ck_assert_uint_le(asked(), 12);
}
END_TEST

START_TEST(fetches_ahead)
{
    struct buf b = BUF_INIT(1 << 20);
    unsigned char bytes[70000];
    uint64_t size;

    ck_assert(store_set_ahead(store, 300000, NULL));
    ck_assert(store_soon(store, STORE_SOON_GET, "100000", 0, 100000));
    ck_assert(store_soon(store, STORE_SOON_GET, "100000", 0, 100000));
    ck_assert(store_soon(store, STORE_SOON_READ, "5000000", 9, sizeof bytes));
    ck_assert(store_soon(store, STORE_SOON_SIZE, "4", 0, 0));
    ck_assert(!store_soon(store, STORE_SOON_GET, "100001", 0, 100001));
    ck_ok(store_get(store, "100000", 1 << 20, &b, &err), &err);
    ck_assert(b.len == 100000 && is_object(b.data, 0, b.len));
    ck_ok(store_read(store, "5000000", 9, bytes, sizeof bytes, &err), &err);
    ck_assert(is_object(bytes, 9, sizeof bytes));
    ck_ok(store_size(store, "4", &size, &err), &err);
    ck_assert_uint_eq(asked(), 3);
    ck_assert(store_soon(store, STORE_SOON_GET, "100001", 0, 100001));
    ck_assert(store_soon(store, STORE_SOON_GET, "absent", 0, 1));
    ck_fails(store_get(store, "absent", 9, &b, &err), &err, ERR_NOT_FOUND,
             "absent");
    store_set_ahead(store, 0, NULL); /* drops what nobody took */
    ck_assert(!store_soon(store, STORE_SOON_GET, "5", 0, 5));
    ck_ok(store_get(store, "100001", 1 << 20, &b, &err), &err);
    ck_assert_uint_eq(b.len, 100001);
    buf_done(&b);
}
END_TEST

static int no_entry(void *ctx, const char *name, bool is_folder,
                    struct error *e)
{
    (void)ctx;
    (void)name;
    (void)is_folder;
    (void)e;
    return 0;
}

START_TEST(cannot_list)
{
    ck_fails(store_list(store, "", no_entry, NULL, &err), &err, ERR_FORMAT,
             "web server");
    ck_assert_ptr_nonnull(strstr(err.hint, "checkpoint_N"));
    ck_assert_uint_eq(asked(), 0);
}
END_TEST

static int add_up(void *ctx, const void *data, size_t len, struct error *e)
{
    (void)data;
    (void)e;
    *(size_t *)ctx += len;
    return 0;
}

START_TEST(streams_and_counts)
{
    char version[OBJECTS_VERSION_MAX + 1];
    uint64_t requests = 0, bytes = 0;
    size_t got = 0;

    ck_ok(objects_stream(store, "2000000", add_up, &got, &err), &err);
    ck_assert_uint_eq(got, 2000000);
    ck_assert(objects_version(store, "2000000", version));
    ck_assert_str_eq(version, "\"v1\"");
    objects_statistics(store, &requests, &bytes);
    ck_assert_uint_eq(requests, 1);
    ck_assert_uint_eq(bytes, 2000000);
    ck_fails(objects_stream(store, "../x", add_up, &got, &err), &err, ERR_PATH,
             "../x");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        asks_once,           tells_absence_from_refusal,
        knows_empty_objects, pins_versions,
        reads_in_steps,      fetches_ahead,
        cannot_list,         streams_and_counts,
    };

    return unit_run_in("objects", tests, sizeof tests / sizeof *tests,
                       open_store, close_store);
}
