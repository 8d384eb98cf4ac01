/*
 * Writing behind, past the page cache.
 *
 * A piece is a stretch of one file. Whoever puts bytes goes on with the piece
 * that ends where they begin, if there is one; so the bands of a tensor, which
 * come one after the other, leave in a few large writes whatever their size.
 * Otherwise it begins a piece, and where all are in use, that which was begun
 * first leaves as it is.
 *
 * In memory a piece lies as it does in the file, counted in blocks, so all of
 * it but its ragged ends can be written with O_DIRECT: the processor is spared
 * a copy and the system a page cache full of what nobody reads soon. The ends,
 * less than a block each, go through the page cache, as does everything where
 * the file system has no O_DIRECT or turns out to refuse it.
 *
 * A failure belongs to the file. It is told to whoever puts or finishes next,
 * and what else comes for the file is forgotten.
 */
#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

enum {
    BLOCK_LEAST = 4096,
    BLOCK_MOST = 64 << 10,
    HUGE_PAGE = 2 << 20,
    /* One thread keeps a disk busy that as many pieces as this wait for. */
    PIECES_PER_THREAD = 4,
    THREADS_MAX = 8,
};

struct piece {
    struct piece *next;
    struct writer_file *file;
    unsigned char *data; /* WRITER_PIECE bytes, once used */
    uint64_t start;      /* the offset of data[0] in the file */
    size_t from, to;     /* what is filled */
};

/* First in, first out. */
struct line {
    struct piece *first;
    struct piece **end;
};

struct writer {
    pthread_mutex_t lock;   /* guards all below, and files' errnum and pieces */
    pthread_cond_t changed; /* a piece has moved, or stop was set */
    struct line idle;
    struct line open;   /* begun and nobody's, the oldest first */
    struct line queued; /* to be written */
    bool stop;
    unsigned running; /* threads */
    pthread_t threads[THREADS_MAX];
    unsigned count;
    struct piece pieces[];
};

static void append(struct line *l, struct piece *p)
{
    p->next = NULL;
    *l->end = p;
    l->end = &p->next;
}

/* Takes out the piece that *link points at. */
static struct piece *take(struct line *l, struct piece **link)
{
    struct piece *p = *link;

    *link = p->next;
    if (l->end == &p->next)
        l->end = link;
    return p;
}

