/*
 * Policy: addresses, in every class and at the edges of each, and URLs.
 */
#include "remote/policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "unit.h"

static void read_address(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (strchr(text, ':')) {
        v6->sin6_family = AF_INET6;
        ck_assert_int_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    } else {
        v4->sin_family = AF_INET;
        ck_assert_int_eq(inet_pton(AF_INET, text, &v4->sin_addr), 1);
    }
}

static const char *const refused[] = {
    /* IPv4: both ends of each network. */
    "0.0.0.0",
    "0.0.0.1",
    "0.255.255.255",
    "10.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.0",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.0",
    "127.0.0.1",
    "127.0.0.2",
    "127.0.1.1",
    "127.127.127.127",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.255.255",
    "172.16.0.0",
    "172.16.0.1",
    "172.17.0.1",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.0.255",
    "192.0.2.0",
    "192.0.2.255",
    "192.88.99.0",
    "192.88.99.255",
    "192.168.0.0",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.0",
    "198.51.100.255",
    "203.0.113.0",
    "203.0.113.255",
    "224.0.0.0",
    "224.0.0.1",
    "224.0.0.251",
    "239.255.255.255",
    "240.0.0.0",
    "247.1.2.3",
    "254.255.255.255",
    "255.255.255.254",
    "255.255.255.255",
    /* IPv6 */
    "::",
    "::1",
    "::2",
    "::7f00:1",
    "::127.0.0.1",
    "::10.0.0.1",
    "::8.8.8.8",
    "::ffff:0.0.0.0",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:192.168.1.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::",
    "64:ff9b:1::a00:1",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "64:ff9b:2::1",
    "100::",
    "100::1",
    "100:0:0:1::1",
    "200::1",
    "400::1",
    "1000::1",
    "1fff:ffff::1",
    "2001::",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:1f:ffff::1",
    "2001:20::1",
    "2001:2f::1",
    "2001:1ff:ffff::",
    "2001:db8::",
    "2001:db8::1",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::",
    "2002:7f00:1::",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2002:808:808::1",
    "2002:c0a8:101::1",
    "2002:a9fe:a9fe::1",
    "2002:ffff:ffff::",
    "3fff::",
    "3fff:fff:ffff::1",
    "4000::1",
    "5f00::1",
    "6000::1",
    "8000::1",
    "a000::1",
    "c000::1",
    "e000::1",
    "f000::1",
    "f800::1",
    "fbff::1",
    "fc00::",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fdff:ffff::1",
    "fe00::1",
    "fe7f::1",
    "fe80::",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf:ffff::1",
    "fec0::",
    "fec0::1",
    "feff::1",
    "ff00::",
    "ff01::1",
    "ff02::1",
    "ff02::fb",
    "ff05::2",
    "ff0e::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    /* ISATAP below a public prefix. */
    "2606:4700::5efe:7f00:1",
    "2606:4700::5efe:10.0.0.1",
    "2606:4700::200:5efe:10.0.0.1",
    "2606:4700:1:2:0:5efe:808:808",
};

static const char *const allowed[] = {
    "1.0.0.0",
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2001:db7::1",
    "2001:db9::1",
    "2003::1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "2600:1901::5ee:1",
    "2606:4700:1:2:0:5eff:808:808",
    "3ffe::1",
    "2400:cb00::1",
};

START_TEST(refuses_addresses)
{
    struct sockaddr_storage a;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        read_address(refused[i], &a);
        ck_assert_msg(policy_check_address((struct sockaddr *)&a), "%s",
                      refused[i]);
    }
}
END_TEST

START_TEST(allows_addresses)
{
    struct sockaddr_storage a;

    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        read_address(allowed[i], &a);
        ck_assert_msg(!policy_check_address((struct sockaddr *)&a), "%s",
                      allowed[i]);
    }
}
END_TEST

START_TEST(refuses_other_families)
{
    struct sockaddr_un path = { .sun_family = AF_UNIX };
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    const struct policy_options open = { .open = true };
    struct policy *p = NULL;
    const char *why = NULL;
    struct error err;

    ck_assert_ptr_nonnull(policy_check_address((struct sockaddr *)&path));
    ck_assert_ptr_nonnull(policy_check_address(&none));
    ck_ok(policy_new(&open, &p, &err), &err);
    ck_assert(!policy_allows_address(p, "h", (struct sockaddr *)&path, &why));
    ck_assert_ptr_nonnull(why);
    policy_free(p);
}
END_TEST

