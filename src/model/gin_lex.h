/*
 * A gin file's tokens. Internal to the gin parser.
 */
#ifndef SWITCHYARD_MODEL_GIN_LEX_H
#define SWITCHYARD_MODEL_GIN_LEX_H

#include <stddef.h>

#include "base/error.h"

enum { GIN_MAX_INDENTS = 100 };

enum gin_token_kind {
    GIN_TOKEN_END,
    GIN_TOKEN_NEWLINE, /* ends a statement */
    GIN_TOKEN_NL,      /* a line's end within brackets */
    GIN_TOKEN_INDENT,
    GIN_TOKEN_DEDENT,
    GIN_TOKEN_NAME,
    GIN_TOKEN_NUMBER,
    GIN_TOKEN_STRING, /* with its prefix and quotes */
    GIN_TOKEN_OP,     /* any other character */
};

/* start points into the lexer's text; empty for what has no text. */
struct gin_token {
    enum gin_token_kind kind;
    const char *start;
    size_t len;
    unsigned line;
};

/* pos <= len; text[len] is '\0' and text[len - 1] a newline. */
struct gin_lexer {
    const char *text;
    size_t len;
    size_t pos;
    const char *name; /* the file's, for errors */
    unsigned line;
    int brackets;
    int at_line_start;
    unsigned indents[GIN_MAX_INDENTS];
    unsigned depth;
    unsigned dedents; /* still to be delivered */
};

/*
 * Copies a file as the lexer wants it: without a byte order mark, with "\n" for
 * every line end and one at the end. Refuses NUL bytes, text that is not UTF-8
 * and more than GIN_MAX_BYTES. The caller frees *out.
 */
int gin_lex_prepare(const void *text, size_t len, const char *name, char **out,
                    size_t *out_len, struct error *err);

void gin_lex_init(struct gin_lexer *lex, const char *text, size_t len,
                  const char *name);
int gin_lex_next(struct gin_lexer *lex, struct gin_token *out,
                 struct error *err);

/* A token as messages show it: 'relu', or "the end of the line". */
const char *gin_token_text(const struct gin_token *token, char text[static 64]);

/* ERR_GIN: "name, line n: expected this, found that", and what to do. */
int gin_error(struct error *err, const char *name, unsigned line,
              const char *expected, const char *found, const char *hint);

#endif
