/*
 * Gin's values, by recursive descent, and the selectors they share with the
 * statements of gin_parse.c, where the grammar stands.
 *
 * A value that is only half there when an error ends the parse can be freed as
 * any other: an item joins its container before it is parsed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "model/gin_parts.h"

int gin_advance(struct gin_parser *p, struct error *err)
{
    return gin_lex_next(&p->lex, &p->token, err);
}

/* Line ends within brackets, which most places allow and some don't. */
static int skip_lines(struct gin_parser *p, struct error *err)
{
    int rc = 0;

    while (rc == 0 && p->token.kind == GIN_TOKEN_NL)
        rc = gin_advance(p, err);
    return rc;
}

int gin_advance_skip(struct gin_parser *p, struct error *err)
{
    int rc = gin_advance(p, err);

    return rc ? rc : skip_lines(p, err);
}

bool gin_at_op(const struct gin_parser *p, char op)
{
    return p->token.kind == GIN_TOKEN_OP && *p->token.start == op;
}

bool gin_at_name(const struct gin_parser *p, const char *name)
{
    const struct gin_slice text = { p->token.start, p->token.len };

    return p->token.kind == GIN_TOKEN_NAME && gin_slice_is(text, name);
}

int gin_unexpected(const struct gin_parser *p, const char *expected,
                   const char *hint, struct error *err)
{
    char found[64];

    return gin_error(err, p->lex.name, p->token.line, expected,
                     gin_token_text(&p->token, found), hint);
}

static int malformed(const struct gin_parser *p, struct gin_slice selector,
                     unsigned line, struct error *err)
{
    struct gin_token token = { GIN_TOKEN_NAME, selector.start, selector.len,
                               line };
    char found[64];

    return gin_error(err, p->lex.name, line,
                     "a selector such as scope/module.function.parameter",
                     gin_token_text(&token, found),
                     "write names with '.' or '/' between them and no blanks");
}

static bool is_separator(const struct gin_parser *p)
{
    return gin_at_op(p, '.') || gin_at_op(p, '/');
}

int gin_parse_selector(struct gin_parser *p, bool scopes, bool dotted,
                       struct gin_slice *out, struct error *err)
{
    struct gin_slice s = { p->token.start, 0 };
    const char *end = s.start;
    unsigned line = p->token.line;
    bool valid = true;
    bool dot = false;
    bool want_name = true;

    if (p->token.kind != GIN_TOKEN_NAME)
        return gin_unexpected(p, "a name",
                              "names are letters, digits and underscores", err);
    while (want_name ? p->token.kind == GIN_TOKEN_NAME : is_separator(p)) {
        int rc;

        valid = valid && p->token.start == end;
        if (gin_at_op(p, '/'))
            valid = valid && scopes && (dotted || !dot);
        dot = dot || gin_at_op(p, '.');
        want_name = !want_name;
        end = p->token.start + p->token.len;
        rc = gin_advance(p, err);
        if (rc)
            return rc;
    }
    s.len = (size_t)(end - s.start);
    if (!valid || want_name)
        return malformed(p, s, line, err);
    if (s.len > GIN_MAX_NAME)
        return gin_error(err, p->lex.name, line,
                         "a name of at most 1024 characters", "a longer one",
                         "shorten the name and its scopes");
    *out = s;
    return skip_lines(p, err);
}

/* "%NAME", from behind the '%'. */
static int parse_macro(struct gin_parser *p, struct gin_value *out,
                       struct error *err)
{
    struct gin_slice name = { 0 };
    int rc = gin_advance(p, err);

    if (rc == 0)
        rc = gin_parse_selector(p, true, true, &name, err);
    if (rc)
        return rc;
    out->text = gin_slice_copy(name);
    if (!out->text)
        return error_memory(err);
    out->kind = GIN_MACRO;
    return 0;
}

