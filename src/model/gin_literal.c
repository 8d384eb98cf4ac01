/*
 * Python's literals in gin files: numbers and strings.
 *
 * gin-config evaluates them with Python's ast.literal_eval(), and so this
 * follows Python's lexical rules: 1_000, 0xff, 1e-6, r'\d', b'\x00', '\u00e9'.
 *
 * An integer that 64 bits do not hold becomes the nearest floating-point
 * number, so that a file with such a seed can still be read. Refused, though
 * Python takes them: complex numbers, which no setting is; \N{...}, which needs
 * Unicode's names; NUL and lone surrogates in strings, which a C string and
 * UTF-8 cannot hold.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/gin_parts.h"

enum {
    NUMBER_MAX = 4300 /* characters; Python's own limit for integers */
};

static int refuse(const struct gin_lexer *lex, const struct gin_token *token,
                  const char *expected, const char *hint, struct error *err)
{
    char found[64];

    return gin_error(err, lex->name, token->line, expected,
                     gin_token_text(token, found), hint);
}

static unsigned digit_value(char c)
{
    if (c <= '9')
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a') + 10;
}

/*
 * Digits of 1 << shift each, in any number. The first 64 bits are kept; of the
 * others only whether one is set, which is what rounding to the nearest needs.
 */
static void binary_integer(const char *p, unsigned shift, bool negative,
                           struct gin_value *out)
{
    uint64_t mantissa = 0;
    int dropped = 0;

    for (; *p; p++) {
        for (unsigned i = shift; i-- > 0;) {
            uint64_t bit = digit_value(*p) >> i & 1;

            if (mantissa >> 63) {
                mantissa |= bit;
                dropped++;
            } else {
                mantissa = mantissa << 1 | bit;
            }
        }
    }
    if (dropped > 0 || mantissa > (uint64_t)INT64_MAX + negative) {
        out->kind = GIN_FLOAT;
        out->number = ldexp((double)mantissa, dropped);
        out->number = negative ? -out->number : out->number;
        return;
    }
    out->kind = GIN_INT;
    out->integer = (int64_t)(negative ? 0 - mantissa : mantissa);
}

static void decimal_integer(const char *signed_text, struct gin_value *out)
{
    errno = 0;
    out->integer = strtoll(signed_text, NULL, 10);
    out->kind = GIN_INT;
    if (errno == ERANGE) {
        out->integer = 0;
        out->number = strtod(signed_text, NULL);
        out->kind = GIN_FLOAT;
    }
}

int gin_literal_number(const struct gin_lexer *lex,
                       const struct gin_token *token, bool negative,
                       struct gin_value *out, struct error *err)
{
    char text[NUMBER_MAX + 2];
    const char *digits = text + 1;
    bool integer;
    size_t n = 1;

    if (token->len > NUMBER_MAX)
        return refuse(lex, token, "a number of at most 4300 characters",
                      "write a shorter number", err);
    text[0] = negative ? '-' : ' ';
    for (size_t i = 0; i < token->len; i++)
        if (token->start[i] != '_')
            text[n++] = token->start[i];
    text[n] = '\0';
    integer = !strpbrk(digits, ".eEjJ") || (digits[1] | 0x20) == 'x';
    if (digits[0] == '0' && digits[1] && strchr("xXoObB", digits[1])) {
        unsigned shift = strchr("xX", digits[1])   ? 4
                         : strchr("oO", digits[1]) ? 3
                                                   : 1;

        binary_integer(digits + 2, shift, negative, out);
    } else if (strpbrk(digits, "jJ")) {
        return refuse(lex, token, "a real number",
                      "remove the j: complex numbers are not supported", err);
    } else if (integer && digits[0] == '0' && strspn(digits, "0") < n - 1) {
        return refuse(lex, token, "a number without leading zeros",
                      "remove the zeros, or write 0o for an octal number", err);
    } else if (integer) {
        decimal_integer(text, out);
    } else {
        out->kind = GIN_FLOAT;
        out->number = strtod(text, NULL);
    }
    if (integer && out->kind == GIN_FLOAT && isinf(out->number))
        return refuse(lex, token, "an integer below 1.8e308",
                      "write a smaller number", err);
    return 0;
}

