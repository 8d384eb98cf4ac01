/*
 * remote/url, remote/policy, remote/head: what users, redirects and servers
 * say.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "remote/head.h"
#include "remote/policy.h"
#include "remote/url.h"

/* What was taken is written in one way, and taken again as the same. */
static void check_url(const struct url *u)
{
    struct buf first = BUF_INIT(4 * URL_MAX);
    struct buf again = BUF_INIT(4 * URL_MAX);
    struct url copy = { .port = 0 };
    struct error err;

    url_write(u, &first);
    FUZZ_ASSERT(buf_str(&first));
    FUZZ_ASSERT(url_parse(buf_str(&first), &copy, &err) == 0);
    url_write(&copy, &again);
    FUZZ_ASSERT(!strcmp(buf_str(&first), buf_str(&again)));
    FUZZ_ASSERT(url_same_origin(u, &copy));
    FUZZ_ASSERT(*u->host && !strpbrk(u->host, "@/\\%? \r\n"));
    FUZZ_ASSERT(*u->path == '/' && !strstr(u->path, "/../"));
    buf_clear(&again);
    url_write_shown(u, &again);
    FUZZ_ASSERT(!strchr(buf_str(&again), '?'));
    url_done(&copy);
    buf_done(&first);
    buf_done(&again);
}

static void check_redirect(const char *text)
{
    struct url base = { .port = 0 };
    struct url u = { .port = 0 };
    struct error err;

    if (url_parse("https://a.example:8443/b/c/d?e", &base, &err))
        abort();
    if (url_resolve(&base, text, &u, &err) == 0)
        check_url(&u);
    url_done(&base);
    url_done(&u);
}

static void check_lists(const char *text)
{
    const struct policy_options o = { .schemes = "http https",
                                      .ports = text,
                                      .hosts = text,
                                      .exceptions = text };
    struct policy *p = NULL;
    struct error err;

    if (policy_new(&o, &p, &err) == 0)
        policy_free(p);
}

static void check_head(const void *data, size_t size, const char *text)
{
    uint64_t first = 0, last = 0, whole = 0;
    bool has_size = false;
    char value[64];

    if (head_find(data, size, "ETag", value, sizeof value))
        FUZZ_ASSERT(!strpbrk(value, "\n"));
    else
        FUZZ_ASSERT(!*value);
    if (head_content_range(text, &first, &last, &has_size, &whole))
        FUZZ_ASSERT(first <= last && (!has_size || last < whole));
    if (head_retry_after(text, 0, &whole))
        FUZZ_ASSERT(whole <= 24 * 60 * 60);
}

/* On one line; only names in object stores have what begins a fragment. */
static void check_shown(const char *text)
{
    bool is_name = url_has_scheme(text, "gs") || url_has_scheme(text, "s3") ||
                   url_has_scheme(text, "hf");
    char shown[64];

    url_shown(text, shown, sizeof shown);
    FUZZ_ASSERT(!strpbrk(shown, is_name ? "\n" : "#\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct url u = { .port = 0 };
    struct error err;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (url_parse(text, &u, &err) == 0)
        check_url(&u);
    url_done(&u);
    check_shown(text);
    check_redirect(text);
    check_lists(text);
    check_head(data, size, text);
    free(text);
    return 0;
}