/* "@scope/name" or "@scope/name()", from behind the '@'. */
static int parse_reference(struct gin_parser *p, struct gin_value *out,
                           struct error *err)
{
    struct gin_slice name = { 0 };
    struct gin_slice scope = { 0 };
    struct gin_slice selector = { 0 };
    bool called = false;
    int rc = gin_advance(p, err);

    if (rc == 0)
        rc = gin_parse_selector(p, true, true, &name, err);
    if (rc == 0 && gin_at_op(p, '(')) {
        called = true;
        rc = gin_advance_skip(p, err);
        if (rc == 0 && !gin_at_op(p, ')'))
            rc = gin_unexpected(p, "')' right after '('",
                                "a reference takes no arguments: bind them as "
                                "name.parameter = value",
                                err);
        if (rc == 0)
            rc = gin_advance_skip(p, err);
    }
    if (rc)
        return rc;
    gin_split_scope(name, &scope, &selector);
    out->kind = GIN_REFERENCE;
    out->called = called;
    if (called && scope.len > 0 && gin_is_macro_selector(selector)) {
        out->kind = GIN_MACRO;
        out->called = false;
        name = scope;
    }
    out->text = gin_slice_copy(name);
    return out->text ? 0 : error_memory(err);
}

int gin_parse_strings(struct gin_parser *p, struct gin_value *out,
                      struct error *err)
{
    struct buf text = BUF_INIT(p->lex.len + 1);
    struct gin_token first = p->token;
    int rc = 0;

    while (rc == 0 && p->token.kind == GIN_TOKEN_STRING) {
        bool bytes = false;

        rc = gin_literal_string(&p->lex, &p->token, &text, &bytes, err);
        if (rc == 0 && p->token.start != first.start && bytes != out->bytes)
            rc = gin_unexpected(p, bytes ? "a string without b" : "b'...'",
                                "text and bytes cannot be joined", err);
        out->bytes = bytes;
        if (rc == 0)
            rc = gin_advance_skip(p, err);
    }
    if (rc == 0)
        rc = buf_status(&text, err);
    if (rc == 0) {
        out->kind = GIN_STRING;
        out->text = buf_take_str(&text);
        rc = out->text ? 0 : error_memory(err);
    }
    buf_done(&text);
    return rc;
}

static int parse_number(struct gin_parser *p, struct gin_value *out,
                        struct error *err)
{
    bool negative = gin_at_op(p, '-');
    int rc = negative ? gin_advance_skip(p, err) : 0;

    if (rc)
        return rc;
    if (p->token.kind != GIN_TOKEN_NUMBER)
        return gin_unexpected(p, "a number after '-'",
                              "only numbers can be negative", err);
    rc = gin_literal_number(&p->lex, &p->token, negative, out, err);
    return rc ? rc : gin_advance_skip(p, err);
}

static int parse_constant(struct gin_parser *p, struct gin_value *out,
                          struct error *err)
{
    static const struct {
        const char *name;
        enum gin_kind kind;
        bool boolean;
    } names[] = {
        { "None", GIN_NONE, false },
        { "True", GIN_BOOL, true },
        { "False", GIN_BOOL, false },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!gin_at_name(p, names[i].name))
            continue;
        out->kind = names[i].kind;
        out->boolean = names[i].boolean;
        return gin_advance_skip(p, err);
    }
    return gin_unexpected(
        p, "a value",
        "quote text ('relu'); %NAME is a macro, @name a reference", err);
}

/* One more value at the end of a container. */
static int parse_item(struct gin_parser *p, struct gin_value *out,
                      size_t *capacity, struct error *err)
{
    void *items = out->items;
    struct gin_value *item;

    if (!gin_grow(&items, capacity, out->count, sizeof *item))
        return error_memory(err);
    out->items = items;
    item = &out->items[out->count++];
    *item = (struct gin_value){ .kind = GIN_NONE };
    return gin_parse_value(p, item, err);
}