int writer_plain(int fd, uint64_t offset, const void *data, size_t len)
{
    const unsigned char *p = data;
    ssize_t n;

    while (len > 0) {
        n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

/*
 * Blocks past the page cache, and the rest through it: what a signal cut short,
 * or all of it where O_DIRECT is refused after all.
 */
static int write_blocks(const struct writer_file *f, uint64_t offset,
                        const unsigned char *data, size_t len)
{
    ssize_t n = 0;

    while (len > 0) {
        n = pwrite(f->direct, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EINVAL)
            return errno;
        if (n < 0 || (size_t)n % f->align != 0)
            break;
        data += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return writer_plain(f->fd, offset, data, len);
}

static int write_piece(const struct piece *p)
{
    const struct writer_file *f = p->file;
    size_t first = num_ceil_div(p->from, f->align) * f->align;
    size_t last = p->to / f->align * f->align;
    int rc;

    if (f->direct < 0 || first >= last)
        return writer_plain(f->fd, p->start + p->from, p->data + p->from,
                            p->to - p->from);
    rc = write_blocks(f, p->start + first, p->data + first, last - first);
    if (!rc)
        rc = writer_plain(f->fd, p->start + p->from, p->data + p->from,
                          first - p->from);
    if (!rc)
        rc = writer_plain(f->fd, p->start + last, p->data + last, p->to - last);
    return rc;
}

/* With the lock held: the piece is empty again. */
static void release(struct writer *w, struct piece *p)
{
    p->file->pieces--;
    p->file = NULL;
    append(&w->idle, p);
    pthread_cond_broadcast(&w->changed);
}

static void *work(void *arg)
{
    struct writer *w = arg;
    struct piece *p;
    bool failed;
    int rc;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->queued.first && !w->stop)
            pthread_cond_wait(&w->changed, &w->lock);
        if (!w->queued.first)
            break;
        p = take(&w->queued, &w->queued.first);
        failed = p->file->errnum != 0;
        pthread_mutex_unlock(&w->lock);
        rc = failed ? 0 : write_piece(p);
        pthread_mutex_lock(&w->lock);
        if (rc && p->file->errnum == 0)
            p->file->errnum = rc;
        release(w, p);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Starts the threads, or as many as there can be; at least one. */
static int start(struct writer *w, struct error *err)
{
    unsigned n = (unsigned)num_min(THREADS_MAX,
                                   num_ceil_div(w->count, PIECES_PER_THREAD));

    while (w->running < n &&
           pthread_create(&w->threads[w->running], NULL, work, w) == 0)
        w->running++;
    return w->running > 0 ? 0 : error_memory(err);
}

int writer_new(unsigned pieces, struct writer **out, struct error *err)
{
    struct writer *w = calloc(1, sizeof *w + pieces * sizeof *w->pieces);
    bool locked, waits;

    if (!w)
        return error_memory(err);
    w->count = pieces;
    w->idle.end = &w->idle.first;
    w->open.end = &w->open.first;
    w->queued.end = &w->queued.first;
    for (unsigned i = 0; i < pieces; i++)
        append(&w->idle, &w->pieces[i]);
    locked = pthread_mutex_init(&w->lock, NULL) == 0;
    waits = locked && pthread_cond_init(&w->changed, NULL) == 0;
    if (waits && start(w, err) == 0) {
        *out = w;
        return 0;
    }
    if (waits)
        pthread_cond_destroy(&w->changed);
    if (locked)
        pthread_mutex_destroy(&w->lock);
    free(w);
    return error_memory(err);
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->running; i++)
        pthread_join(w->threads[i], NULL);
    for (unsigned i = 0; i < w->count; i++)
        free(w->pieces[i].data);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/*
 * The block of a file: what O_DIRECT asks for, and no less than a page, so that
 * what goes through the page cache shares none with what does not. 0 where the
 * file has no O_DIRECT (statx tells since Linux 6.1).
 */
static size_t block_of(int fd)
{
    size_t block = num_max(BLOCK_LEAST, (uint64_t)sysconf(_SC_PAGESIZE));
#ifdef STATX_DIOALIGN
    struct statx s;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &s) == 0 &&
        (s.stx_mask & STATX_DIOALIGN) != 0) {
        if (s.stx_dio_offset_align == 0)
            return 0;
        block = num_max(block, s.stx_dio_offset_align);
        block = num_max(block, s.stx_dio_mem_align);
    }
#else
    (void)fd;
#endif
    return block <= BLOCK_MOST && (block & (block - 1)) == 0 ? block : 0;
}

void writer_open_direct(struct writer_file *f, int folder, const char *name)
{
    size_t block = block_of(f->fd);

    f->align = block ? block : BLOCK_LEAST;
    f->direct =
        block ? openat(folder, name, O_WRONLY | O_DIRECT | O_CLOEXEC) : -1;
}

/* The open piece that ends at an offset of f, taken; NULL if there is none. */
static struct piece *take_open(struct writer *w, const struct writer_file *f,
                               uint64_t offset)
{
    struct piece **link = &w->open.first;

    for (; *link; link = &(*link)->next)
        if ((*link)->file == f && (*link)->start + (*link)->to == offset)
            return take(&w->open, link);
    return NULL;
}

static int give_memory(struct piece *p)
{
    if (p->data)
        return 0;
    p->data = aligned_alloc(HUGE_PAGE, WRITER_PIECE);
    if (!p->data)
        return ENOMEM;
    (void)madvise(p->data, WRITER_PIECE, MADV_HUGEPAGE);
    return 0;
}

/* Waits for an empty piece, and begins it at offset. */
static int begin(struct writer *w, struct writer_file *f, uint64_t offset,
                 struct piece **out)
{
    struct piece *p;
    int rc;

    while (!w->idle.first) {
        if (w->open.first) {
            append(&w->queued, take(&w->open, &w->open.first));
            pthread_cond_broadcast(&w->changed);
        }
        pthread_cond_wait(&w->changed, &w->lock);
    }
    p = take(&w->idle, &w->idle.first);
    rc = give_memory(p);
    if (rc) {
        append(&w->idle, p);
        return rc;
    }
    p->file = f;
    f->pieces++;
    p->from = (size_t)(offset % f->align);
    p->to = p->from;
    p->start = offset - p->from;
    *out = p;
    return 0;
}

/*
 * The piece that goes on, or begins, at an offset of f. NULL where there is
 * none to go on with and a new one is not worth it.
 */
static int find_piece(struct writer *w, struct writer_file *f, uint64_t offset,
                      bool worth, struct piece **out)
{
    int rc;

    pthread_mutex_lock(&w->lock);
    rc = f->errnum;
    *out = rc ? NULL : take_open(w, f, offset);
    if (!rc && !*out && worth)
        rc = begin(w, f, offset, out);
    pthread_mutex_unlock(&w->lock);
    return rc;
}

static void give_back(struct writer *w, struct piece *p)
{
    pthread_mutex_lock(&w->lock);
    append(p->to == WRITER_PIECE ? &w->queued : &w->open, p);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

int writer_put(struct writer *w, struct writer_file *f, uint64_t offset,
               const void *data, size_t len)
{
    const unsigned char *src = data;
    struct piece *p = NULL;
    bool worth = len >= WRITER_LEAST;
    size_t n;
    int rc;

    while (len > 0) {
        rc = find_piece(w, f, offset, worth, &p);
        if (rc)
            return rc;
        if (!p)
            return writer_plain(f->fd, offset, src, len);
        n = num_min(len, WRITER_PIECE - p->to);
        memcpy(p->data + p->to, src, n);
        p->to += n;
        worth = true;
        give_back(w, p);
        src += n;
        offset += n;
        len -= n;
    }
    return 0;
}

/* Moves the pieces of f from a line to the end of another, or empties them. */
static void move(struct writer *w, const struct writer_file *f, struct line *l,
                 struct line *to)
{
    struct piece **link = &l->first;
    struct piece *p;

    while (*link) {
        if ((*link)->file != f) {
            link = &(*link)->next;
            continue;
        }
        p = take(l, link);
        if (to)
            append(to, p);
        else
            release(w, p);
    }
}

static void wait_for(struct writer *w, const struct writer_file *f)
{
    pthread_cond_broadcast(&w->changed);
    while (f->pieces > 0)
        pthread_cond_wait(&w->changed, &w->lock);
}

int writer_finish(struct writer *w, struct writer_file *f)
{
    int rc;

    pthread_mutex_lock(&w->lock);
    move(w, f, &w->open, &w->queued);
    wait_for(w, f);
    rc = f->errnum;
    pthread_mutex_unlock(&w->lock);
    return rc;
}

void writer_drop(struct writer *w, struct writer_file *f)
{
    pthread_mutex_lock(&w->lock);
    move(w, f, &w->open, NULL);
    move(w, f, &w->queued, NULL);
    wait_for(w, f);
    pthread_mutex_unlock(&w->lock);
}