START_TEST(names_the_class)
{
    static const struct {
        const char *address;
        const char *word;
    } rows[] = {
        { "127.0.0.1", "loopback" },
        { "10.0.0.1", "private" },
        { "169.254.169.254", "link-local" },
        { "100.64.0.1", "shared" },
        { "255.255.255.255", "broadcast" },
        { "::1", "loopback" },
        { "::ffff:8.8.8.8", "mapped" },
        { "64:ff9b::1", "NAT64" },
        { "2002::1", "6to4" },
        { "2001::1", "Teredo" },
        { "fd00::1", "unique local" },
        { "fec0::1", "site-local" },
    };
    struct sockaddr_storage a;
    const char *why;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        read_address(rows[i].address, &a);
        why = policy_check_address((struct sockaddr *)&a);
        ck_assert_msg(why && strstr(why, rows[i].word), "%s: %s",
                      rows[i].address, why ? why : "public");
    }
}
END_TEST

static bool allows(const struct policy *p, const char *host,
                   const char *address)
{
    struct sockaddr_storage a;
    const char *why = NULL;

    read_address(address, &a);
    return policy_allows_address(p, host, (struct sockaddr *)&a, &why);
}

START_TEST(has_exceptions)
{
    const struct policy_options o = {
        .exceptions = "10.1.0.0/16, fd00:1::/32 192.168.7.7 minio.internal,"
                      "*.cluster.local",
    };
    struct policy *p = NULL;
    struct error err;

    ck_ok(policy_new(&o, &p, &err), &err);
    ck_assert(allows(p, "x", "10.1.2.3"));
    ck_assert(allows(p, "x", "10.1.255.255"));
    ck_assert(!allows(p, "x", "10.2.0.0"));
    ck_assert(!allows(p, "x", "::ffff:10.1.2.3"));
    ck_assert(!allows(p, "x", "2002:a01:203::1"));
    ck_assert(allows(p, "x", "192.168.7.7"));
    ck_assert(!allows(p, "x", "192.168.7.8"));
    ck_assert(allows(p, "x", "fd00:1:2::3"));
    ck_assert(!allows(p, "x", "fd00:2::3"));
    ck_assert(allows(p, "minio.internal", "127.0.0.1"));
    ck_assert(!allows(p, "a.minio.internal", "127.0.0.1"));
    ck_assert(!allows(p, "minio.internal.evil.org", "127.0.0.1"));
    ck_assert(allows(p, "s3.cluster.local", "10.9.9.9"));
    ck_assert(allows(p, "a.b.cluster.local", "10.9.9.9"));
    ck_assert(!allows(p, "cluster.local", "10.9.9.9"));
    ck_assert(!allows(p, "xcluster.local", "10.9.9.9"));
    ck_assert(!allows(p, "x", "127.0.0.1"));
    ck_assert(allows(p, "x", "8.8.8.8"));
    policy_free(p);
}
END_TEST

