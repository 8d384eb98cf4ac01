/*
 * Reading URLs.
 *
 * libcurl parses a URL again when it sends a request. So that both readers see
 * the same host, only texts pass here that leave no room for an opinion: one
 * character set, no userinfo, no escapes in the host, numbers as hosts only as
 * dotted quads, no dot segments. What passes is written anew from its parts.
 *
 * Dot segments of redirects are resolved as RFC 3986, 5.2.4, says.
 */
#include "remote/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LABEL_MAX = 63, PORT_MAX = 65535 };

static const char alpha[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char digits[] = "0123456789";
static const char hex[] = "0123456789ABCDEFabcdef";

/* RFC 3986: unreserved, sub-delims, and what else may stand in a path. */
static const char path_others[] = "-._~!$&'()*+,;=:@/";

static const struct {
    const char *scheme;
    unsigned port;
} schemes[] = { { "https", 443 }, { "http", 80 } };

static bool is_alnum(char c)
{
    return c && (strchr(alpha, c) || strchr(digits, c));
}

static size_t scheme_length(const char *text)
{
    size_t len = 0;

    if (!*text || !strchr(alpha, *text))
        return 0;
    while (is_alnum(text[len]) || (text[len] && strchr("+-.", text[len])))
        len++;
    return text[len] == ':' ? len : 0;
}

bool url_is(const char *text)
{
    size_t len = scheme_length(text);

    return len > 0 && !strncmp(text + len, "://", 3);
}

bool url_has_scheme(const char *text, const char *scheme)
{
    size_t len = strlen(scheme);

    return !strncasecmp(text, scheme, len) && !strncmp(text + len, "://", 3);
}

/* Names in object stores go to the end: they have no query. */
static bool is_plain(const char *text)
{
    return url_has_scheme(text, "gs") || url_has_scheme(text, "s3") ||
           url_has_scheme(text, "hf");
}

const char *url_shown(const char *text, char *out, size_t size)
{
    const char *marks = is_plain(text) ? "" : "?#";
    const char *rest = text;
    size_t authority;
    size_t len = 0;

    if (url_is(text))
        rest = strstr(text, "://") + 3;
    for (const char *p = text; p < rest && len + 1 < size; p++)
        out[len++] = *p;
    authority = strcspn(rest, "/?#");
    for (size_t i = authority; i > 0; i--) {
        if (rest[i - 1] != '@')
            continue;
        rest += i;
        break;
    }
    for (; *rest && !strchr(marks, *rest) && len + 1 < size; rest++) {
        unsigned char c = (unsigned char)*rest;

        out[len++] = c < 0x20 || c == 0x7f ? '?' : *rest;
    }
    if (size > 0)
        out[len] = '\0';
    return out;
}

static int refuse(const char *text, const char *why, struct error *err)
{
    char shown[200];

    url_shown(text, shown, sizeof shown);
    error_set(err, ERR_URL, "the URL %s %s", shown, why);
    return error_subject(err, "%s", shown);
}

/* Only characters that a URL may have, escapes whole, no dot segments. */
static const char *check_text(const char *text, const char *others)
{
    for (const char *p = text; *p; p++) {
        if (*p == '%') {
            if (!p[1] || !strchr(hex, p[1]) || !p[2] || !strchr(hex, p[2]))
                return "has a '%' that escapes nothing";
            p += 2;
        } else if (!is_alnum(*p) && !strchr(others, *p)) {
            return "has a character that has to be escaped";
        }
    }
    return NULL;
}

/* A segment's length in characters if it is dots only, escaped or not. */
static size_t count_dots(const char *segment, size_t len)
{
    size_t dots = 0;

    while (len > 0) {
        size_t step = *segment == '.'                               ? 1
                      : len >= 3 && !strncasecmp(segment, "%2e", 3) ? 3
                                                                    : 0;

        if (step == 0)
            return 0;
        segment += step;
        len -= step;
        dots++;
    }
    return dots;
}

static bool has_dot_segment(const char *path)
{
    while (*path) {
        size_t len = strcspn(path + 1, "/");
        size_t dots = count_dots(path + 1, len);

        if (dots == 1 || dots == 2)
            return true;
        path += 1 + len;
    }
    return false;
}

static bool is_number_label(const char *label, size_t len)
{
    if (len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
        return strspn(label + 2, hex) >= len - 2;
    return strspn(label, digits) >= len;
}

/* A name of letters, digits and '-', or four numbers: nothing between. */
static const char *check_host(const char *host)
{
    unsigned char quad[4];
    const char *label = host;
    size_t len = 0;

    if (!*host)
        return "names no host";
    for (;;) {
        len = strcspn(label, ".");
        if (len == 0 || len > LABEL_MAX)
            return "has a host that is no name";
        for (size_t i = 0; i < len; i++)
            if (!is_alnum(label[i]) && label[i] != '-' && label[i] != '_')
                return "has a host that is no name";
        if (!label[len])
            break;
        label += len + 1;
    }
    if (is_number_label(label, len) && inet_pton(AF_INET, host, quad) != 1)
        return "has a number for a host that is not written as an IPv4 address";
    return NULL;
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

static const char *read_ipv6(const char *text, size_t len, struct url *u)
{
    struct in6_addr address;

    if (len > INET6_ADDRSTRLEN)
        return "has a host that is no IPv6 address";
    memcpy(u->host, text, len);
    u->host[len] = '\0';
    u->ipv6 = true;
    if (inet_pton(AF_INET6, u->host, &address) != 1)
        return "has a host that is no IPv6 address";
    inet_ntop(AF_INET6, &address, u->host, sizeof u->host);
    return NULL;
}

static const char *read_host(const char *text, size_t len, struct url *u)
{
    if (len > 1 && text[len - 1] == '.')
        len--;
    if (len > URL_HOST_MAX - 2)
        return "has a host that is too long";
    memcpy(u->host, text, len);
    u->host[len] = '\0';
    lower(u->host);
    return check_host(u->host);
}

static const char *read_port(const char *text, size_t len, unsigned *port)
{
    unsigned n = 0;

    if (len == 0 || len > 5)
        return "has a port that is no number";
    for (size_t i = 0; i < len; i++) {
        if (!strchr(digits, text[i]))
            return "has a port that is no number";
        n = 10 * n + (unsigned)(text[i] - '0');
    }
    if (n == 0 || n > PORT_MAX)
        return "has a port that does not exist";
    *port = n;
    return NULL;
}

static const char *read_authority(const char *text, size_t len, struct url *u)
{
    const char *end = text + len;
    const char *host_end;
    const char *why;

    if (memchr(text, '@', len))
        return "holds a user name or password";
    if (len > 0 && *text == '[') {
        host_end = memchr(text, ']', len);
        if (!host_end)
            return "has a host that is no IPv6 address";
        why = read_ipv6(text + 1, (size_t)(host_end - text - 1), u);
        host_end++;
    } else {
        host_end = memchr(text, ':', len);
        if (!host_end)
            host_end = end;
        why = read_host(text, (size_t)(host_end - text), u);
    }
    if (why || host_end == end)
        return why;
    if (*host_end != ':')
        return "has something behind its host";
    return read_port(host_end + 1, (size_t)(end - host_end - 1), &u->port);
}

static const char *read_scheme(const char *text, struct url *u)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!url_has_scheme(text, schemes[i].scheme))
            continue;
        snprintf(u->scheme, sizeof u->scheme, "%s", schemes[i].scheme);
        u->port = schemes[i].port;
        return NULL;
    }
    return url_is(text) ? "is neither of http nor of https" : "is no URL";
}