/* One string's decoding: p to end are its contents. */
struct string {
    const struct gin_lexer *lex;
    const struct gin_token *token;
    const char *p;
    const char *end;
    bool raw;
    bool bytes;
    struct buf *out;
};

static int put_point(struct string *s, uint32_t point, struct error *err)
{
    if (point == 0)
        return refuse(s->lex, s->token, "a string without NUL characters",
                      "remove the \\0", err);
    if (!s->bytes && (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)))
        return refuse(s->lex, s->token, "escapes that are characters",
                      "write the character itself, or one from U+0001 to "
                      "U+10FFFF that is no surrogate",
                      err);
    if (s->bytes)
        buf_putc(s->out, (int)point);
    else
        utf8_put(s->out, point);
    return 0;
}

/* Exactly n hexadecimal digits. */
static int put_hex(struct string *s, int n, struct error *err)
{
    uint32_t point = 0;

    for (int i = 0; i < n; i++, s->p++) {
        if (s->p == s->end || !strchr("0123456789abcdefABCDEF", *s->p))
            return refuse(s->lex, s->token,
                          n == 2   ? "two hexadecimal digits after \\x"
                          : n == 4 ? "four hexadecimal digits after \\u"
                                   : "eight hexadecimal digits after \\U",
                          "double the backslash where it stands for itself",
                          err);
        point = point << 4 | digit_value(*s->p);
    }
    return put_point(s, point, err);
}

/* Up to three octal digits, the first of which is at p. */
static int put_octal(struct string *s, struct error *err)
{
    uint32_t point = 0;

    for (int i = 0; i < 3 && s->p < s->end && *s->p >= '0' && *s->p <= '7'; i++)
        point = point << 3 | digit_value(*s->p++);
    return put_point(s, s->bytes ? point & 0xff : point, err);
}

/* What a backslash and p stand for. An unknown escape stands for itself. */
static int put_escape(struct string *s, struct error *err)
{
    static const char letters[] = "\\'\"abfnrtv";
    static const char values[] = "\\'\"\a\b\f\n\r\t\v";
    const char *letter = strchr(letters, *s->p);
    char c = *s->p;

    if (c >= '0' && c <= '7')
        return put_octal(s, err);
    if (c == 'x' || (!s->bytes && (c == 'u' || c == 'U'))) {
        s->p++;
        return put_hex(s, c == 'x' ? 2 : c == 'u' ? 4 : 8, err);
    }
    if (c == 'N' && !s->bytes)
        return refuse(s->lex, s->token, "a character's number",
                      "write \\uXXXX: names as in \\N{...} are not supported",
                      err);
    s->p++;
    if (c == '\n')
        return 0;
    if (!letter) {
        buf_putc(s->out, '\\');
        s->p--; /* it may be the first byte of several */
        return 0;
    }
    buf_putc(s->out, values[letter - letters]);
    return 0;
}

static int decode(struct string *s, struct error *err)
{
    while (s->p < s->end) {
        int rc = 0;
        char c = *s->p++;

        if (s->bytes && (unsigned char)c >= 0x80)
            return refuse(s->lex, s->token, "ASCII in b'...'",
                          "remove the b, or write \\x and the byte", err);
        if (c != '\\' || s->raw || s->p == s->end)
            buf_putc(s->out, c);
        else
            rc = put_escape(s, err);
        if (rc)
            return rc;
    }
    return 0;
}

int gin_literal_string(const struct gin_lexer *lex,
                       const struct gin_token *token, struct buf *out,
                       bool *bytes, struct error *err)
{
    struct string s = { .lex = lex, .token = token, .out = out };
    const char *quote = token->start;
    size_t quotes;

    for (; *quote != '\'' && *quote != '"'; quote++) {
        s.raw |= (*quote | 0x20) == 'r';
        s.bytes |= (*quote | 0x20) == 'b';
        if ((*quote | 0x20) == 'f')
            return refuse(lex, token, "a string",
                          "remove the f: gin does not evaluate f-strings", err);
    }
    quotes = quote[1] == *quote && quote[2] == *quote ? 3 : 1;
    s.p = quote + quotes;
    s.end = token->start + token->len - quotes;
    *bytes = s.bytes;
    return decode(&s, err);
}
