/*
 * Hashing the files of a stage, some at a time.
 *
 * The files have just been written, so this reads from the page cache; SHA-256
 * with the CPU's instructions is several times as fast as a disk.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/models_impl.h"

enum { BLOCK = 1 << 20, THREADS_MAX = 16 };

/* One thread's share: every file that it can get. */
struct hasher {
    int folder;
    struct stored_model *model;
    const atomic_bool *cancel;
    atomic_size_t next; /* shared by all threads */
    atomic_bool failed;
    pthread_mutex_t mutex; /* for err */
    int rc;
    struct error err;
};

static int hash_open_file(struct hasher *h, int fd, struct stored_file *f,
                          unsigned char *block, struct error *err)
{
    struct sha256 *sum = NULL;
    uint64_t size = 0;
    ssize_t n = 1;
    int rc = sha256_new(&sum, err);

    while (!rc && n > 0) {
        if (h->cancel && atomic_load(h->cancel)) {
            rc = error_set(err, ERR_CANCELLED, "cancelled");
            break;
        }
        n = read(fd, block, BLOCK);
        if (n < 0 && errno == EINTR) {
            n = 1;
        } else if (n < 0) {
            rc = error_errno(err, ERR_WRITE, errno, "cannot read back %.200s",
                             f->name);
        } else {
            sha256_add(sum, block, (size_t)n);
            size += (uint64_t)n;
        }
    }
    if (rc) {
        sha256_free(sum);
        return rc;
    }
    f->size = size;
    return sha256_finish(sum, f->sha256, err);
}

static int hash_file(struct hasher *h, struct stored_file *f,
                     unsigned char *block, struct error *err)
{
    int fd = openat(h->folder, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    int rc;

    if (fd < 0)
        return error_errno(err, ERR_WRITE, errno, "cannot read back %.200s",
                           f->name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = error_set(err, ERR_WRITE, "%.200s is no regular file", f->name);
    else
        rc = hash_open_file(h, fd, f, block, err);
    close(fd);
    return rc;
}

static void *hash_files(void *arg)
{
    struct hasher *h = arg;
    unsigned char *block = malloc(BLOCK);
    struct error err;
    int rc = block ? 0 : error_memory(&err);
    size_t i;

    while (!rc && !atomic_load(&h->failed)) {
        i = atomic_fetch_add(&h->next, 1);
        if (i >= h->model->file_count)
            break;
        rc = hash_file(h, &h->model->files[i], block, &err);
    }
    free(block);
    if (rc) {
        atomic_store(&h->failed, true);
        pthread_mutex_lock(&h->mutex);
        if (!h->rc) {
            h->rc = rc;
            h->err = err;
        }
        pthread_mutex_unlock(&h->mutex);
    }
    return NULL;
}

static int list_files(int folder, struct stored_model *model, struct error *err)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int rc = 0;

    if (!dir) {
        rc = error_errno(err, ERR_WRITE, errno, "cannot list what was made");
        if (fd >= 0)
            close(fd);
        return rc;
    }
    errno = 0;
    while (!rc && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = stored_add(model, entry->d_name, 0, "", err);
    if (!rc && errno != 0)
        rc = error_errno(err, ERR_WRITE, errno, "cannot list what was made");
    closedir(dir);
    return rc;
}

int models_hash_folder(int folder, const struct models_publication *p,
                       struct stored_model *model, struct error *err)
{
    struct hasher h = { .folder = folder,
                        .model = model,
                        .cancel = p->cancel,
                        .mutex = PTHREAD_MUTEX_INITIALIZER };
    pthread_t threads[THREADS_MAX];
    size_t want = p->threads ? p->threads : 2;
    size_t started = 0;
    int rc = list_files(folder, model, err);

    if (rc)
        return rc;
    if (want > THREADS_MAX)
        want = THREADS_MAX;
    if (want > model->file_count)
        want = model->file_count;
    /* This thread hashes as well, so no other one is a must. */
    while (started + 1 < want &&
           pthread_create(&threads[started], NULL, hash_files, &h) == 0)
        started++;
    hash_files(&h);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    pthread_mutex_destroy(&h.mutex);
    if (h.rc && err)
        *err = h.err;
    return h.rc ? h.rc : stored_seal(model, err);
}
