/*
 * Settings from the environment and from a file.
 *
 * A name that is not in the table is an error in a file, with the nearest one
 * as a hint, since a misspelt limit is a limit that does not hold. In the
 * environment it is not: others put their own names there.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "service/settings.h"

static const char prefix[] = "SWITCHYARD_";

/* "MAX_BODY=..." to "max-body"; false if it is too long for any setting. */
static bool variable_name(const char *variable, char name[static 64])
{
    size_t len = strcspn(variable, "=");

    if (len >= 64)
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] =
            (char)(variable[i] == '_' ? '-'
                                      : tolower((unsigned char)variable[i]));
    name[len] = '\0';
    return true;
}

/* The setting that a variable names, and its value; -1 for a stranger. */
static int variable_setting(const char *variable, const char **value)
{
    char name[64];
    int index;

    if (strncmp(variable, prefix, sizeof prefix - 1) != 0)
        return -1;
    variable += sizeof prefix - 1;
    *value = strchr(variable, '=');
    if (!*value || !variable_name(variable, name))
        return -1;
    ++*value;
    index = settings_find(name);
    return index;
}

static int read_environment(struct settings *s, char *const *envp,
                            struct error *err)
{
    int rc = 0;

    for (; !rc && *envp; envp++) {
        const char *value = NULL;
        int index = variable_setting(*envp, &value);

        if (index >= 0)
            rc = settings_set(s, (size_t)index, value, SETTING_FROM_ENVIRONMENT,
                              err);
    }
    return rc;
}

/* Kubernetes sets these for each service, after the service's name. */
static bool set_by_platform(const char *name)
{
    return !strncmp(name, "port", 4) || !strncmp(name, "service-", 8) ||
           strstr(name, "-port-") || strstr(name, "-service-");
}

void settings_strangers(char *const *envp, struct buf *out)
{
    for (; *envp; envp++) {
        const char *value = NULL;
        char name[64];
        int len = (int)strcspn(*envp, "=");

        if (strncmp(*envp, prefix, sizeof prefix - 1) != 0 ||
            variable_setting(*envp, &value) >= 0)
            continue;
        if (variable_name(*envp + sizeof prefix - 1, name) &&
            set_by_platform(name))
            continue;
        buf_printf(out, "%.*s is not a setting and is ignored\n",
                   len < 100 ? len : 100, *envp);
    }
}

/* How many letters differ, counted up to the shorter of two short names. */
static unsigned distance(const char *a, const char *b)
{
    size_t n = strlen(b);
    unsigned row[64];

    if (n >= 64)
        return 64;
    for (unsigned i = 0; i <= n; i++)
        row[i] = i;
    for (; *a; a++) {
        unsigned diagonal = row[0]++;

        for (size_t i = 1; i <= n; i++) {
            unsigned swap = diagonal + (*a != b[i - 1]);

            diagonal = row[i];
            row[i] = row[i] + 1 < swap ? row[i] + 1 : swap;
            if (row[i - 1] + 1 < row[i])
                row[i] = row[i - 1] + 1;
        }
    }
    return row[n];
}

static int refuse_name(const char *name, struct error *err)
{
    const struct setting *nearest = NULL;
    unsigned best = 4;
    size_t count = 0;
    const struct setting *table = settings_table(&count);

    for (size_t i = 0; i < count; i++) {
        unsigned d = distance(name, table[i].name);

        if (d < best) {
            best = d;
            nearest = &table[i];
        }
    }
    error_set(err, ERR_USAGE, "there is no setting '%.64s'", name);
    if (nearest)
        return error_hint(err, "did you mean %s?", nearest->name);
    return error_hint(err, "switchyard config lists the settings");
}

/* Cuts blanks off both ends of [*from, *to). */
static void trim(const char **from, const char **to)
{
    while (*from < *to && isspace((unsigned char)**from))
        ++*from;
    while (*from < *to && isspace((unsigned char)(*to)[-1]))
        --*to;
}

