/*
 * "[section]" and "name = value" lines.
 *
 * Lines that begin with '#' or ';' are comments. A line that begins with a
 * blank goes on with the setting before it: of those only "s3 =" has something
 * that is wanted here, "addressing_style = path" below it.
 */
#include "remote/aws_profile.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct line {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

struct reading {
    struct aws_profile *profile;
    bool inside; /* the profile's section */
    bool in_s3;  /* lines with a blank in front belong to "s3 =" */
};

static const struct {
    const char *name;
    size_t offset;
} settings[] = {
    { "aws_access_key_id", offsetof(struct aws_profile, key) },
    { "aws_secret_access_key", offsetof(struct aws_profile, secret) },
    { "aws_session_token", offsetof(struct aws_profile, session) },
    { "region", offsetof(struct aws_profile, region) },
    { "endpoint_url", offsetof(struct aws_profile, endpoint) },
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **text, size_t *len)
{
    while (*len > 0 && is_blank((*text)[*len - 1]))
        --*len;
    while (*len > 0 && is_blank(**text)) {
        ++*text;
        --*len;
    }
}

static bool equals(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && !memcmp(text, word, len);
}

/* Whether a section of this name is the profile's. */
static bool is_section(const char *text, size_t len, enum aws_profile_file file,
                       const char *name)
{
    static const char word[] = "profile";
    size_t skip = sizeof word - 1;

    trim(&text, &len);
    if (file == AWS_PROFILE_CREDENTIALS || !strcmp(name, "default"))
        if (equals(text, len, name))
            return true;
    if (file == AWS_PROFILE_CREDENTIALS || len <= skip ||
        memcmp(text, word, skip) != 0 || !is_blank(text[skip]))
        return false;
    text += skip;
    len -= skip;
    trim(&text, &len);
    return equals(text, len, name);
}

/* Cuts "name = value"; false if there is no '=' or no name. */
static bool split(const char *text, size_t len, struct line *out)
{
    const char *equal = memchr(text, '=', len);

    if (!equal)
        return false;
    out->name = text;
    out->name_len = (size_t)(equal - text);
    out->value = equal + 1;
    out->value_len = len - out->name_len - 1;
    trim(&out->name, &out->name_len);
    trim(&out->value, &out->value_len);
    return out->name_len > 0;
}

/* Sets *slot unless it is set already, or the value is empty. */
static int take(char **slot, const struct line *l, struct error *err)
{
    if (*slot || l->value_len == 0)
        return 0;
    if (l->value_len > AWS_PROFILE_VALUE_MAX ||
        memchr(l->value, '\0', l->value_len))
        return error_set(err, ERR_USAGE, "the value of %.*s is too long",
                         (int)l->name_len, l->name);
    *slot = strndup(l->value, l->value_len);
    return *slot ? 0 : error_memory(err);
}

static int read_setting(struct reading *r, const struct line *l, bool nested,
                        struct error *err)
{
    struct aws_profile *p = r->profile;

    if (!r->inside)
        return 0;
    if (nested)
        return r->in_s3 && equals(l->name, l->name_len, "addressing_style")
                   ? take(&p->style, l, err)
                   : 0;
    r->in_s3 = equals(l->name, l->name_len, "s3");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (equals(l->name, l->name_len, settings[i].name))
            return take((char **)((char *)p + settings[i].offset), l, err);
    return 0;
}

static int read_line(struct reading *r, enum aws_profile_file file,
                     const char *name, const char *text, size_t len,
                     struct error *err)
{
    bool nested = len > 0 && is_blank(*text);
    struct line l;

    trim(&text, &len);
    if (len == 0 || *text == '#' || *text == ';')
        return 0;
    if (*text == '[') {
        if (text[len - 1] != ']')
            return error_set(err, ERR_USAGE, "a section's ']' is missing");
        r->inside = is_section(text + 1, len - 2, file, name);
        r->in_s3 = false;
        r->profile->found = r->profile->found || r->inside;
        return 0;
    }
    if (split(text, len, &l))
        return read_setting(r, &l, nested, err);
    return nested ? 0 : error_set(err, ERR_USAGE, "a line has no '='");
}

int aws_profile_parse(struct aws_profile *p, enum aws_profile_file file,
                      const char *name, const char *path, const char *data,
                      size_t len, struct error *err)
{
    struct reading r = { .profile = p };
    const char *end;
    unsigned line = 0;
    size_t n;
    int rc = 0;

    while (len > 0 && !rc) {
        end = memchr(data, '\n', len);
        n = end ? (size_t)(end - data) : len;
        line++;
        rc = read_line(&r, file, name, data, n, err);
        n += end ? 1 : 0;
        data += n;
        len -= n;
    }
    return rc == ERR_USAGE ? error_at_line(err, path, line) : rc;
}

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void aws_profile_done(struct aws_profile *p)
{
    wipe(&p->key);
    wipe(&p->secret);
    wipe(&p->session);
    wipe(&p->region);
    wipe(&p->endpoint);
    wipe(&p->style);
    p->found = false;
}
