/*
 * Problem documents.
 *
 * An error's texts quote names and values that strangers chose, cut at a byte,
 * so they need not be valid UTF-8, which JSON has to be.
 */
#include "problem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* Bytes of the valid UTF-8 sequence at p; 0 if it is none (RFC 3629, 4). */
static size_t sequence(const unsigned char *p)
{
    static const struct {
        unsigned char first, last; /* range of the first byte */
        unsigned char low, high;   /* range of the second */
        unsigned char len;
    } forms[] = {
        { 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
        { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
        { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (forms[i].len > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].len;
    }
    return 0;
}

/* Writes key and text, with '?' for what is not UTF-8; nothing for "". */
static void put(struct json_writer *w, const char *key, const char *text)
{
    char clean[sizeof((struct error *)NULL)->text];
    const unsigned char *p = (const unsigned char *)text;
    size_t n = 0;
    size_t len;

    while (*p && n + 4 < sizeof clean) {
        len = sequence(p);
        if (len == 0)
            clean[n++] = '?';
        else
            memcpy(clean + n, p, len);
        n += len;
        p += len ? len : 1;
    }
    clean[n] = '\0';
    if (n > 0)
        json_key_str(w, key, clean);
}

void problem_write(const struct error *e, const char *request_id,
                   struct buf *out)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);
    char type[64];

    json_open(&w, '{');
    snprintf(type, sizeof type, "/problems/%s", error_slug(e->code));
    json_key_str(&w, "type", type);
    json_key_str(&w, "title", error_title(e->code));
    json_key_u64(&w, "status", (uint64_t)error_http_status(e->code));
    put(&w, "detail", e->text);
    put(&w, "subject", e->subject);
    put(&w, "expected", e->expected);
    put(&w, "actual", e->actual);
    put(&w, "hint", e->hint);
    put(&w, "request_id", request_id);
    json_close(&w, '}');
    buf_putc(out, '\n');
}
