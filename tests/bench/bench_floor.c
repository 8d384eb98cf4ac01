/*
 * The floor under a conversion: what decoding and writing alone cost.
 *
 * Decodes every gzip chunk below CHECKPOINT/target.* with libdeflate on all
 * CPUs, and writes the bytes, as they come, into one file in the folder OUT,
 * whose space is reserved first and which is synced at the end. Nothing is
 * understood or rearranged. Without OUT, or with --decode-only, nothing is
 * written. Prints one line of JSON.
 *
 * usage: bench_floor [--decode-only] [--threads N] CHECKPOINT [OUT]
 */
#include <fcntl.h>
#include <ftw.h>
#include <libdeflate.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"

enum { MAX_THREADS = 256, HUGE_PAGE = 2 << 20 };

/* A chunk: its file, the bytes stored and decoded, its place in the output. */
struct chunk {
    char *path;
    size_t stored, decoded;
    uint64_t offset;
};

static struct chunk *chunks;
static size_t count, capacity, prefix;
static size_t most_stored, most_decoded;
static atomic_size_t next;
static int out = -1;

__attribute__((noreturn)) static void die(const char *what, const char *path)
{
    perror(what);
    fprintf(stderr, "bench_floor: %s: %s\n", what, path);
    exit(EXIT_FAILURE);
}

static void read_at(const char *path, void *dst, size_t len, off_t offset)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t done = 0;
    ssize_t n;

    if (fd < 0)
        die("cannot open", path);
    while (done < len) {
        n = pread(fd, (char *)dst + done, len - done, offset + (off_t)done);
        if (n <= 0)
            die("cannot read", path);
        done += (size_t)n;
    }
    close(fd);
}

/* The last four bytes of a gzip file are the size of what it holds. */
static int add_chunk(const char *path, const struct stat *st, int type,
                     struct FTW *ftw)
{
    unsigned char trailer[4];

    if (type != FTW_F || path[ftw->base] == '.' || st->st_size < 18 ||
        strncmp(path + prefix, "target.", 7) != 0)
        return 0;
    if (count == capacity) {
        capacity = capacity ? 2 * capacity : 256;
        chunks = realloc(chunks, capacity * sizeof *chunks);
        if (!chunks)
            die("out of memory", path);
    }
    read_at(path, trailer, sizeof trailer, st->st_size - 4);
    chunks[count] = (struct chunk){ .path = strdup(path),
                                    .stored = (size_t)st->st_size,
                                    .decoded = num_le32(trailer) };
    if (!chunks[count].path)
        die("out of memory", path);
    most_stored = num_max(most_stored, chunks[count].stored);
    most_decoded = num_max(most_decoded, chunks[count].decoded);
    count++;
    return 0;
}

static int largest_first(const void *a, const void *b)
{
    const struct chunk *x = a;
    const struct chunk *y = b;

    return (x->stored < y->stored) - (x->stored > y->stored);
}

static void write_chunk(const struct chunk *c, const unsigned char *data)
{
    size_t done = 0;
    ssize_t n;

    while (done < c->decoded) {
        n = pwrite(out, data + done, c->decoded - done,
                   (off_t)(c->offset + done));
        if (n <= 0)
            die("cannot write", "the output");
        done += (size_t)n;
    }
}

static void *room(size_t bytes)
{
    size_t size = (bytes / HUGE_PAGE + 1) * HUGE_PAGE;
    void *p = aligned_alloc(HUGE_PAGE, size);

    if (!p)
        die("out of memory", "for a chunk");
    (void)madvise(p, size, MADV_HUGEPAGE);
    return p;
}

static void *work(void *arg)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    unsigned char *in = room(most_stored);
    unsigned char *data = room(most_decoded);
    size_t i, n;

    if (!d)
        die("out of memory", "for a decoder");
    while ((i = atomic_fetch_add(&next, 1)) < count) {
        const struct chunk *c = &chunks[i];

        read_at(c->path, in, c->stored, 0);
        if (libdeflate_gzip_decompress(d, in, c->stored, data, c->decoded,
                                       &n) != LIBDEFLATE_SUCCESS ||
            n != c->decoded)
            die("not a whole gzip file", c->path);
        if (out >= 0)
            write_chunk(c, data);
    }
    libdeflate_free_decompressor(d);
    free(in);
    free(data);
    return arg;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void open_output(const char *folder, uint64_t bytes)
{
    char path[4096];

    if (mkdir(folder, 0777) != 0 && access(folder, W_OK) != 0)
        die("cannot create", folder);
    snprintf(path, sizeof path, "%s/floor.bin", folder);
    out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out < 0)
        die("cannot create", path);
    if (posix_fallocate(out, 0, (off_t)bytes) != 0)
        die("cannot reserve space for", path);
}

static void run(unsigned threads, const char *folder)
{
    pthread_t helpers[MAX_THREADS];
    uint64_t stored = 0;
    uint64_t bytes = 0;
    double start = now();

    for (size_t i = 0; i < count; i++) {
        chunks[i].offset = bytes;
        bytes += chunks[i].decoded;
        stored += chunks[i].stored;
    }
    if (folder)
        open_output(folder, bytes);
    for (unsigned i = 1; i < threads; i++)
        if (pthread_create(&helpers[i], NULL, work, NULL) != 0)
            die("cannot start", "a thread");
    work(NULL);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(helpers[i], NULL);
    if (out >= 0 && (fsync(out) != 0 || close(out) != 0))
        die("cannot write", folder);
    start = now() - start;
    printf("{\"seconds\": %.3f, \"mb_per_second\": %.1f, \"bytes\": %llu, "
           "\"stored_bytes\": %llu, \"chunks\": %zu, \"threads\": %u, "
           "\"written\": %s}\n",
           start, (double)bytes / start * 1e-6, (unsigned long long)bytes,
           (unsigned long long)stored, count, threads,
           folder ? "true" : "false");
}

static unsigned count_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0
               ? (unsigned)CPU_COUNT(&set)
               : 1;
}

int main(int argc, char **argv)
{
    const char *names[2] = { NULL, NULL };
    unsigned given = 0;
    unsigned long threads = count_cpus();
    bool decode_only = false;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--decode-only"))
            decode_only = true;
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            threads = strtoul(argv[++i], NULL, 10);
        else if (given < 2)
            names[given++] = argv[i];
    }
    if (!names[0] || threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: bench_floor [--decode-only] [--threads N] "
                        "CHECKPOINT [OUT]\n");
        return 2;
    }
    prefix = strlen(names[0]);
    while (prefix > 1 && names[0][prefix - 1] == '/')
        prefix--;
    names[0] = strndup(names[0], prefix++);
    if (!names[0] || nftw(names[0], add_chunk, 16, FTW_PHYS) != 0 || count == 0)
        die("no chunks below", argv[1]);
    qsort(chunks, count, sizeof *chunks, largest_first);
    run((unsigned)threads, decode_only ? NULL : names[1]);
    return EXIT_SUCCESS;
}