/* What may be asked for under a policy of these lists. */
static const struct {
    const char *schemes;
    const char *ports;
    const char *hosts;
    const char *exceptions;
    bool open;
    const char *url;
    bool yes;
} urls[] = {
    { NULL, NULL, NULL, NULL, false, "https://example.org/", true },
    { NULL, NULL, NULL, NULL, false, "https://example.org:443/", true },
    { NULL, NULL, NULL, NULL, false, "http://example.org/", false },
    { NULL, NULL, NULL, NULL, false, "http://example.org:443/", false },
    { NULL, NULL, NULL, NULL, false, "https://example.org:8443/", false },
    { NULL, NULL, NULL, NULL, false, "https://example.org:22/", false },
    { NULL, NULL, NULL, NULL, false, "https://127.0.0.1/", false },
    { NULL, NULL, NULL, NULL, false, "https://[::1]/", false },
    { NULL, NULL, NULL, NULL, false, "https://[::ffff:8.8.8.8]/", false },
    { NULL, NULL, NULL, NULL, false, "https://169.254.169.254/", false },
    { NULL, NULL, NULL, NULL, false, "https://8.8.8.8/", true },
    { NULL, NULL, NULL, NULL, false, "https://localhost/", true }, /* later */
    { "https http", NULL, NULL, NULL, false, "http://example.org/", true },
    { "https http", NULL, NULL, NULL, false, "http://example.org:443/", true },
    { "https http", NULL, NULL, NULL, false, "http://example.org:81/", false },
    { "HTTP", NULL, NULL, NULL, false, "https://example.org:80/", false },
    { NULL, "8000-8999,443", NULL, NULL, false, "https://h:8000/", true },
    { NULL, "8000-8999,443", NULL, NULL, false, "https://h:8999/", true },
    { NULL, "8000-8999,443", NULL, NULL, false, "https://h:9000/", false },
    { NULL, "8000-8999,443", NULL, NULL, false, "https://h/", true },
    { NULL, "8443", NULL, NULL, false, "https://h/", false },
    { NULL, NULL, "example.org", NULL, false, "https://example.org/", true },
    { NULL, NULL, "Example.org", NULL, false, "https://EXAMPLE.org/", true },
    { NULL, NULL, "example.org", NULL, false, "https://example.org./", true },
    { NULL, NULL, "example.org", NULL, false, "https://a.example.org/", false },
    { NULL, NULL, "*.example.org", NULL, false, "https://a.example.org/",
      true },
    { NULL, NULL, "*.example.org", NULL, false, "https://example.org/", false },
    { NULL, NULL, "*.example.org", NULL, false, "https://aexample.org/",
      false },
    { NULL, NULL, "*.example.org", NULL, false,
      "https://a.example.org.evil.com/", false },
    { NULL, NULL, NULL, "127.0.0.0/8", false, "https://127.0.0.1/", true },
    { NULL, NULL, NULL, "127.0.0.1", false, "https://127.0.0.2/", false },
    { NULL, NULL, NULL, "::1", false, "https://[::1]/", true },
    { NULL, NULL, NULL, NULL, true, "http://127.0.0.1:8080/", true },
    { NULL, NULL, NULL, NULL, true, "https://[::1]:1/", true },
    { "https", NULL, NULL, NULL, true, "http://127.0.0.1/", false },
};

START_TEST(judges_urls)
{
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const struct policy_options o = { .open = urls[i].open,
                                          .schemes = urls[i].schemes,
                                          .ports = urls[i].ports,
                                          .hosts = urls[i].hosts,
                                          .exceptions = urls[i].exceptions };
        struct policy *p = NULL;
        struct url u = { .port = 0 };
        struct error err;
        int rc;

        ck_ok(policy_new(&o, &p, &err), &err);
        ck_ok(url_parse(urls[i].url, &u, &err), &err);
        rc = policy_check_url(p, &u, &err);
        ck_assert_msg(rc == (urls[i].yes ? 0 : ERR_URL_DENIED), "row %zu: %s",
                      i, urls[i].url);
        url_done(&u);
        policy_free(p);
    }
}
END_TEST

START_TEST(refuses_lists)
{
    static const struct policy_options rows[] = {
        { .schemes = "ftp" },
        { .schemes = "https file" },
        { .ports = "0" },
        { .ports = "65536" },
        { .ports = "80-" },
        { .ports = "90-80" },
        { .ports = "-80" },
        { .ports = "a" },
        { .ports = "80x" },
        { .hosts = "*" },
        { .hosts = "*." },
        { .hosts = "a..b" },
        { .hosts = "a*.b" },
        { .hosts = "https://a" },
        { .hosts = "a/b" },
        { .exceptions = "10.0.0.0/33" },
        { .exceptions = "fd00::/129" },
        { .exceptions = "10.0.0/8" },
        { .exceptions = "10.0.0.0/" },
        { .exceptions = "10.0.0.0/8x" },
        { .exceptions = "::g" },
    };
    struct policy *p = NULL;
    struct error err;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(policy_new(&rows[i], &p, &err) == ERR_USAGE, "row %zu",
                      i);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { refuses_addresses,      allows_addresses,
                                   refuses_other_families, names_the_class,
                                   has_exceptions,         judges_urls,
                                   refuses_lists };

    return unit_run("policy", tests, sizeof tests / sizeof *tests);
}
