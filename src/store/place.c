/*
 * Where a folder is made and how it appears.
 *
 * The sibling ".NAME.part-XXXXXX" is locked with flock() for as long as its
 * maker lives. So whoever comes later can tell a sibling at work from one that
 * a crash left behind, and removes the latter. A maker whose sibling was taken
 * for a dead one, between making and locking it, sees that and makes another.
 * Where a file system cannot lock folders, leftovers stay.
 *
 * A model that is to be replaced changes places with the sibling in one step,
 * and is removed from there; a crash in between leaves a leftover like any
 * other. A file system without that step gets two renames.
 */
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RANDOM_LEN = 6, TRIES = 100 };

/* Removes a folder of files; what is not a file keeps it alive. */
static void remove_folder(int parent, const char *name, int folder)
{
    DIR *dir = target_list(folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL)
        if (!target_is_dots(entry->d_name))
            unlinkat(folder, entry->d_name, 0);
    if (dir)
        closedir(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* The name of a sibling up to its random end, to be freed. */
static char *sibling_prefix(const struct place *p)
{
    size_t size = strlen(p->target.name) + sizeof "..part-" + RANDOM_LEN;
    char *text = malloc(size);

    if (text)
        snprintf(text, size, ".%s.part-", p->target.name);
    return text;
}

/* Removes siblings that nobody has locked; what cannot be removed stays. */
static void remove_leftovers(const struct place *p, const char *prefix)
{
    DIR *dir = target_list(p->target.parent);
    const struct dirent *entry;
    size_t len = strlen(prefix);
    int fd;

    while (dir && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, prefix, len) != 0 ||
            strlen(entry->d_name) != len + RANDOM_LEN)
            continue;
        fd = openat(p->target.parent, entry->d_name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_folder(p->target.parent, entry->d_name, fd);
        close(fd);
    }
    if (dir)
        closedir(dir);
}

static int append_random(char *end)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[RANDOM_LEN];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return -1;
    for (size_t i = 0; i < RANDOM_LEN; i++)
        end[i] = letters[bytes[i] % 32];
    end[RANDOM_LEN] = '\0';
    return 0;
}

/*
 * Locks a new folder. False if somebody took it for a leftover: then it is
 * being removed, or gone.
 */
static bool lock(int folder)
{
    struct stat st;

    if (flock(folder, LOCK_EX | LOCK_NB) != 0)
        return errno != EWOULDBLOCK;
    return fstat(folder, &st) == 0 && st.st_nlink > 0;
}

