/*
 * Gin's tokens, which are Python's: gin-config reads its files with Python's
 * tokenize module, and so a line's end counts outside of brackets only, a
 * backslash before it joins lines, and a change of indentation is a token.
 *
 * Tokens are slices of a copy of the file that gin_lex_prepare() made; nothing
 * is allocated here. Comments and blank lines are dropped. Operators are single
 * characters: gin knows none of Python's longer ones, and where one of those
 * stands ("=="), its second character is already a syntax error.
 *
 * Left out: letters beyond ASCII in names. Python allows them, no library that
 * is configured with gin has them, and they need Unicode's tables.
 */
#include "model/gin_lex.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/gin.h"

int gin_error(struct error *err, const char *name, unsigned line,
              const char *expected, const char *found, const char *hint)
{
    error_set(err, ERR_GIN, "%s, line %u: expected %s, found %s", name, line,
              expected, found);
    error_subject(err, "%s, line %u", name, line);
    error_expected(err, "%s", expected);
    error_actual(err, "%s", found);
    return error_hint(err, "%s", hint);
}

int gin_lex_prepare(const void *text, size_t len, const char *name, char **out,
                    size_t *out_len, struct error *err)
{
    /* An empty file may come as no text at all. */
    const unsigned char *p = len > 0 ? text : (const unsigned char *)"";
    const unsigned char *end;
    unsigned line = 1;
    size_t used = 0;
    char *copy;

    if (len > GIN_MAX_BYTES) {
        error_set(err, ERR_GIN, "%s has %zu bytes, a gin file at most %d", name,
                  len, GIN_MAX_BYTES);
        error_subject(err, "%s", name);
        error_expected(err, "at most %d bytes", GIN_MAX_BYTES);
        error_actual(err, "%zu bytes", len);
        return error_hint(err, "give the model's gin file, which is text");
    }
    copy = malloc(len + 2);
    if (!copy)
        return error_memory(err);
    if (len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) {
        p += 3;
        len -= 3;
    }
    for (end = p + len; p < end;) {
        size_t n = utf8_length(p, (size_t)(end - p));

        if (n == 0 || *p == '\0') {
            char found[32];

            snprintf(found, sizeof found, "the byte 0x%02x", *p);
            free(copy);
            return gin_error(err, name, line, "UTF-8 text", found,
                             "give the model's gin file, which is text");
        }
        if (*p == '\r') {
            copy[used++] = '\n';
            p += p + 1 < end && p[1] == '\n' ? 2 : 1;
            line++;
            continue;
        }
        line += *p == '\n';
        memcpy(copy + used, p, n);
        used += n;
        p += n;
    }
    if (used == 0 || copy[used - 1] != '\n')
        copy[used++] = '\n';
    copy[used] = '\0';
    *out = copy;
    *out_len = used;
    return 0;
}

void gin_lex_init(struct gin_lexer *lex, const char *text, size_t len,
                  const char *name)
{
    *lex = (struct gin_lexer){
        .text = text, .len = len, .name = name, .line = 1, .at_line_start = 1
    };
}

