/*
 * Prints what was read of gin files, to be compared with what gin-config reads:
 *
 *     gin_dump FILE...
 *
 * For each a line with its length in bytes, and the dump; or for a file that is
 * not valid the text of the error and its hint, with the length negative.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gin_dump.h"

enum { DUMP_MAX = 64 << 20 };

static void dump(const char *path, struct buf *out)
{
    static char text[GIN_MAX_BYTES + 1];
    const char *slash = strrchr(path, '/');
    FILE *f = fopen(path, "rb");
    struct error err = { 0 };
    size_t len;

    if (!f) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    len = fread(text, 1, sizeof text, f);
    fclose(f);
    buf_clear(out);
    if (gin_dump(text, len, slash ? slash + 1 : path, out, &err))
        printf("-%zu\n%s\n%s\n", strlen(err.text) + strlen(err.hint) + 2,
               err.text, err.hint);
    else
        printf("%zu\n%s", out->len, buf_str(out));
}

int main(int argc, char **argv)
{
    struct buf out = BUF_INIT(DUMP_MAX);

    for (int i = 1; i < argc; i++)
        dump(argv[i], &out);
    buf_done(&out);
    return EXIT_SUCCESS;
}
