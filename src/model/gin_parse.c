/*
 * Gin's grammar, by recursive descent over the tokens of gin_lex.c:
 *
 *     statement: [scope '/'] selector '.' parameter '=' value
 *                [scope '/'] macro '=' value
 *                [scope '/'] selector ':' NEWLINE INDENT block DEDENT
 *                'import' module ['as' name]
 *                'from' module 'import' name ['as' name]
 *                'include' string
 *     block:     { parameter '=' value NEWLINE }
 *     value:     ['-'] number | string { string } | True | False | None
 *                '%' [scope '/'] name | '@' [scope '/'] selector ['(' ')']
 *                '(' ... ')' | '[' ... ']' | '{' value ':' value ... '}'
 *
 * It accepts what gin-config 0.5's config_parser.py accepts, down to where a
 * line may end within brackets, with these differences:
 *
 * - "-%NAME" and "-@name" are refused; gin-config drops the minus.
 * - Brackets nest at most GIN_MAX_DEPTH deep; names have at most GIN_MAX_NAME
 *   characters.
 * - gin-config glues the source of adjacent strings together before it reads
 *   them, and so misreads an empty one before another ('' 'a'); here each is
 *   read for itself.
 * - NAME/macro.value = 1 and @NAME/macro(), which gin's manual gives as the
 *   long forms of NAME = 1 and %NAME, are turned into the short ones at once.
 *
 * gin_lex.c says what is refused in names, gin_literal.c what in literals.
 */
#include "model/gin_parts.h"

static int parse_identifier(struct gin_parser *p, struct gin_slice *out,
                            struct error *err)
{
    if (p->token.kind != GIN_TOKEN_NAME)
        return gin_unexpected(
            p, "a parameter's name",
            "a block holds lines such as \"parameter = value\"", err);
    *out = (struct gin_slice){ p->token.start, p->token.len };
    return gin_advance_skip(p, err);
}

/* "= value", and the binding it makes. */
static int parse_binding(struct gin_parser *p, struct gin_slice scope,
                         struct gin_slice selector, struct gin_slice parameter,
                         unsigned line, struct error *err)
{
    struct gin_value value = { .kind = GIN_NONE };
    int rc = gin_advance(p, err);

    if (rc == 0)
        rc = gin_parse_value(p, &value, err);
    if (rc == 0)
        rc = gin_add_binding(p, scope, selector, parameter, &value, line, err);
    gin_value_done(&value);
    return rc;
}

/* From the '=' on; key is what stands before it. */
static int parse_assignment(struct gin_parser *p, struct gin_slice key,
                            unsigned line, struct error *err)
{
    struct gin_slice scope = { 0 };
    struct gin_slice selector = { 0 };
    struct gin_slice parameter = { key.start + key.len, 0 };
    size_t n;

    gin_split_scope(key, &scope, &selector);
    n = selector.len;
    while (n > 0 && selector.start[n - 1] != '.')
        n--;
    if (n > 0) {
        parameter.start = selector.start + n;
        parameter.len = selector.len - n;
        selector.len = n - 1;
    }
    return parse_binding(p, scope, selector, parameter, line, err);
}

static int expect_newline(struct gin_parser *p, struct error *err)
{
    if (p->token.kind != GIN_TOKEN_NEWLINE)
        return gin_unexpected(
            p, "the end of the line",
            "write one binding a line; a value goes on in the "
            "next line within brackets or behind a backslash",
            err);
    return gin_advance(p, err);
}

/* From the ':' on; key is what stands before it. */
static int parse_block(struct gin_parser *p, struct gin_slice key,
                       struct error *err)
{
    struct gin_slice scope = { 0 };
    struct gin_slice selector = { 0 };
    int rc = gin_advance(p, err);

