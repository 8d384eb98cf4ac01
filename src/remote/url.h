/*
 * URLs of http and https, and what other URLs share with them.
 *
 * The grammar is RFC 3986's, read strictly: what two readers could understand
 * in two ways (userinfo, backslashes, blanks, control characters, raw UTF-8,
 * numbers that only some take for addresses) is refused, not repaired.
 */
#ifndef SWITCHYARD_REMOTE_URL_H
#define SWITCHYARD_REMOTE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

enum {
    URL_MAX = 8192, /* bytes */
    URL_SCHEME_MAX = 15,
    URL_HOST_MAX = 255,
};

/*
 * Texts are owned. Scheme and host are lower case; host has no brackets and no
 * final dot; path begins with '/'.
 */
struct url {
    char scheme[URL_SCHEME_MAX + 1];
    char host[URL_HOST_MAX + 1];
    bool ipv6;     /* host is one, without its brackets */
    unsigned port; /* as given, or the scheme's */
    char *path;    /* percent-encoded as it came */
    char *query;   /* without '?'; NULL if there is none */
};

/* Whether text begins with a scheme and "://". */
bool url_is(const char *text);

/* Whether text begins with this scheme, in any case, and "://". */
bool url_has_scheme(const char *text, const char *scheme);

/*
 * scheme://host[:port][/path][?query] of http or https into out; a fragment is
 * dropped. ERR_URL without out being set, for anything else. The text of an
 * error never holds userinfo or query.
 */
int url_parse(const char *text, struct url *out, struct error *err);
void url_done(struct url *u);

/*
 * What a Location header means in a reply of base: a whole URL, or what stands
 * behind its scheme, host or folder.
 */
int url_resolve(const struct url *base, const char *location, struct url *out,
                struct error *err);

bool url_same_origin(const struct url *a, const struct url *b);

/* Appends the URL; the port only if it is not the scheme's. */
void url_write(const struct url *u, struct buf *out);

/* Appends host and, if it is not the scheme's, port: the header Host. */
void url_write_host(const struct url *u, struct buf *out);

/* Appends what messages and logs may show: no query. */
void url_write_shown(const struct url *u, struct buf *out);

/*
 * The same of any text that was meant as a URL: up to '?' or '#' (but in
 * names of gs, s3 and hf, which may hold them), without userinfo, control
 * characters as '?'. Returns out.
 */
const char *url_shown(const char *text, char *out, size_t size);

/*
 * Appends text with every byte but RFC 3986's unreserved ones as %XX, upper
 * case; '/' is kept where keep_slash says so.
 */
void url_encode(struct buf *out, const char *text, bool keep_slash);

/*
 * Undoes percent-encoding in place; with plus, '+' is a blank as in forms.
 * False for a '%' that no two hex digits follow, and for %00; text is then
 * half done.
 */
bool url_decode(char *text, bool plus);

#endif
