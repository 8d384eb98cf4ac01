/*
 * store/writer.c: whatever is put, in whatever order, by several threads, is
 * what the files hold; little memory, ragged ends and refusals included.
 *
 * pwrite() is interposed: it does what the real one does, and counts what goes
 * past the page cache, until a test makes it fail.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/sink.h"
#include "store/writer.h"

static int plain_fails, direct_fails; /* the errno; 0: it writes */
static atomic_bool cut;               /* one direct write is cut short */
static _Atomic uint64_t direct_bytes, ragged_writes;
static atomic_uint misaligned, refused;

static bool is_direct(int fd)
{
    return (fcntl(fd, F_GETFL) & O_DIRECT) != 0;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
    bool direct = is_direct(fd);

    errno = direct ? direct_fails : plain_fails;
    if (errno)
        return -1;
    if (direct) {
        if ((uintptr_t)data % 4096 || n % 4096 || offset % 4096)
            misaligned++;
        if (n > 4096 && atomic_exchange(&cut, false))
            n = 4096;
        direct_bytes += n;
    } else {
        ragged_writes++;
    }
    return syscall(SYS_pwrite64, fd, data, n, offset);
}

enum { FILES = 3, SIZE = 21 << 20, THREADS = 4 };

struct file {
    struct writer_file out;
    char path[64];
    unsigned char *want;
    atomic_size_t next; /* where the next stretch begins */
};

static struct file files[FILES];
static struct writer *writer;
static const char *root;

static void open_file(struct file *f, int i)
{
    snprintf(f->path, sizeof f->path, "%s/writer-%d-%d", root, (int)getpid(),
             i);
    f->out =
        (struct writer_file){ .fd = open(f->path, O_RDWR | O_CREAT | O_TRUNC,
                                         0600) };
    ck_assert_int_ge(f->out.fd, 0);
    ck_assert_int_eq(ftruncate(f->out.fd, SIZE), 0);
    writer_open_direct(&f->out, AT_FDCWD, f->path);
    atomic_store(&f->next, 0);
}

static void open_all(const char *where, unsigned pieces)
{
    struct error err;

    root = where;
    direct_bytes = ragged_writes = 0;
    misaligned = 0;
    ck_ok(writer_new(pieces, &writer, &err), &err);
    for (int i = 0; i < FILES; i++) {
        open_file(&files[i], i);
        if (!files[i].want)
            files[i].want = malloc(SIZE);
        ck_assert_ptr_nonnull(files[i].want);
        for (size_t k = 0; k < SIZE; k++)
            files[i].want[k] = (unsigned char)(k % 251 + k / 65536 + (size_t)i);
    }
}

static void close_all(void)
{
    for (int i = 0; i < FILES; i++) {
        if (files[i].out.direct >= 0)
            close(files[i].out.direct);
        close(files[i].out.fd);
        unlink(files[i].path);
    }
    writer_free(writer);
}

static void check_files(void)
{
    unsigned char *got = malloc(SIZE);

    ck_assert_ptr_nonnull(got);
    for (int i = 0; i < FILES; i++) {
        ck_assert_int_eq(writer_finish(writer, &files[i].out), 0);
        ck_assert_int_eq(pread(files[i].out.fd, got, SIZE, 0), SIZE);
        ck_assert_msg(!memcmp(got, files[i].want, SIZE), "file %d", i);
    }
    free(got);
    ck_assert_uint_eq(misaligned, 0);
}

/* Puts stretches of a few bytes to some pieces, each in bands. */
static void *put_some(void *arg)
{
    unsigned seed = *(unsigned *)arg;
    unsigned i = seed;
    size_t from, len, n;

    for (unsigned idle = 0; idle < FILES; i++) {
        struct file *f = &files[i % FILES];

        len = (size_t)(rand_r(&seed) % 3 ? 1 + rand_r(&seed) % 700000
                                         : 1 + rand_r(&seed) % 9000000);
        from = atomic_fetch_add(&f->next, len);
        idle = from >= SIZE ? idle + 1 : 0;
        for (; len > 0 && from < SIZE; from += n, len -= n) {
            n = 1 + (size_t)rand_r(&seed) % 2000000;
            n = n < len ? n : len;
            n = n < SIZE - from ? n : SIZE - from;
            refused +=
                writer_put(writer, &f->out, from, f->want + from, n) != 0;
        }
    }
    return NULL;
}

static void put_all(void)
{
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_some, &seeds[i]),
                         0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(refused, 0);
}

/* On a disk, and where all is memory. */
START_TEST(test_what_is_put_is_there)
{
    static const char *const roots[] = { ".", "/dev/shm" };

    for (size_t i = 0; i < 2; i++)
        for (unsigned pieces = 2; pieces < 8; pieces += 5) {
            open_all(roots[i], pieces);
            put_all();
            check_files();
            close_all();
        }
}
END_TEST

