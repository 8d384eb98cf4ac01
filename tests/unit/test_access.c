/*
 * service/: who may do what. Addresses, origins, tokens, the token file, rates.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/access.h"
#include "service/address.h"
#include "service/limiter.h"
#include "service/origin.h"

#define TOKEN_A "0123456789abcdef-A"
#define TOKEN_B "0123456789abcdef-B"
/* printf %s 0123456789abcdef-C | sha256sum */
#define TOKEN_C "0123456789abcdef-C"
#define HASH_C                                                                 \
    "sha256:"                                                                  \
    "f3b728134852857fa5c8f9eaa5ee1258"                                         \
    "7f2c77c303aabc40e67145ef2da3a23d"

static struct address parse_address(const char *text)
{
    struct address a;
    struct error err;

    ck_ok(address_parse("listen", text, &a, &err), &err);
    return a;
}

START_TEST(test_addresses)
{
    static const char *const local[] = { "127.0.0.1:0", "127.9.9.9:80",
                                         "[::1]:80", "localhost:65535",
                                         "[::ffff:127.0.0.1]:80" };
    static const char *const public[] = {
        "0.0.0.0:80",  "*:80",     "[::]:80",
        "10.0.0.1:80", "[::2]:80", "[::ffff:10.0.0.1]:80"
    };
    static const char *const bad[] = {
        "",           "80",    ":80",           "1.2.3.4",     "1.2.3:80",
        "::1:80",     "[::1]", "[::1:80",       "a.b:80",      "1.2.3.4:x",
        "1.2.3.4:-1", "[]:80", "1.2.3.4:65536", "[1.2.3.4]:80"
    };
    struct address a;
    struct error err;

    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        a = parse_address(local[i]);
        ck_assert(address_is_loopback(&a.sock.any));
    }
    for (size_t i = 0; i < sizeof public / sizeof *public; i++) {
        a = parse_address(public[i]);
        ck_assert(!address_is_loopback(&a.sock.any));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(address_parse("listen", bad[i], &a, &err), ERR_USAGE);
    a = parse_address("1.2.3.4:513");
    ck_assert_int_eq(ntohs(a.sock.v4.sin_port), 513);
    ck_assert_uint_eq(ntohl(a.sock.v4.sin_addr.s_addr), 0x01020304);
}
END_TEST

START_TEST(test_origins)
{
    static const char list[] = "https://a.example, http://localhost:3000";
    static const char *const bad[] = {
        "a.example",   "https://", "https://a.example/", "https://A.example",
        "https://a,b", "://a",     "*, https://a",       "https://a.example?x"
    };
    struct error err;

    ck_ok(origin_check_list("x", list, &err), &err);
    ck_ok(origin_check_list("x", "", &err), &err);
    ck_ok(origin_check_list("x", "*", &err), &err);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(origin_check_list("x", bad[i], &err), ERR_USAGE);
    ck_assert(origin_allowed(list, "https://a.example"));
    ck_assert(origin_allowed(list, "http://localhost:3000"));
    ck_assert(!origin_allowed(list, "http://localhost:300"));
    ck_assert(!origin_allowed(list, "https://a.example.org"));
    ck_assert(!origin_allowed(list, "http://a.example"));
    ck_assert(!origin_allowed(list, ""));
    ck_assert(!origin_allowed("", "https://a.example"));
    ck_assert(!origin_allowed("", ""));
    ck_assert(origin_allowed("*", "https://a.example"));
}
END_TEST