const char *gin_token_text(const struct gin_token *token, char text[static 64])
{
    static const char *const names[] = {
        [GIN_TOKEN_END] = "the end of the file",
        [GIN_TOKEN_NEWLINE] = "the end of the line",
        [GIN_TOKEN_NL] = "the end of the line",
        [GIN_TOKEN_INDENT] = "an indented line",
        [GIN_TOKEN_DEDENT] = "the end of the block",
        [GIN_TOKEN_OP] = NULL,
    };
    const char *quote = token->kind == GIN_TOKEN_STRING ? "" : "'";
    size_t used = strlen(quote);
    size_t i = 0;

    if (names[token->kind])
        return names[token->kind];
    text[0] = *quote;
    while (i < token->len && used < 40) {
        unsigned char c = (unsigned char)token->start[i];
        size_t n = utf8_length(token->start + i, token->len - i);

        if (n == 0 || c < 0x20 || c == 0x7f) {
            used += (size_t)snprintf(text + used, 64 - used, "\\x%02x", c);
            i++;
            continue;
        }
        memcpy(text + used, token->start + i, n);
        used += n;
        i += n;
    }
    snprintf(text + used, 64 - used, "%s%s", i < token->len ? "..." : "",
             quote);
    return text;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(int c)
{
    return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static bool is_base_digit(int c, int base)
{
    if (base == 16)
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    return c >= '0' && c < '0' + base;
}

/* Digits with single underscores before all but perhaps the first. */
static const char *skip_digits(const char *p, int base, bool underscore_first)
{
    bool first = !underscore_first;

    while (is_base_digit(*p, base) ||
           (!first && *p == '_' && is_base_digit(p[1], base))) {
        p += *p == '_' ? 2 : 1;
        first = false;
    }
    return p;
}

/* p points at a digit, or at a dot before one. */
static const char *skip_number(const char *p)
{
    static const char letters[] = "xXoObB";
    static const int bases[] = { 16, 16, 8, 8, 2, 2 };
    const char *letter = *p == '0' && p[1] ? strchr(letters, p[1]) : NULL;
    const char *end;

    if (letter) {
        end = skip_digits(p + 2, bases[letter - letters], true);
        return end > p + 2 ? end : p + 1;
    }
    p = skip_digits(p, 10, false);
    if (*p == '.')
        p = skip_digits(p + 1, 10, false);
    if (*p == 'e' || *p == 'E') {
        end = p + (p[1] == '+' || p[1] == '-' ? 2 : 1);
        if (is_digit(*end))
            p = skip_digits(end, 10, false);
    }
    return *p == 'j' || *p == 'J' ? p + 1 : p;
}

/* The length of a string's prefix at p if a quote follows it, else -1. */
static int string_prefix(const char *p)
{
    static const char *const prefixes[] = { "",   "b",  "r",  "u", "f",
                                            "br", "rb", "fr", "rf" };

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i]);
        size_t same = 0;

        while (same < n && (p[same] | 0x20) == prefixes[i][same])
            same++;
        if (same == n && (p[n] == '\'' || p[n] == '"'))
            return (int)n;
    }
    return -1;
}

/* A string up to its closing quotes; quote points at the first one. */
static int lex_string(struct gin_lexer *lex, const char *quote,
                      struct gin_token *out, struct error *err)
{
    const char *end = lex->text + lex->len;
    size_t n = quote[1] == *quote && quote[2] == *quote ? 3 : 1;
    const char *p = quote + n;
    char found[64];

    while (p < end &&
           !(*p == *quote && (n == 1 || (p[1] == *quote && p[2] == *quote)))) {
        if (*p == '\n' && n == 1)
            break;
        p += *p == '\\' && p + 1 < end ? 1 : 0;
        lex->line += *p == '\n';
        p++;
    }
    if (p < end && *p == *quote) {
        out->len = (size_t)(p + n - out->start);
        return 0;
    }
    out->len = (size_t)(p - out->start);
    if (p == end && out->len > 0)
        out->len--;
    return gin_error(err, lex->name, out->line,
                     n == 3 ? "a string with three closing quotes"
                            : "a string with a closing quote",
                     gin_token_text(out, found),
                     "close the string with the quotes that open it");
}

static int refuse_character(const struct gin_lexer *lex, struct error *err)
{
    const unsigned char *p = (const unsigned char *)lex->text + lex->pos;
    struct gin_token token = { GIN_TOKEN_OP, (const char *)p,
                               utf8_length(p, lex->len - lex->pos), lex->line };
    char found[64];

    return gin_error(err, lex->name, lex->line,
                     "ASCII outside of strings and comments",
                     gin_token_text(&token, found),
                     "quote the text, or remove the character");
}

/* Moves to the next character that counts; joins lines at a backslash. */
static int skip_blanks(struct gin_lexer *lex, struct error *err)
{
    const char *text = lex->text;

    for (;;) {
        char c = text[lex->pos];

        if (c == ' ' || c == '\t' || c == '\f') {
            lex->pos++;
        } else if (c == '#') {
            lex->pos += strcspn(text + lex->pos, "\n");
        } else if (c == '\\' && text[lex->pos + 1] == '\n') {
            lex->pos += 2;
            if (lex->pos == lex->len)
                return gin_error(err, lex->name, lex->line,
                                 "a line after the backslash",
                                 "the end of the file",
                                 "remove the backslash at the line's end");
            lex->line++;
        } else {
            return 0;
        }
    }
}

