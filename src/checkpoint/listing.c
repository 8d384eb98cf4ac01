/*
 * Names of folders, and of files that are steps.
 *
 * t5x calls steps checkpoint_<digits>; Orbax's manager calls them by the number
 * alone, which may begin with zeros, or with a prefix of the user's before it.
 * What is being written has a longer name until it is complete.
 */
#include "checkpoint/listing.h"

#include <stdlib.h>
#include <string.h>

enum { LISTING_MAX_STEPS = 1 << 20 };

static bool is_number(const char *text, int64_t *number)
{
    size_t len = strlen(text);

    if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
        return false;
    *number = (int64_t)strtoll(text, NULL, 10);
    return true;
}

bool listing_is_step(const char *name, int64_t *step)
{
    static const char prefix[] = "checkpoint_";

    return !strncmp(name, prefix, sizeof prefix - 1) &&
           is_number(name + sizeof prefix - 1, step);
}

/* "100" or "ckpt_100". */
static bool is_other_step(const char *name, int64_t *number)
{
    const char *underscore = strrchr(name, '_');

    return is_number(underscore ? underscore + 1 : name, number);
}

bool listing_is_temporary(const char *name)
{
    return strstr(name, ".tmp-") || strstr(name, ".orbax-checkpoint-tmp");
}

/* Whether only a checkpoint has folders of such names. */
static bool is_part(const char *name)
{
    static const char *const prefixes[] = { "target.", "state.",
                                            "ocdbt.process_" };

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

static int add_step(struct listing *l, const char *name,
                    struct listing_step step, struct error *err)
{
    size_t cap = l->cap ? 2 * l->cap : 16;
    struct listing_step *steps;
    char *copy;

    if (l->count == LISTING_MAX_STEPS)
        return error_set(err, ERR_LIMIT, "there are too many steps");
    if (l->count == l->cap) {
        steps = reallocarray(l->steps, cap, sizeof *steps);
        if (!steps)
            return error_memory(err);
        l->steps = steps;
        l->cap = cap;
    }
    copy = strdup(name);
    if (!copy)
        return error_memory(err);
    step.name = copy;
    l->steps[l->count++] = step;
    l->t5x += step.t5x;
    return 0;
}

int listing_see(void *ctx, const char *name, bool is_folder, struct error *err)
{
    struct listing_step step = { .file = !is_folder };
    struct listing *l = ctx;

    step.t5x = listing_is_step(name, &step.number);
    if (!is_folder)
        return step.t5x ? add_step(l, name, step, err) : 0;
    if (name[0] == '.' || !strcmp(name, "__MACOSX"))
        return 0;
    if (listing_is_temporary(name)) {
        l->unfinished = true;
        return 0;
    }
    if (is_part(name)) { /* and no step, though it may end in a number */
        l->arrays = true;
        l->folders++;
        return 0;
    }
    if (l->folders < LISTING_MAX_ITEMS && strlen(name) < sizeof l->items[0])
        memcpy(l->items[l->folders], name, strlen(name) + 1);
    l->folders++;
    if (step.t5x || is_other_step(name, &step.number))
        return add_step(l, name, step, err);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct listing_step *x = a;
    const struct listing_step *y = b;

    if (x->number != y->number)
        return x->number < y->number ? 1 : -1;
    return strcmp(x->name, y->name);
}

void listing_sort(struct listing *l)
{
    if (l->count > 0)
        qsort(l->steps, l->count, sizeof *l->steps, by_number);
}

void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->steps[i].name);
    free(l->steps);
}