START_TEST(test_tokens)
{
    static const char file[] = "# tokens\n\nread " TOKEN_A "\n"
                               "  admin\t" TOKEN_B "  root \r\n"
                               "convert " HASH_C " robot";
    struct tokens t;
    struct error err;

    ck_ok(tokens_parse("t", file, sizeof file - 1, &t, &err), &err);
    ck_assert_uint_eq(t.count, 3);
    ck_assert(t.has_plain);
    ck_assert_int_eq(tokens_find(&t, TOKEN_A)->role, ROLE_READ);
    ck_assert_str_eq(tokens_find(&t, TOKEN_A)->name, "line 3");
    ck_assert_str_eq(tokens_find(&t, TOKEN_B)->name, "root");
    ck_assert_int_eq(tokens_find(&t, TOKEN_C)->role, ROLE_CONVERT);
    ck_assert_ptr_null(tokens_find(&t, "0123456789abcdef-"));
    ck_assert_ptr_null(tokens_find(&t, "0123456789abcdef-AA"));
    ck_assert_ptr_null(tokens_find(&t, HASH_C));
    ck_assert_ptr_null(tokens_find(&t, ""));
    tokens_done(&t);
}
END_TEST

static const struct {
    const char *text;
    const char *word;
} bad_files[] = {
    { "", "no token" },
    { "# read " TOKEN_A, "no token" },
    { "\nroot " TOKEN_A, "t:2" },
    { "read", "too short" },
    { "read 0123456789abcde", "too short" },
    { "read 0123456789abcde\"f", "too short" },
    { "read " TOKEN_A " a b", "more than" },
    { "none " TOKEN_A, "role" },
    { "read sha256:0123", "hash" },
    { "read sha256:" TOKEN_A TOKEN_A TOKEN_A "zzzzzzzzzz", "hash" },
};

START_TEST(test_bad_tokens)
{
    struct tokens t;
    struct error err;

    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        const char *text = bad_files[i].text;

        ck_fails(tokens_parse("t", text, strlen(text), &t, &err), &err,
                 ERR_USAGE, bad_files[i].word);
        ck_assert_ptr_null(strstr(err.text, "0123456789"));
        ck_assert_ptr_null(strstr(err.actual, "0123456789"));
    }
}
END_TEST

/* A token file that goes away with the test's process at the latest. */
static char token_path[] = "/tmp/switchyard-test-XXXXXX";

static void write_tokens(const char *text, mode_t mode)
{
    FILE *f;

    if (strstr(token_path, "XXXXXX"))
        close(mkstemp(token_path));
    f = fopen(token_path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(token_path, mode), 0);
}

static int open_with(const char *listen, const char *file, const char *token,
                     bool no_auth, struct access **out, struct error *err)
{
    struct address a = parse_address(listen);
    struct access_config config = { .token_file = file,
                                    .token = token,
                                    .no_auth = no_auth,
                                    .cors_origins = "https://good.example",
                                    .listen = &a.sock.any };

    return access_open(&config, out, err);
}

START_TEST(test_rule)
{
    struct access *a = NULL;
    struct error err;

    ck_fails(open_with("*:80", "", "", false, &a, &err), &err, ERR_USAGE,
             "open to everybody");
    ck_fails(open_with("127.0.0.1:80", "", TOKEN_A, true, &a, &err), &err,
             ERR_USAGE, "contradicts");
    ck_fails(open_with("*:80", "", "short", false, &a, &err), &err, ERR_USAGE,
             "too short");
    ck_fails(open_with("*:80", "/no/file", "", false, &a, &err), &err,
             ERR_NOT_FOUND, "/no/file");
    ck_ok(open_with("*:80", "", "", true, &a, &err), &err);
    access_free(a);
    ck_ok(open_with("[::1]:80", "", "", false, &a, &err), &err);
    access_free(a);
    ck_ok(open_with("*:80", "", TOKEN_A, false, &a, &err), &err);
    access_free(a);
}
END_TEST

START_TEST(test_modes)
{
    struct access *a = NULL;
    struct error err;

    write_tokens("read " TOKEN_A "\n", 0644);
    ck_fails(open_with("*:80", token_path, "", false, &a, &err), &err,
             ERR_USAGE, "others may");
    write_tokens("read " TOKEN_A "\n", 0660);
    ck_fails(open_with("*:80", token_path, "", false, &a, &err), &err,
             ERR_USAGE, "others may");
    write_tokens("read " TOKEN_A "\n", 0440);
    ck_ok(open_with("*:80", token_path, "", false, &a, &err), &err);
    access_free(a);
    write_tokens("read " HASH_C "\n", 0444);
    ck_ok(open_with("*:80", token_path, "", false, &a, &err), &err);
    access_free(a);
    write_tokens("read " HASH_C "\n", 0646);
    ck_fails(open_with("*:80", token_path, "", false, &a, &err), &err,
             ERR_USAGE, "others may");
    unlink(token_path);
}
END_TEST