/* The column where the line's text begins; tabs go to multiples of eight. */
static unsigned line_indent(struct gin_lexer *lex)
{
    unsigned column = 0;

    for (;; lex->pos++) {
        char c = lex->text[lex->pos];

        if (c == ' ')
            column++;
        else if (c == '\t')
            column = (column / 8 + 1) * 8;
        else if (c == '\f')
            column = 0;
        else
            return column;
    }
}

/* Skips blank lines, then tells how the first other one is indented. */
static int lex_line_start(struct gin_lexer *lex, bool *indented,
                          struct error *err)
{
    unsigned column = 0;

    lex->at_line_start = 0;
    for (;;) {
        column = line_indent(lex);
        if (lex->text[lex->pos] == '#')
            lex->pos += strcspn(lex->text + lex->pos, "\n");
        if (lex->text[lex->pos] != '\n')
            break;
        lex->pos++;
        lex->line++;
    }
    if (lex->pos == lex->len)
        column = 0;
    if (column > lex->indents[lex->depth]) {
        if (lex->depth + 1 == GIN_MAX_INDENTS)
            return gin_error(err, lex->name, lex->line,
                             "at most 99 levels of indentation", "one more",
                             "indent the parameters of a block alike");
        lex->indents[++lex->depth] = column;
        *indented = true;
    }
    for (; column < lex->indents[lex->depth]; lex->depth--)
        lex->dedents++;
    if (column == lex->indents[lex->depth])
        return 0;
    return gin_error(err, lex->name, lex->line,
                     "the indentation of an earlier line", "another",
                     "indent the parameters of a block alike");
}

/* The token at pos, which is not blank. */
static int lex_token(struct gin_lexer *lex, struct gin_token *out,
                     struct error *err)
{
    const char *p = out->start;
    int prefix = string_prefix(p);
    int rc = 0;

    out->len = 1;
    if (*p == '\n') {
        out->kind = lex->brackets > 0 ? GIN_TOKEN_NL : GIN_TOKEN_NEWLINE;
        lex->at_line_start = lex->brackets <= 0;
        lex->line++;
    } else if (is_digit(*p) || (*p == '.' && is_digit(p[1]))) {
        out->kind = GIN_TOKEN_NUMBER;
        out->len = (size_t)(skip_number(p) - p);
    } else if (prefix >= 0) {
        out->kind = GIN_TOKEN_STRING;
        rc = lex_string(lex, p + prefix, out, err);
    } else if (is_alnum(*p)) {
        out->kind = GIN_TOKEN_NAME;
        while (is_alnum(p[out->len]))
            out->len++;
    } else if ((unsigned char)*p < 0x80) {
        out->kind = GIN_TOKEN_OP;
        lex->brackets += strchr("([{", *p) ? 1 : strchr(")]}", *p) ? -1 : 0;
    } else {
        rc = refuse_character(lex, err);
    }
    lex->pos += out->len;
    return rc;
}

int gin_lex_next(struct gin_lexer *lex, struct gin_token *out,
                 struct error *err)
{
    bool indented = false;
    int rc = 0;

    if (lex->at_line_start)
        rc = lex_line_start(lex, &indented, err);
    *out =
        (struct gin_token){ .start = lex->text + lex->pos, .line = lex->line };
    if (rc)
        return rc;
    if (indented || lex->dedents > 0) {
        out->kind = indented ? GIN_TOKEN_INDENT : GIN_TOKEN_DEDENT;
        lex->dedents -= !indented;
        return 0;
    }
    rc = skip_blanks(lex, err);
    if (rc)
        return rc;
    out->start = lex->text + lex->pos;
    out->line = lex->line;
    if (lex->pos == lex->len) {
        out->kind = GIN_TOKEN_END;
        return 0;
    }
    return lex_token(lex, out, err);
}
