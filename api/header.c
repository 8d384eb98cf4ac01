/*
 * Header values, parsed in one pass into one buffer.
 *
 * The buffer receives token, names and values in turn, each closed by a NUL;
 * the result points into it. It never holds more than the input and one NUL
 * for each part.
 */
#include "header.h"

#include <string.h>

struct cursor {
    const char *at;
    const char *end;
    char *out; /* room is checked once, by header_parse() */
};

static bool is_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
}

static bool skip(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* A token, in which the characters of also may stand; NULL if it is empty. */
static char *take_token(struct cursor *c, const char *also, bool lower)
{
    char *start = c->out;

    while (c->at < c->end &&
           (is_token(*c->at) || (*c->at && strchr(also, *c->at)))) {
        *c->out = *c->at++;
        if (lower && *c->out >= 'A' && *c->out <= 'Z')
            *c->out = (char)(*c->out - 'A' + 'a');
        c->out++;
    }
    if (c->out == start)
        return NULL;
    *c->out++ = '\0';
    return start;
}

static char *take_quoted(struct cursor *c)
{
    char *start = c->out;

    while (c->at < c->end && *c->at != '"') {
        if (*c->at == '\\' && c->end - c->at > 1 &&
            (c->at[1] == '"' || c->at[1] == '\\'))
            c->at++;
        if (!is_text(*c->at))
            return NULL;
        *c->out++ = *c->at++;
    }
    *c->out++ = '\0';
    return skip(c, '"') ? start : NULL;
}

static bool take_param(struct cursor *c, struct header_value *v)
{
    struct header_param p;

    if (v->count == HEADER_PARAM_MAX)
        return false;
    p.name = take_token(c, "", true);
    if (!p.name || !skip(c, '=') || header_param(v, p.name))
        return false;
    p.value = skip(c, '"') ? take_quoted(c) : take_token(c, "/:=?@(),", false);
    if (!p.value)
        return false;
    v->params[v->count++] = p;
    return true;
}

bool header_parse(const char *value, size_t len, struct header_value *out)
{
    struct cursor c = { .at = value, .end = value + len, .out = out->text };

    out->count = 0;
    if (len > HEADER_VALUE_MAX - 2 * HEADER_PARAM_MAX - 1)
        return false;
    skip_blanks(&c);
    out->token = take_token(&c, "/", true);
    if (!out->token)
        return false;
    for (;;) {
        skip_blanks(&c);
        if (c.at == c.end)
            return true;
        if (!skip(&c, ';'))
            return false;
        skip_blanks(&c);
        /* "a/b;" is common and harmless. */
        if (c.at < c.end && !take_param(&c, out))
            return false;
    }
}

const char *header_param(const struct header_value *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++)
        if (!strcmp(v->params[i].name, name))
            return v->params[i].value;
    return NULL;
}
