/*
 * Reading a gin file with all that it includes.
 *
 * An include is read where it stands, as gin-config does, so that what follows
 * it binds anew. gin-config looks for the file in the working directory and in
 * folders that a program names; here it is looked for beside the file that
 * includes it, then in the places the caller names, and last in the table of
 * gin_known.c. All of these are stores, which no name can leave, and so it
 * makes no difference whether the file is a stranger's.
 *
 * Circles, depth, the number of includes and their bytes are limited. What is
 * not found is noted: whoever reads the result decides what that means.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/gin_known.h"
#include "model/gin_parts.h"

/* The next component of a path that begins at *p; false at its end. */
static bool next_component(const char **p, struct gin_slice *out)
{
    *p += strspn(*p, "/");
    *out = (struct gin_slice){ *p, strcspn(*p, "/") };
    *p += out->len;
    return out->len > 0;
}

/* Goes on from path by name's components; false where that leaves the root. */
static bool walk(struct buf *path, const char *name)
{
    struct gin_slice part;

    while (next_component(&name, &part)) {
        if (gin_slice_is(part, "."))
            continue;
        if (!gin_slice_is(part, "..")) {
            buf_puts(path, path->len > 0 ? "/" : "");
            buf_append(path, part.start, part.len);
            continue;
        }
        if (path->len == 0)
            return false;
        while (path->len > 0 && path->data[path->len - 1] != '/')
            path->len--;
        path->len -= path->len > 0;
    }
    return true;
}

/* Where name lies below folder; false where no store can have that. */
static bool path_in(const char *folder, const char *name, struct buf *out)
{
    buf_clear(out);
    return *name != '/' && walk(out, folder) && walk(out, name) &&
           buf_str(out) && !store_check_name(buf_str(out), NULL);
}

/*
 * ERR_NOT_FOUND where there is no such file, whatever the reason: buckets deny
 * what they lack to those who may not list them.
 */
static int read_place(const struct gin_place *place, const char *name,
                      struct buf *path, struct buf *text, struct error *err)
{
    int rc;

    if (!place->store || !path_in(place->folder, name, path))
        return ERR_NOT_FOUND;
    rc = store_get(place->store, buf_str(path), GIN_MAX_BYTES, text, err);
    return rc == ERR_PATH || rc == ERR_SOURCE_DENIED ? ERR_NOT_FOUND : rc;
}

static const struct gin_known_file *find_known(const char *name)
{
    static const struct gin_known_file *const tables[] = { gin_known_moe,
                                                           gin_known_t5 };

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct gin_known_file *f = tables[i]; f->name; f++)
            if (!strcmp(f->name, name))
                return f;
    return NULL;
}

/* The known file's text, each statement in its own line. */
static int read_known(const char *name, struct buf *text, struct error *err)
{
    const struct gin_known_file *file = find_known(name);
    unsigned line = 1;

    if (!file)
        return ERR_NOT_FOUND;
    buf_clear(text);
    for (const struct gin_known_line *l = file->lines; l->text; l++) {
        for (; line < l->line; line++)
            buf_putc(text, '\n');
        buf_puts(text, l->text);
    }
    return buf_status(text, err);
}

/* The folder of the file that p reads. */
static int folder_of(const struct gin_source *source, char **out,
                     struct error *err)
{
    const char *path = source->path ? source->path : "";
    const char *slash = strrchr(path, '/');

    *out = strndup(path, slash ? (size_t)(slash - path) : 0);
    return *out ? 0 : error_memory(err);
}

/* Sets the store and path of *found, and its text. */
static int find(struct gin_parser *p, const char *name,
                struct gin_source *found, struct buf *path, struct buf *text,
                enum gin_origin *origin, struct error *err)
{
    const struct gin_search *search = p->loader->search;
    char *folder = NULL;
    int rc = folder_of(p->source, &folder, err);
    struct gin_place place = { p->source->store, folder };

    if (!rc)
        rc = read_place(&place, name, path, text, err);
    for (size_t i = 0; i < search->count && rc == ERR_NOT_FOUND; i++) {
        place = search->places[i];
        rc = read_place(&place, name, path, text, err);
    }
    free(folder);
    *origin = GIN_READ;
    found->store = place.store;
    found->path = buf_str(path);
    if (rc != ERR_NOT_FOUND)
        return rc;
    *origin = GIN_KNOWN;
    found->store = NULL;
    found->path = NULL;
    rc = read_known(name, text, err);
    if (rc == ERR_NOT_FOUND)
        *origin = GIN_MISSING;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static bool same_file(const struct gin_source *a, const struct gin_source *b)
{
    if (a->store != b->store)
        return false;
    return a->store ? a->path && !strcmp(a->path, b->path)
                    : !strcmp(a->file, b->file);
}

/* Whether the file is one of those that led to it. */
static int check_circle(const struct gin_source *source, unsigned line,
                        struct error *err)
{
    const struct gin_source *parent = source->parent;
    char actual[160];
    char hint[200];

