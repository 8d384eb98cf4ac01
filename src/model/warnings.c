/*
 * The list of warnings.
 */
#include "model/warnings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int warnings_add(struct warnings *w, struct error *err, const char *fmt, ...)
{
    char **grown = realloc(w->texts, (w->count + 1) * sizeof *grown);
    va_list args;
    char *text;
    int n;

    if (!grown)
        return error_memory(err);
    w->texts = grown;
    va_start(args, fmt);
    n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        return error_memory(err);
    w->texts[w->count++] = text;
    return 0;
}

void warnings_done(struct warnings *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->texts[i]);
    free(w->texts);
    *w = (struct warnings){ 0 };
}
