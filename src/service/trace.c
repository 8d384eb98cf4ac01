/*
 * Request ids and trace context.
 *
 * Ids need to be unique, not secret, so each thread draws randomness from the
 * kernel for some requests at a time. A traceparent of a later version than 00
 * may be longer; what is known of it is read, as the recommendation asks.
 */
#include "service/trace.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POOL_BYTES = 256 /* the most that getentropy() gives at once */ };

static void draw(unsigned char *out, size_t len)
{
    static _Thread_local unsigned char pool[POOL_BYTES];
    static _Thread_local size_t left;

    if (left < len) {
        if (getentropy(pool, sizeof pool) != 0)
            abort(); /* no kernel of the last ten years does this */
        left = sizeof pool;
    }
    left -= len;
    memcpy(out, pool + left, len);
}

static void hex(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

/* n lower-case hex digits at p; and where nonzero is set, not all zero. */
static bool is_hex(const char *p, size_t n, bool nonzero)
{
    return strspn(p, "0123456789abcdef") >= n &&
           (!nonzero || strspn(p, "0") < n);
}

bool trace_parse(const char *header, struct trace *out)
{
    size_t len = strnlen(header, TRACE_HEADER_LEN + 1);
    bool first = !strncmp(header, "00", 2);

    if (len < TRACE_HEADER_LEN || !is_hex(header, 2, false) ||
        !strncmp(header, "ff", 2) || header[2] != '-' ||
        !is_hex(header + 3, 32, true) || header[35] != '-' ||
        !is_hex(header + 36, 16, true) || header[52] != '-' ||
        !is_hex(header + 53, 2, false))
        return false;
    if (len > TRACE_HEADER_LEN && (first || header[TRACE_HEADER_LEN] != '-'))
        return false;
    memset(out, 0, sizeof *out);
    memcpy(out->id, header + 3, TRACE_ID_LEN);
    memcpy(out->parent, header + 36, TRACE_SPAN_LEN);
    out->flags = (unsigned)strtoul(header + 53, NULL, 16) & 0xff;
    return true;
}

void trace_start(const char *header, struct trace *out)
{
    unsigned char bytes[TRACE_ID_LEN / 2 + TRACE_SPAN_LEN / 2];

    draw(bytes, sizeof bytes);
    bytes[0] |= 1; /* neither id may be all zero */
    bytes[TRACE_ID_LEN / 2] |= 1;
    if (!header || !trace_parse(header, out)) {
        memset(out, 0, sizeof *out);
        hex(bytes, TRACE_ID_LEN / 2, out->id);
    }
    hex(bytes + TRACE_ID_LEN / 2, TRACE_SPAN_LEN / 2, out->span);
}

void trace_format(const struct trace *t, char out[TRACE_HEADER_LEN + 1])
{
    snprintf(out, TRACE_HEADER_LEN + 1, "00-%s-%s-%02x", t->id, t->span,
             t->flags & 1);
}

void trace_request_id(const char *given, char out[TRACE_REQUEST_MAX + 1])
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    unsigned char bytes[10];
    size_t len = given ? strnlen(given, TRACE_REQUEST_MAX + 1) : 0;

    if (len > 0 && len <= TRACE_REQUEST_MAX && strspn(given, safe) == len) {
        memcpy(out, given, len + 1);
        return;
    }
    draw(bytes, sizeof bytes);
    hex(bytes, sizeof bytes, out);
}