/* NULL, or why it is refused. */
static const char *check_tail(const char *path, const char *query)
{
    const char *why = check_text(path, path_others);

    if (!why && query)
        why = check_text(query, "-._~!$&'()*+,;=:@/?");
    if (!why && has_dot_segment(path))
        why = "has '.' or '..' in its path";
    return why;
}

static int read_tail(const char *text, struct url *u)
{
    size_t path = strcspn(text, "?#");

    u->path = path ? strndup(text, path) : strdup("/");
    if (text[path] == '?')
        u->query = strndup(text + path + 1, strcspn(text + path + 1, "#"));
    return u->path && (u->query || text[path] != '?') ? 0 : ERR_MEMORY;
}

int url_parse(const char *text, struct url *out, struct error *err)
{
    struct url u = { .port = 0 };
    const char *why = read_scheme(text, &u);
    const char *authority;
    size_t len;

    if (why)
        return refuse(text, why, err);
    if (strlen(text) > URL_MAX)
        return refuse(text, "is too long", err);
    authority = text + strlen(u.scheme) + 3;
    len = strcspn(authority, "/?#");
    why = read_authority(authority, len, &u);
    if (why)
        return refuse(text, why, err);
    if (read_tail(authority + len, &u)) {
        url_done(&u);
        return error_memory(err);
    }
    why = check_tail(u.path, u.query);
    if (why) {
        url_done(&u);
        return refuse(text, why, err);
    }
    *out = u;
    return 0;
}