START_TEST(test_check)
{
    struct access *a = NULL;
    struct access_who who;
    struct error err;

    write_tokens("convert " TOKEN_A " ci\nread " TOKEN_B "\n", 0600);
    ck_ok(open_with("*:80", token_path, TOKEN_C, false, &a, &err), &err);
    ck_ok(access_check(a, "Bearer " TOKEN_A, ROLE_READ, &who, &err), &err);
    ck_assert_str_eq(who.name, "ci");
    ck_ok(access_check(a, "bearer   " TOKEN_A, ROLE_CONVERT, &who, &err), &err);
    ck_fails(access_check(a, "Bearer " TOKEN_A, ROLE_ADMIN, &who, &err), &err,
             ERR_FORBIDDEN, "role");
    ck_ok(access_check(a, "Bearer " TOKEN_C, ROLE_ADMIN, &who, &err), &err);
    ck_fails(access_check(a, "Bearer " TOKEN_B, ROLE_CONVERT, &who, &err), &err,
             ERR_FORBIDDEN, "role");
    ck_fails(access_check(a, "Bearer " TOKEN_B "x", ROLE_READ, &who, &err),
             &err, ERR_UNAUTHORIZED, "not known");
    ck_fails(access_check(a, "Basic " TOKEN_A, ROLE_READ, &who, &err), &err,
             ERR_UNAUTHORIZED, "Bearer");
    ck_fails(access_check(a, NULL, ROLE_READ, &who, &err), &err,
             ERR_UNAUTHORIZED, "no token");
    ck_assert_int_eq(who.role, ROLE_NONE);
    ck_ok(access_check(a, NULL, ROLE_NONE, &who, &err), &err);
    access_free(a);
    unlink(token_path);
}
END_TEST

START_TEST(test_reload)
{
    struct access *a = NULL;
    struct access_who who;
    struct error err;

    write_tokens("read " TOKEN_A "\n", 0600);
    ck_ok(open_with("*:80", token_path, "", false, &a, &err), &err);
    write_tokens("admin " TOKEN_B " a b", 0600);
    ck_fails(access_reload(a, false, &err), &err, ERR_USAGE, "more than");
    ck_ok(access_reload(a, false, &err), &err); /* told once */
    ck_ok(access_check(a, "Bearer " TOKEN_A, ROLE_READ, &who, &err), &err);
    write_tokens("admin " TOKEN_B "\n", 0600);
    ck_ok(access_reload(a, false, &err), &err);
    ck_ok(access_check(a, "Bearer " TOKEN_B, ROLE_ADMIN, &who, &err), &err);
    ck_fails(access_check(a, "Bearer " TOKEN_A, ROLE_READ, &who, &err), &err,
             ERR_UNAUTHORIZED, "not known");
    unlink(token_path);
    ck_fails(access_reload(a, false, &err), &err, ERR_NOT_FOUND, token_path);
    ck_ok(access_reload(a, false, &err), &err);
    ck_fails(access_reload(a, true, &err), &err, ERR_NOT_FOUND, token_path);
    ck_ok(access_check(a, "Bearer " TOKEN_B, ROLE_ADMIN, &who, &err), &err);
    access_free(a);
}
END_TEST