static int parse_pair(struct gin_parser *p, struct gin_value *out,
                      size_t *capacity, struct error *err)
{
    unsigned line = p->token.line;
    int rc = parse_item(p, out, capacity, err);

    if (rc)
        return rc;
    if (!gin_value_hashable(&out->items[out->count - 1]))
        return gin_error(err, p->lex.name, line, "a key", "a list or a dict",
                         "a dict's keys are text, numbers, tuples or names");
    if (!gin_at_op(p, ':'))
        return gin_unexpected(p, "':' after the dict's key",
                              "a dict is {'key': value, ...}", err);
    rc = gin_advance_skip(p, err);
    return rc ? rc : parse_item(p, out, capacity, err);
}

/* Neither a comma nor the bracket that closes what line opens. */
static int unclosed(const struct gin_parser *p, char close, unsigned line,
                    struct error *err)
{
    char expected[16];
    char hint[80];

    snprintf(expected, sizeof expected, "',' or '%c'", close);
    snprintf(hint, sizeof hint,
             "separate values by commas; the bracket opens in line %u", line);
    return gin_unexpected(p, expected, hint, err);
}

static int parse_items(struct gin_parser *p, char close, struct gin_value *out,
                       bool *comma, struct error *err)
{
    unsigned line = p->token.line;
    size_t capacity = 0;
    int rc = gin_advance_skip(p, err);

    while (rc == 0 && !gin_at_op(p, close)) {
        if (p->token.kind == GIN_TOKEN_END)
            return gin_error(err, p->lex.name, line, "a closing bracket",
                             "the end of the file",
                             "close the bracket that this line opens");
        rc = close == '}' ? parse_pair(p, out, &capacity, err)
                          : parse_item(p, out, &capacity, err);
        if (rc == 0 && gin_at_op(p, ',')) {
            *comma = true;
            rc = gin_advance_skip(p, err);
        } else if (rc == 0 && !gin_at_op(p, close) &&
                   p->token.kind != GIN_TOKEN_END) {
            rc = unclosed(p, close, line, err);
        }
    }
    return rc ? rc : gin_advance_skip(p, err);
}

/* From the opening bracket on. (1) is 1, and (1,) a tuple. */
static int parse_container(struct gin_parser *p, struct gin_value *out,
                           struct error *err)
{
    char open = *p->token.start;
    char close = open == '(' ? ')' : open == '[' ? ']' : '}';
    bool comma = false;
    int rc;

    out->kind = open == '(' ? GIN_TUPLE : open == '[' ? GIN_LIST : GIN_DICT;
    rc = parse_items(p, close, out, &comma, err);
    if (rc == 0 && out->kind == GIN_DICT)
        rc = gin_value_unique_keys(out, err);
    if (rc == 0 && out->kind == GIN_TUPLE && out->count == 1 && !comma) {
        struct gin_value *items = out->items;

        *out = items[0];
        free(items);
    }
    return rc;
}

int gin_parse_value(struct gin_parser *p, struct gin_value *out,
                    struct error *err)
{
    int rc;

    if (p->token.kind == GIN_TOKEN_STRING)
        return gin_parse_strings(p, out, err);
    if (p->token.kind == GIN_TOKEN_NUMBER || gin_at_op(p, '-'))
        return parse_number(p, out, err);
    if (gin_at_op(p, '%'))
        return parse_macro(p, out, err);
    if (gin_at_op(p, '@'))
        return parse_reference(p, out, err);
    if (!gin_at_op(p, '(') && !gin_at_op(p, '[') && !gin_at_op(p, '{'))
        return parse_constant(p, out, err);
    if (p->depth == GIN_MAX_DEPTH)
        return gin_unexpected(p, "at most 64 nested brackets",
                              "a model's gin file needs no more than a few",
                              err);
    p->depth++;
    rc = parse_container(p, out, err);
    p->depth--;
    return rc;
}
