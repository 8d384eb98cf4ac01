/*
 * Stored models as values: names, revisions, files.
 */
#include "jobs/stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stored_model *stored_new(void)
{
    struct stored_model *m = calloc(1, sizeof *m);

    if (m)
        atomic_init(&m->refs, 1);
    return m;
}

struct stored_model *stored_ref(struct stored_model *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void stored_unref(struct stored_model *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < m->file_count; i++)
        free(m->files[i].name);
    free(m->files);
    free(m->provenance);
    free(m);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct stored_file *)a)->name,
                  ((const struct stored_file *)b)->name);
}

int stored_find(const struct stored_model *m, const char *file)
{
    size_t low = 0;
    size_t high = m->file_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(m->files[mid].name, file);

        if (order == 0)
            return (int)mid;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return -1;
}

int stored_add(struct stored_model *m, const char *name, uint64_t size,
               const char *sha256, struct error *err)
{
    struct stored_file f = { .name = strdup(name), .size = size };
    struct stored_file *files;

    if (!f.name)
        return error_memory(err);
    snprintf(f.sha256, sizeof f.sha256, "%s", sha256);
    if ((m->file_count & (m->file_count + 1)) == 0) {
        files = realloc(m->files, (2 * m->file_count + 1) * sizeof f);
        if (!files) {
            free(f.name);
            return error_memory(err);
        }
        m->files = files;
    }
    m->files[m->file_count++] = f;
    return 0;
}

int stored_seal(struct stored_model *m, struct error *err)
{
    struct sha256 *h = NULL;
    char hex[SHA256_HEX + 1];
    char size[24];
    int n;
    int rc = sha256_new(&h, err);

    if (rc)
        return rc;
    qsort(m->files, m->file_count, sizeof *m->files, by_name);
    m->bytes = 0;
    for (size_t i = 0; i < m->file_count; i++) {
        const struct stored_file *f = &m->files[i];

        m->bytes += f->size;
        sha256_add(h, f->name, strlen(f->name) + 1);
        n = snprintf(size, sizeof size, "%llu", (unsigned long long)f->size);
        sha256_add(h, size, (size_t)n + 1);
        sha256_add(h, f->sha256, SHA256_HEX);
        sha256_add(h, "\n", 1);
    }
    rc = sha256_finish(h, hex, err);
    if (rc)
        return rc;
    memcpy(m->revision, hex, STORED_REVISION_LEN);
    m->revision[STORED_REVISION_LEN] = '\0';
    return 0;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* What is wrong with one part of a name; NULL: nothing. */
static const char *wrong_part(const char *part, size_t len)
{
    if (len == 0)
        return "a part is empty";
    for (size_t i = 0; i < len; i++)
        if (!is_name_char(part[i]))
            return "only letters, digits, '-', '_' and '.' may stand in it";
    if (part[0] == '-' || part[0] == '.' || part[len - 1] == '-' ||
        part[len - 1] == '.')
        return "no part may start or end with '-' or '.'";
    for (size_t i = 1; i < len; i++)
        if (part[i] == part[i - 1] && (part[i] == '-' || part[i] == '.'))
            return "'--' and '..' may not stand in it";
    return NULL;
}

int stored_check_name(const char *name, struct error *err)
{
    const char *slash = strchr(name, '/');
    size_t len = strlen(name);
    const char *wrong = NULL;

    if (len > STORED_NAME_MAX)
        wrong = "it is longer than 96 characters";
    else if (!slash)
        wrong = "it needs an owner";
    else
        wrong = wrong_part(name, (size_t)(slash - name));
    if (!wrong)
        wrong = wrong_part(slash + 1, strlen(slash + 1));
    if (!wrong && len > 4 && !strcmp(name + len - 4, ".git"))
        wrong = "it may not end with '.git'";
    if (!wrong)
        return 0;
    error_set(err, ERR_USAGE, "'%.100s' cannot be a model's name: %s", name,
              wrong);
    error_subject(err, "model");
    error_actual(err, "%.100s", name);
    return error_expected(err, "owner/name");
}

bool stored_is_revision(const char *text)
{
    return strlen(text) == STORED_REVISION_LEN &&
           strspn(text, "0123456789abcdef") == STORED_REVISION_LEN;
}

int stored_list_add_steal(struct stored_list *l, struct stored_model *m,
                          struct error *err)
{
    struct stored_model **items = l->items;

    if (m && (l->count & (l->count + 1)) == 0)
        items = realloc(l->items, (2 * l->count + 1) * sizeof *items);
    if (!m || !items) {
        stored_unref(m);
        return error_memory(err);
    }
    l->items = items;
    items[l->count++] = m;
    return 0;
}

void stored_list_done(struct stored_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        stored_unref(l->items[i]);
    free(l->items);
    *l = (struct stored_list){ NULL, 0 };
}