/* Where the comment starts that ends a line, or the line's end. */
static const char *find_comment(const char *from, const char *to)
{
    for (const char *p = from; p < to; p++)
        if (*p == '#' && (p == from || isspace((unsigned char)p[-1])))
            return p;
    return to;
}

/*
 * The value that starts at from: what stands between quotation marks if it
 * starts with one, else up to the comment or the line's end.
 */
static int cut_value(const char *from, const char *to, char **out,
                     struct error *err)
{
    trim(&from, &to);
    if (from < to && *from == '"') {
        const char *end = memchr(from + 1, '"', (size_t)(to - from - 1));
        const char *rest = end ? end + 1 : to;
        const char *stop = find_comment(rest, to);

        trim(&rest, &stop);
        if (!end || rest < stop)
            return error_set(err, ERR_USAGE,
                             "a quotation mark is out of place");
        from++;
        to = end;
    } else {
        to = find_comment(from, to);
        trim(&from, &to);
    }
    *out = strndup(from, (size_t)(to - from));
    return *out ? 0 : error_memory(err);
}

static int set_line(struct settings *s, const char *name, const char *value,
                    unsigned line, struct error *err)
{
    int index = settings_find(name);
    size_t count = 0;
    const struct setting *row;
    struct setting_source *source;
    int rc;

    if (index < 0)
        return refuse_name(name, err);
    row = &settings_table(&count)[index];
    source = &s->sources[index];
    if (row->flags & SETTING_NO_FILE)
        return error_set(err, ERR_USAGE, "%s cannot stand in a file", name);
    if (source->origin == SETTING_FROM_FILE)
        return error_set(err, ERR_USAGE, "%s was set in line %u already", name,
                         source->line);
    rc = settings_set(s, (size_t)index, value, SETTING_FROM_FILE, err);
    if (!rc && source->origin == SETTING_FROM_FILE)
        source->line = line;
    return rc;
}

static int parse_line(struct settings *s, const char *from, const char *to,
                      unsigned line, struct error *err)
{
    const char *name_end;
    char name[64];
    char *value = NULL;
    int rc;

    trim(&from, &to);
    if (from == to || *from == '#')
        return 0;
    name_end = memchr(from, '=', (size_t)(to - from));
    if (!name_end) {
        error_set(err, ERR_USAGE, "the line has no '='");
        return error_expected(err, "name = value");
    }
    rc = cut_value(name_end + 1, to, &value, err);
    if (rc)
        return rc;
    trim(&from, &name_end);
    snprintf(name, sizeof name, "%.*s",
             (int)(name_end - from < 63 ? name_end - from : 63), from);
    rc = set_line(s, name, value, line, err);
    free(value);
    return rc;
}

int settings_parse(struct settings *s, const char *path, const char *data,
                   size_t len, struct error *err)
{
    const char *end = data + len;
    unsigned line = 0;

    while (data < end) {
        const char *next = memchr(data, '\n', (size_t)(end - data));
        const char *stop = next ? next : end;

        line++;
        if (memchr(data, '\0', (size_t)(stop - data))) {
            error_set(err, ERR_USAGE, "the line holds a zero byte");
            return error_at_line(err, path, line);
        }
        if (parse_line(s, data, stop, line, err))
            return error_at_line(err, path, line);
        data = next ? next + 1 : end;
    }
    return 0;
}

int settings_load(struct settings *s, char *const *envp, struct error *err)
{
    struct buf text = BUF_INIT(SETTINGS_FILE_BYTES);
    int rc = read_environment(s, envp, err);

    if (!rc && *s->config_file) {
        rc = file_read(s->config_file, &text, err);
        if (!rc)
            rc = settings_parse(s, s->config_file, (const char *)text.data,
                                text.len, err);
    }
    buf_done(&text);
    return rc;
}