    for (const struct gin_source *s = parent; s; s = s->parent) {
        if (!same_file(s, source))
            continue;
        snprintf(actual, sizeof actual, "'%.100s', which leads here",
                 source->file);
        snprintf(hint, sizeof hint, "remove this include, or that of %.80s",
                 parent->file);
        return gin_error(err, parent->file, line,
                         "a file that is not being read already", actual, hint);
    }
    return 0;
}

static int check_limits(const struct gin_parser *p, const char *name,
                        unsigned line, struct error *err)
{
    const char *hint = "put the bindings of several files into one";
    char actual[160];

    snprintf(actual, sizeof actual, "one more, '%.100s'", name);
    if (p->source->depth == GIN_MAX_INCLUDES)
        return gin_error(err, p->source->file, line,
                         "includes that nest at most 16 deep", actual, hint);
    if (p->loader->files == GIN_MAX_FILES)
        return gin_error(err, p->source->file, line,
                         "at most 256 includes in all", actual, hint);
    p->loader->files++;
    return 0;
}

/* Parses a text of len bytes into g. */
static int read_text(struct gin *g, struct gin_loader *loader,
                     const struct gin_source *source, const void *text,
                     size_t len, struct error *err)
{
    char *copy = NULL;
    size_t copy_len = 0;
    int rc;

    loader->bytes += len;
    if (loader->bytes > GIN_MAX_TOTAL) {
        error_set(err, ERR_GIN,
                  "%.200s and what includes it have more than %d bytes",
                  source->file, GIN_MAX_TOTAL);
        error_subject(err, "%.200s", source->file);
        error_expected(err, "at most %d bytes", GIN_MAX_TOTAL);
        return error_hint(err, "include the model's files alone");
    }
    rc = gin_lex_prepare(text, len, source->file, &copy, &copy_len, err);
    if (!rc)
        rc = gin_parse_text(g, loader, source, copy, copy_len, err);
    free(copy);
    return rc;
}

static int note_include(struct gin_parser *p, const char *name, unsigned line,
                        enum gin_origin origin, struct error *err)
{
    struct gin *g = p->gin;
    struct gin_include include = { .file = p->source->file,
                                   .line = line,
                                   .origin = origin };
    void *includes = g->includes;

    if (!gin_grow(&includes, &g->include_capacity, g->include_count,
                  sizeof include))
        return error_memory(err);
    g->includes = includes;
    include.name = strdup(name);
    if (!include.name)
        return error_memory(err);
    g->includes[g->include_count++] = include;
    return 0;
}

const char *gin_keep_file(struct gin *g, const char *name)
{
    void *files = g->files;
    char *copy;

    if (!gin_grow(&files, &g->file_capacity, g->file_count, sizeof copy))
        return NULL;
    g->files = files;
    copy = strdup(name);
    if (copy)
        g->files[g->file_count++] = copy;
    return copy;
}

int gin_include(struct gin_parser *p, const char *name, unsigned line,
                struct error *err)
{
    struct gin_source source = { .parent = p->source,
                                 .depth = p->source->depth + 1 };
    struct buf text = BUF_INIT(GIN_MAX_BYTES);
    struct buf path = BUF_INIT(STORE_NAME_MAX);
    enum gin_origin origin = GIN_MISSING;
    int rc = 0;

    if (p->loader->search) {
        rc = check_limits(p, name, line, err);
        if (!rc)
            rc = find(p, name, &source, &path, &text, &origin, err);
    }
    if (!rc)
        rc = note_include(p, name, line, origin, err);
    if (rc || origin == GIN_MISSING)
        goto out;
    source.file = gin_keep_file(p->gin, name);
    rc = source.file ? check_circle(&source, line, err) : error_memory(err);
    if (!rc)
        rc = read_text(p->gin, p->loader, &source, text.data, text.len, err);
out:
    buf_done(&text);
    buf_done(&path);
    return rc;
}

int gin_load(const void *text, size_t len, const char *name,
             const struct gin_search *search, struct gin **out,
             struct error *err)
{
    struct gin_loader loader = { .search = search };
    struct gin_source source = { .store =
                                     search ? search->beside.store : NULL };
    struct buf path = BUF_INIT(STORE_NAME_MAX);
    struct gin *g = calloc(1, sizeof *g);
    int rc = 0;

    if (!g)
        return error_memory(err);
    g->name = strdup(name);
    source.file = g->name ? gin_keep_file(g, name) : NULL;
    if (!source.file)
        rc = error_memory(err);
    if (!rc && source.store && path_in(search->beside.folder, name, &path))
        source.path = buf_str(&path);
    else
        source.store = NULL;
    if (!rc)
        rc = read_text(g, &loader, &source, text, len, err);
    if (!rc)
        rc = gin_settle(g, err);
    if (!rc) {
        *out = g;
        g = NULL;
    }
    buf_done(&path);
    gin_free(g);
    return rc;
}

int gin_parse(const void *text, size_t len, const char *name, struct gin **out,
              struct error *err)
{
    return gin_load(text, len, name, NULL, out, err);
}