START_TEST(test_browser)
{
    static const char good[] = "https://good.example";
    static const char evil[] = "https://evil.example";
    struct access *a = NULL;
    struct error err;

    ck_ok(open_with("127.0.0.1:80", "", "", false, &a, &err), &err);
    ck_ok(access_check_browser(a, true, "localhost:80", NULL, &err), &err);
    ck_ok(access_check_browser(a, true, "[::1]", NULL, &err), &err);
    ck_ok(access_check_browser(a, true, NULL, NULL, &err), &err);
    ck_ok(access_check_browser(a, true, "127.0.0.1:80", good, &err), &err);
    ck_ok(access_check_browser(a, false, "127.0.0.1:80", evil, &err), &err);
    ck_ok(access_check_browser(a, true, "127.0.0.1:80", "http://127.0.0.1:80",
                               &err),
          &err);
    ck_fails(access_check_browser(a, true, "127.0.0.1:80", evil, &err), &err,
             ERR_FORBIDDEN, "origin");
    ck_fails(access_check_browser(a, true, "127.0.0.1:80", "null", &err), &err,
             ERR_FORBIDDEN, "origin");
    ck_fails(access_check_browser(a, false, "evil.example", NULL, &err), &err,
             ERR_FORBIDDEN, "host");
    ck_assert(access_origin_allowed(a, good));
    ck_assert(!access_origin_allowed(a, evil));
    access_free(a);
    ck_ok(open_with("127.0.0.1:80", "", "", true, &a, &err), &err);
    ck_ok(access_check_browser(a, false, "my.example", NULL, &err), &err);
    ck_fails(access_check_browser(a, true, "my.example", evil, &err), &err,
             ERR_FORBIDDEN, "origin");
    access_free(a);
    ck_ok(open_with("127.0.0.1:80", "", TOKEN_A, false, &a, &err), &err);
    ck_ok(access_check_browser(a, true, "my.example", evil, &err), &err);
    access_free(a);
}
END_TEST

#define SECOND ((uint64_t)1000000000)

static bool take(struct limiter *l, const char *ip, uint64_t now)
{
    struct address a = parse_address(ip);
    unsigned retry = 0;
    bool granted = limiter_take(l, &a.sock.any, now, &retry);

    ck_assert(granted || retry >= 1);
    return granted;
}

START_TEST(test_limiter)
{
    struct limiter *l = NULL;
    struct error err;

    ck_ok(limiter_new(2, 3, &l, &err), &err);
    for (int i = 0; i < 3; i++)
        ck_assert(take(l, "10.0.0.1:1", SECOND));
    ck_assert(!take(l, "10.0.0.1:2", SECOND));
    ck_assert(!take(l, "[::ffff:10.0.0.1]:2", SECOND));
    ck_assert(take(l, "10.0.0.2:1", SECOND));
    ck_assert(take(l, "10.0.0.1:1", SECOND * 3 / 2));
    ck_assert(!take(l, "10.0.0.1:1", SECOND * 3 / 2));
    for (int i = 0; i < 3; i++)
        ck_assert(take(l, "10.0.0.1:1", SECOND * 100));
    ck_assert(!take(l, "10.0.0.1:1", SECOND * 100));
    for (int i = 0; i < 3; i++)
        ck_assert(take(l, i % 2 ? "[2001:db8::1]:1" : "[2001:db8::2]:1",
                       SECOND * 100));
    ck_assert(!take(l, "[2001:db8::3]:1", SECOND * 100));
    ck_assert(take(l, "[2001:db8:0:1::3]:1", SECOND * 100));
    limiter_free(l);
}
END_TEST

/* Far more clients than the table holds: each still gets through. */
START_TEST(test_limiter_is_bounded)
{
    struct limiter *l = NULL;
    struct error err;
    char ip[32];

    ck_ok(limiter_new(1, 1, &l, &err), &err);
    for (unsigned i = 0; i < 50000; i++) {
        snprintf(ip, sizeof ip, "10.%u.%u.%u:1", i >> 16, i >> 8 & 255,
                 i & 255);
        ck_assert(take(l, ip, SECOND + i));
    }
    ck_assert(!take(l, ip, SECOND + 50000));
    limiter_free(l);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_addresses,
                                   test_origins,
                                   test_tokens,
                                   test_bad_tokens,
                                   test_rule,
                                   test_modes,
                                   test_check,
                                   test_reload,
                                   test_browser,
                                   test_limiter,
                                   test_limiter_is_bounded };

    return unit_run("access", tests, sizeof tests / sizeof *tests);
}