void url_done(struct url *u)
{
    free(u->path);
    free(u->query);
    *u = (struct url){ .port = 0 };
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return !strcmp(a->scheme, b->scheme) && !strcmp(a->host, b->host) &&
           a->port == b->port;
}

static unsigned default_port(const char *scheme)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strcmp(scheme, schemes[i].scheme))
            return schemes[i].port;
    return 0;
}

void url_write_host(const struct url *u, struct buf *out)
{
    buf_printf(out, u->ipv6 ? "[%s]" : "%s", u->host);
    if (u->port != default_port(u->scheme))
        buf_printf(out, ":%u", u->port);
}

static void write_origin(const struct url *u, struct buf *out)
{
    buf_printf(out, "%s://", u->scheme);
    url_write_host(u, out);
}

void url_write_shown(const struct url *u, struct buf *out)
{
    write_origin(u, out);
    buf_puts(out, u->path);
}

void url_write(const struct url *u, struct buf *out)
{
    url_write_shown(u, out);
    if (u->query)
        buf_printf(out, "?%s", u->query);
}

/* Takes '.' and '..' out of a path, in place (RFC 3986, 5.2.4). */
static void remove_dots(char *path)
{
    char *to = path;
    const char *from = path;

    while (*from == '/') {
        size_t len = strcspn(from + 1, "/");
        size_t dots = count_dots(from + 1, len);
        bool last = from[1 + len] == '\0';

        if (dots == 2)
            while (to > path && *--to != '/')
                ;
        if (dots == 1 || dots == 2) {
            if (last)
                *to++ = '/';
        } else {
            memmove(to, from, len + 1);
            to += len + 1;
        }
        from += 1 + len;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

/* The path that location, which begins with neither '/' nor a scheme, means. */
static void join_path(const struct url *base, const char *location,
                      struct buf *out)
{
    const char *slash = strrchr(base->path, '/');
    size_t keep = strlen(base->path);

    if (*location && !strchr("?#", *location))
        keep = slash ? (size_t)(slash - base->path) + 1 : 0;
    buf_append(out, base->path, keep);
}

/* Writes the target with dot segments still in it. */
static int write_target(const struct url *base, const char *location,
                        struct buf *out, struct error *err)
{
    size_t scheme = scheme_length(location);

    if (scheme > 0 && !url_is(location))
        return refuse(location, "is neither of http nor of https", err);
    if (scheme > 0) {
        buf_puts(out, location);
    } else if (!strncmp(location, "//", 2)) {
        buf_printf(out, "%s:%s", base->scheme, location);
    } else {
        write_origin(base, out);
        if (*location != '/')
            join_path(base, location, out);
        buf_puts(out, location);
    }
    return buf_str(out) ? 0 : refuse(location, "is too long", err);
}

int url_resolve(const struct url *base, const char *location, struct url *out,
                struct error *err)
{
    struct buf target = BUF_INIT(2 * URL_MAX);
    int rc = write_target(base, location, &target, err);
    char *text = (char *)target.data;
    char *path;
    char *tail;

    if (!rc) {
        path = strstr(text, "://");
        path = path ? path + 3 + strcspn(path + 3, "/?#") : text;
        tail = path + strcspn(path, "?#");
        if (*path == '/') {
            char mark = *tail;
            size_t len;

            *tail = '\0';
            remove_dots(path);
            len = strlen(path);
            *tail = mark;
            memmove(path + len, tail, strlen(tail) + 1);
        }
        rc = url_parse(text, out, err);
    }
    buf_done(&target);
    return rc;
}

void url_encode(struct buf *out, const char *text, bool keep_slash)
{
    for (; *text; text++) {
        if (is_alnum(*text) || strchr("-._~", *text) ||
            (keep_slash && *text == '/'))
            buf_putc(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool url_decode(char *text, bool plus)
{
    char *to = text;
    int high;
    int low;

    for (; *text; text++) {
        if (*text != '%') {
            *to++ = (char)(plus && *text == '+' ? ' ' : *text);
            continue;
        }
        high = hex_value(text[1]);
        low = high < 0 ? -1 : hex_value(text[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        text += 2;
    }
    *to = '\0';
    return true;
}
