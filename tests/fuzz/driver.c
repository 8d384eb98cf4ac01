/*
 * Runs a fuzz target without libFuzzer.
 *
 * With arguments, replays these files, and the files of these folders. Without,
 * as "make check" calls it, takes the target's seed corpus
 * ($srcdir/tests/fuzz/corpus/X for the program fuzz_X) and runs every seed
 * whole, cut short, and with single bytes changed. The changes follow from the
 * seed alone, so a failure repeats. Each input stands in memory of exactly its
 * size, where a sanitizer sees the first byte read beyond it.
 *
 * It looks for no coverage: that is what --enable-fuzzers is for.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum {
    INPUT_MAX = 16 << 20,
    POSITIONS = 400, /* of cuts and of changes in one seed, at most */
};

struct counts {
    size_t inputs;
    size_t runs;
};

/* Calls the target with a copy of exactly len bytes; false without memory. */
static bool run_copy(const uint8_t *data, size_t len, struct counts *counts)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        return false;
    if (len)
        memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
    counts->runs++;
    return true;
}

/* The seed cut short, and with one byte changed in four ways. */
static bool run_variants(uint8_t *data, size_t len, struct counts *counts)
{
    size_t step = len / POSITIONS + 1;
    bool ok = true;

    for (size_t i = 0; i < len && ok; i += step) {
        const uint8_t byte = data[i];
        const uint8_t others[] = { 0x00, 0xff, (uint8_t)(byte ^ 1U << i % 8),
                                   (uint8_t)(byte + 1) };

        ok = run_copy(data, i, counts);
        for (size_t k = 0; k < sizeof others && ok; k++) {
            data[i] = others[k];
            ok = run_copy(data, len, counts);
        }
        data[i] = byte;
    }
    return ok;
}

/* The caller frees *data. */
static bool read_file(const char *path, uint8_t **data, size_t *len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_MAX);
    bool ok = false;

    if (!f || !bytes)
        goto out;
    *len = fread(bytes, 1, INPUT_MAX, f);
    if (ferror(f))
        goto out;
    *data = bytes;
    bytes = NULL;
    ok = true;
out:
    free(bytes);
    if (f)
        fclose(f);
    return ok;
}

static bool run_file(const char *path, bool variants, struct counts *counts)
{
    uint8_t *data = NULL;
    size_t len = 0;
    bool ok = read_file(path, &data, &len);

    if (!ok) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    counts->inputs++;
    ok = run_copy(data, len, counts);
    if (ok && variants)
        ok = run_variants(data, len, counts);
    if (!ok)
        fprintf(stderr, "%s: out of memory\n", path);
    free(data);
    return ok;
}

static bool run_folder(const char *path, bool variants, struct counts *counts)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, alphasort);
    bool ok = n >= 0;
    char file[4096];

    if (!ok)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            ok = run_file(file, variants, counts) && ok;
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static bool run_path(const char *path, struct counts *counts)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return run_folder(path, false, counts);
    return run_file(path, false, counts);
}

/* The corpus of fuzz_X; it must hold something. */
static bool run_corpus(const char *name, struct counts *counts)
{
    const char *srcdir = getenv("srcdir");
    const char *target = strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name;
    char folder[4096];

    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s",
             srcdir ? srcdir : ".", target);
    if (!run_folder(folder, true, counts))
        return false;
    if (counts->inputs == 0)
        fprintf(stderr, "%s: no seed in it\n", folder);
    return counts->inputs > 0;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    struct counts counts = { 0 };
    bool ok = true;

    if (argc < 2)
        ok = run_corpus(name, &counts);
    for (int i = 1; i < argc; i++)
        ok = run_path(argv[i], &counts) && ok;
    printf("%s: %zu inputs, %zu runs\n", name, counts.inputs, counts.runs);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