    gin_split_scope(key, &scope, &selector);
    if (rc == 0)
        rc = expect_newline(p, err);
    if (rc == 0 && p->token.kind != GIN_TOKEN_INDENT)
        return gin_unexpected(p, "an indented line",
                              "indent the parameters below \"scope/name:\"",
                              err);
    if (rc == 0)
        rc = gin_advance(p, err);
    while (rc == 0 && p->token.kind != GIN_TOKEN_DEDENT) {
        struct gin_slice parameter = { 0 };
        unsigned line = p->token.line;

        rc = parse_identifier(p, &parameter, err);
        if (rc == 0 && !gin_at_op(p, '='))
            rc = gin_unexpected(
                p, "'='", "a block holds lines such as \"parameter = value\"",
                err);
        if (rc == 0)
            rc = parse_binding(p, scope, selector, parameter, line, err);
        if (rc == 0)
            rc = expect_newline(p, err);
    }
    return rc;
}

/* From behind "import" or "from". Nothing is imported. */
static int parse_import(struct gin_parser *p, bool from, struct error *err)
{
    struct gin_slice module = { 0 };
    struct gin_slice name = { 0 };
    struct gin_slice alias = { 0 };
    unsigned line = p->token.line;
    int rc = gin_parse_selector(p, false, true, &module, err);

    if (rc == 0 && from) {
        if (!gin_at_name(p, "import"))
            return gin_unexpected(p, "'import'",
                                  "write \"from module import name\"", err);
        rc = gin_advance(p, err);
        if (rc == 0)
            rc = parse_identifier(p, &name, err);
    }
    if (rc == 0 && gin_at_name(p, "as")) {
        rc = gin_advance(p, err);
        if (rc == 0)
            rc = parse_identifier(p, &alias, err);
    }
    return rc ? rc : gin_add_import(p, module, name, alias, line, err);
}

/* From behind "include": what that file binds is bound here. */
static int parse_include(struct gin_parser *p, struct error *err)
{
    struct gin_value value = { .kind = GIN_NONE };
    struct gin_token file = p->token;
    char found[64];
    int rc;

    if (file.kind != GIN_TOKEN_STRING)
        return gin_unexpected(p, "a file's name in quotes",
                              "write include 'path/to/file.gin'", err);
    rc = gin_parse_strings(p, &value, err);
    if (rc == 0 && value.bytes)
        rc = gin_error(err, p->lex.name, file.line, "a file's name in quotes",
                       gin_token_text(&file, found), "remove the b");
    if (rc == 0)
        rc = gin_include(p, value.text, file.line, err);
    gin_value_done(&value);
    return rc;
}

static int parse_statement(struct gin_parser *p, struct error *err)
{
    unsigned line = p->token.line;
    struct gin_slice key = { 0 };
    int rc = gin_parse_selector(p, true, false, &key, err);

    if (rc)
        return rc;
    if (gin_at_op(p, '='))
        rc = parse_assignment(p, key, line, err);
    else if (gin_at_op(p, ':'))
        rc = parse_block(p, key, err);
    else if (gin_slice_is(key, "import") || gin_slice_is(key, "from"))
        rc = parse_import(p, gin_slice_is(key, "from"), err);
    else if (gin_slice_is(key, "include"))
        rc = parse_include(p, err);
    else
        rc = gin_unexpected(
            p, "'=' or ':'",
            "write \"name.parameter = value\" or \"MACRO = value\"", err);
    if (rc || p->token.kind == GIN_TOKEN_END ||
        p->token.kind == GIN_TOKEN_DEDENT)
        return rc;
    return expect_newline(p, err);
}

int gin_parse_text(struct gin *g, struct gin_loader *loader,
                   const struct gin_source *source, const char *text,
                   size_t len, struct error *err)
{
    struct gin_parser p = { .gin = g, .loader = loader, .source = source };
    int rc;

    gin_lex_init(&p.lex, text, len, source->file);
    rc = gin_advance(&p, err);
    while (rc == 0 && p.token.kind != GIN_TOKEN_END) {
        /* Outside of blocks gin does not care how lines are indented. */
        if (p.token.kind == GIN_TOKEN_INDENT ||
            p.token.kind == GIN_TOKEN_DEDENT)
            rc = gin_advance(&p, err);
        else
            rc = parse_statement(&p, err);
    }
    return rc;
}
