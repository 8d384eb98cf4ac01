/*
 * Uploads that come as a folder: whoever has unpacked a request's body need not
 * send it through blobs again.
 *
 * The folder becomes the upload's tree by one rename, after all of it is
 * durable; then its row. A crash in between leaves a tree that the database
 * does not know, which recovery removes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "uploads/folder.h"
#include "uploads/internal.h"

static int move(struct uploads *u, const char *folder, const char *id,
                struct error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc = 0;

    /* One call for all the files, however many they are. */
    if (fd < 0 || syncfs(fd) != 0)
        rc = folder_fail(errno, err, "cannot sync the upload's folder");
    else if (renameat(AT_FDCWD, folder, u->trees, id) != 0 ||
             fsync(u->trees) != 0)
        rc = folder_fail(errno, err, "cannot move the upload's folder");
    if (fd >= 0)
        close(fd);
    return rc;
}

int uploads_adopt(struct uploads *u, const struct uploads_adoption *what,
                  char id[UPLOADS_ID_MAX + 1], struct error *err)
{
    char name[UPLOADS_ID_MAX + 1];
    int rc = uploads_admit(u, 0, err);

    if (!rc)
        rc = uploads_check_quota(u, what->bytes, err);
    if (!rc)
        rc = uploads_new_id(name, err);
    if (!rc)
        rc = move(u, what->folder, name, err);
    if (rc)
        return rc;
    /* Nobody may find it before it is held: a sweep would remove it. */
    pthread_mutex_lock(&u->lock);
    rc = uploads_add_hold(u, name, err);
    if (!rc) {
        rc = table_adopt(u->db, name, what->bytes, what->digest, time(NULL),
                         &u->limits, err);
        if (rc)
            uploads_drop_hold(u, name);
    }
    pthread_mutex_unlock(&u->lock);
    if (rc) {
        folder_remove(u->trees, name, NULL);
        return rc;
    }
    atomic_fetch_add(&u->stored, what->bytes);
    memcpy(id, name, sizeof name);
    return 0;
}