/* Makes and locks the sibling; takes prefix, which has room for the rest. */
static int make_part(struct place *p, char *prefix, struct error *err)
{
    char *end = prefix + strlen(prefix);

    p->part = prefix;
    for (int i = 0; i < TRIES; i++) {
        if (append_random(end) != 0)
            break;
        if (mkdirat(p->target.parent, p->part, 0777) != 0) {
            if (errno == EEXIST)
                continue;
            break;
        }
        p->folder = openat(p->target.parent, p->part,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (p->folder >= 0 && lock(p->folder))
            return 0;
        if (p->folder < 0 && errno == ENOENT)
            continue;
        if (p->folder < 0) {
            unlinkat(p->target.parent, p->part, AT_REMOVEDIR);
            break;
        }
        close(p->folder);
        p->folder = -1;
    }
    *p->part = '\0';
    return target_fail(&p->target, "create a folder beside", err);
}

int place_open(struct place *p, const char *path, bool overwrite,
               struct error *err)
{
    enum target_kind kind;
    char *prefix;
    int rc;

    *p = (struct place){ .folder = -1, .overwrite = overwrite };
    rc = target_find(&p->target, path, err);
    if (rc)
        return rc;
    rc = target_look(&p->target, overwrite, &kind, err);
    if (!rc) {
        prefix = sibling_prefix(p);
        if (prefix)
            remove_leftovers(p, prefix);
        rc = prefix ? make_part(p, prefix, err) : error_memory(err);
    }
    if (rc)
        place_done(p);
    return rc;
}

/* Without RENAME_EXCHANGE: the old one steps aside first, and is removed. */
static int replace_in_two_steps(struct place *p, struct error *err)
{
    char *aside = sibling_prefix(p);
    int rc = 0;

    if (!aside)
        return error_memory(err);
    if (append_random(aside + strlen(aside)) != 0 ||
        renameat(p->target.parent, p->target.name, p->target.parent, aside) !=
            0) {
        rc = target_fail(&p->target, "move aside", err);
    } else if (renameat(p->target.parent, p->part, p->target.parent,
                        p->target.name) != 0) {
        rc = target_fail(&p->target, "publish", err);
        renameat(p->target.parent, aside, p->target.parent, p->target.name);
    } else {
        free(p->part);
        p->part = aside;
        return 0;
    }
    free(aside);
    return rc;
}

/* Puts the new folder in the place of a model; the old one becomes p->part. */
static int replace(struct place *p, struct error *err)
{
    if (renameat2(p->target.parent, p->part, p->target.parent, p->target.name,
                  RENAME_EXCHANGE) == 0)
        return 0;
    if (errno == EINVAL || errno == ENOSYS)
        return replace_in_two_steps(p, err);
    return target_fail(&p->target, "publish", err);
}

/* Removes the old model, which now has the sibling's name. */
static void remove_replaced(struct place *p)
{
    int old = openat(p->target.parent, p->part,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (old < 0)
        return;
    remove_folder(p->target.parent, p->part, old);
    close(old);
}

/* Somebody else may have published there since target_look(). */
static int move(struct place *p, struct error *err)
{
    if (renameat(p->target.parent, p->part, p->target.parent, p->target.name) ==
        0)
        return 0;
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
        return target_refuse(&p->target, "exists and is not empty", "",
                             "somebody else made it meanwhile", err);
    return target_fail(&p->target, "publish", err);
}

/* Links one file of the old folder into the new one, unless it is there. */
static int keep_file(struct place *p, int old, const char *name,
                     struct error *err)
{
    if (linkat(old, name, p->folder, name, 0) == 0 || errno == EEXIST)
        return 0;
    error_errno(err, ERR_WRITE, errno, "cannot keep %.100s of %.200s", name,
                p->target.path);
    error_subject(err, "%s/%s", p->target.path, name);
    return error_hint(err, "move it away, or choose another folder");
}

/*
 * What else lies in the folder that is replaced, a tokenizer or a README,
 * stays: it gets a second name in the new folder before the two change places.
 */
static int keep_others(struct place *p, struct error *err)
{
    int old = openat(p->target.parent, p->target.name,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = old < 0 ? NULL : target_list(old);
    const struct dirent *entry;
    int rc = dir ? 0 : target_fail(&p->target, "look into", err);

    while (!rc && (entry = readdir(dir)) != NULL)
        if (!target_is_dots(entry->d_name) && !target_is_output(entry->d_name))
            rc = keep_file(p, old, entry->d_name, err);
    if (!rc && fsync(p->folder) != 0)
        rc = target_fail(&p->target, "make durable the files of", err);
    if (dir)
        closedir(dir);
    if (old >= 0)
        close(old);
    return rc;
}

int place_publish(struct place *p, struct error *err)
{
    enum target_kind kind = TARGET_ABSENT;
    int rc;

    if (fsync(p->folder) != 0)
        return target_fail(&p->target, "make durable the files of", err);
    rc = target_look(&p->target, p->overwrite, &kind, err);
    if (!rc && kind == TARGET_FILES)
        rc = keep_others(p, err);
    if (rc)
        return rc;
    rc = kind == TARGET_FILES ? replace(p, err) : move(p, err);
    if (rc)
        return rc;
    /* As long as its name may be lost, an old model is worth keeping. */
    if (fsync(p->target.parent) != 0)
        rc = target_fail(&p->target, "make durable the name of", err);
    else if (kind == TARGET_FILES)
        remove_replaced(p);
    *p->part = '\0';
    return rc;
}

int place_publish_beside(struct place *p, struct error *err)
{
    DIR *dir = target_list(p->folder);
    const struct dirent *entry;
    int rc = dir ? 0 : target_fail(&p->target, "look into", err);

    while (!rc && (entry = readdir(dir)) != NULL)
        if (!target_is_dots(entry->d_name) &&
            renameat(p->folder, entry->d_name, p->target.parent,
                     entry->d_name) != 0)
            rc = target_fail(&p->target, "publish the files of", err);
    if (!rc && fsync(p->target.parent) != 0)
        rc = target_fail(&p->target, "make durable the names of", err);
    if (dir)
        closedir(dir);
    return rc;
}

void place_done(struct place *p)
{
    if (p->part && *p->part && p->folder >= 0)
        remove_folder(p->target.parent, p->part, p->folder);
    if (p->folder >= 0)
        close(p->folder);
    free(p->part);
    target_done(&p->target);
    *p = (struct place){ .target.parent = -1, .folder = -1 };
}
