/*
 * What is the same in all listings: entries relative to their folder, and that
 * a listing comes to an end.
 */
#include "remote/page.h"

#include <stdlib.h>
#include <string.h>

static int out_of_place(const struct page *p, const char *name,
                        struct error *err)
{
    error_set(err, ERR_SOURCE, "the server lists what was not asked for");
    error_expected(err, "names that begin with '%.100s'", p->prefix);
    return error_actual(err, "'%.100s'", name);
}

int page_entry(struct page *p, const char *name, struct error *err)
{
    char own[STORE_NAME_MAX + 1];
    size_t skip = strlen(p->prefix);
    size_t len = strlen(name);
    bool is_folder;

    if (strncmp(name, p->prefix, skip) != 0)
        return out_of_place(p, name, err);
    p->found = true;
    name += skip;
    len -= skip;
    is_folder = len > 0 && name[len - 1] == '/';
    len -= is_folder;
    if (len >= sizeof own || memchr(name, '/', len))
        return 0;
    memcpy(own, name, len);
    own[len] = '\0';
    return store_check_name(own, NULL)
               ? 0
               : p->entry(p->entry_ctx, own, is_folder, err);
}

int page_object(struct page *p, const char *name, uint64_t size,
                const char *version, struct error *err)
{
    size_t len = strlen(name);
    int rc = page_entry(p, name, err);

    if (rc || !p->note || !*version || len == 0 || name[len - 1] == '/' ||
        store_check_name(name, NULL))
        return rc;
    return p->note(p->note_ctx, name, size, version, err);
}

int page_next(struct page *p, const char *token, struct error *err)
{
    if (strlen(token) > PAGE_TOKEN_MAX)
        return error_set(err, ERR_SOURCE,
                         "the server names the next page of its listing in "
                         "more than %d bytes",
                         PAGE_TOKEN_MAX);
    free(p->next);
    p->next = strdup(token);
    return p->next ? 0 : error_memory(err);
}

int page_walk(struct page *p, page_ask_fn ask, void *ctx, struct error *err)
{
    char *token = NULL;
    bool again = true;
    int rc = 0;

    for (int i = 0; again && i < PAGE_COUNT_MAX; i++) {
        p->next = NULL;
        rc = ask(ctx, p, token, err);
        again = !rc && p->next;
        if (again && token && !strcmp(p->next, token))
            break;
        free(token);
        token = p->next;
    }
    if (again && p->next != token)
        free(p->next);
    free(token);
    p->next = NULL;
    if (again)
        rc = error_set(err, ERR_SOURCE, "the server's listing has no end");
    return rc;
}