/* Bands one after the other leave as few large writes. */
START_TEST(test_bands_are_joined)
{
    const size_t band = 300000;
    struct file *f = &files[0];
    size_t n;

    open_all(".", 2);
    if (f->out.direct >= 0) {
        for (size_t at = 100; at < SIZE; at += n) {
            n = band < SIZE - at ? band : SIZE - at;
            ck_assert_int_eq(writer_put(writer, &f->out, at, f->want + at, n),
                             0);
        }
        ck_assert_int_eq(writer_finish(writer, &f->out), 0);
        ck_assert_uint_eq(direct_bytes, SIZE - f->out.align);
        ck_assert_uint_eq(ragged_writes, 1);
    }
    close_all();
}
END_TEST

START_TEST(test_direct_refused_or_cut)
{
    open_all(".", 3);
    direct_fails = EINVAL;
    put_all();
    check_files();
    ck_assert_uint_eq(direct_bytes, 0);
    direct_fails = 0;
    close_all();

    open_all(".", 3);
    cut = true;
    put_all();
    check_files();
    close_all();

    open_all(".", 3);
    for (int i = 0; i < FILES; i++) {
        if (files[i].out.direct >= 0)
            close(files[i].out.direct);
        files[i].out.direct = -1;
    }
    put_all();
    check_files();
    ck_assert_uint_eq(direct_bytes, 0);
    close_all();
}
END_TEST

/* A failure is told once at least, and stays with its file. */
START_TEST(test_failure)
{
    struct writer_file *bad = &files[0].out;
    struct writer_file *good = &files[1].out;
    const unsigned char *data;

    open_all(".", 2);
    data = files[0].want;
    direct_fails = plain_fails = ENOSPC;
    ck_assert_int_eq(writer_put(writer, bad, 0, data, WRITER_LEAST), 0);
    ck_assert_int_eq(writer_finish(writer, bad), ENOSPC);
    ck_assert_int_eq(writer_put(writer, bad, 0, data, WRITER_LEAST), ENOSPC);
    ck_assert_int_eq(writer_put(writer, good, 0, data, 1), ENOSPC);
    direct_fails = plain_fails = 0;
    ck_assert_int_eq(writer_finish(writer, bad), ENOSPC);
    ck_assert_int_eq(writer_put(writer, good, 0, data, WRITER_LEAST), 0);
    ck_assert_int_eq(writer_finish(writer, good), 0);
    close_all();
}
END_TEST

START_TEST(test_drop)
{
    struct file *f = &files[0];

    open_all(".", 4);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(writer_put(writer, &f->out, i * (4 << 20) + i, f->want,
                                    WRITER_LEAST),
                         0);
    writer_drop(writer, &f->out);
    ck_assert_uint_eq(direct_bytes + ragged_writes, 0);
    ck_assert_uint_eq(f->out.pieces, 0);
    /* All pieces can be used again. */
    put_all();
    for (int i = 0; i < FILES; i++)
        writer_drop(writer, &files[i].out);
    close_all();
}
END_TEST

/* The sink takes no more than it may, tells failures late, forgets in time. */
START_TEST(test_sink)
{
    char folder[] = "writer-sink-XXXXXX";
    char path[64];
    struct sink_file *f = NULL;
    struct sink *s = NULL;
    struct error err;
    unsigned char *data = calloc(1, WRITER_LEAST);

    ck_assert_ptr_nonnull(data);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model", folder);
    ck_ok(sink_folder_open(path, false, &s, &err), &err);
    ck_assert_uint_eq(sink_buffer(s, 2 * WRITER_PIECE - 1, 9), 0);
    ck_assert_uint_eq(sink_buffer(s, 3 * WRITER_PIECE, 9), 3 * WRITER_PIECE);
    ck_ok(sink_create(s, "a", WRITER_LEAST, &f, &err), &err);
    ck_ok(sink_write(f, 0, data, WRITER_LEAST, &err), &err);
    plain_fails = direct_fails = EIO;
    ck_fails(sink_close(f, &err), &err, ERR_WRITE, "a");
    ck_fails(sink_publish(s, &err), &err, ERR_WRITE, "not published");
    ck_ok(sink_create(s, "b", WRITER_LEAST, &f, &err), &err);
    ck_ok(sink_write(f, 0, data, WRITER_LEAST, &err), &err);
    sink_free(s);
    plain_fails = direct_fails = 0;
    ck_assert_int_eq(rmdir(folder), 0);
    free(data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_what_is_put_is_there,
        test_bands_are_joined,
        test_direct_refused_or_cut,
        test_failure,
        test_drop,
        test_sink,
    };

    return unit_run("writer", tests, sizeof tests / sizeof *tests);
}
