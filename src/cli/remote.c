/*
 * Sources of a command that are given as URLs.
 *
 * Who runs the command decides what it may reach, so any address goes, and
 * plain http as well. Credentials come from the environment and the files of
 * other tools, by the names that those give them, or from a file; never from
 * the command line, which every user of the machine can read.
 */
#include "cli/remote.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "remote/archive.h"

enum { TOKEN_BYTES = 16384, WALK_FILES = 16 };

void cli_remote_init(struct cli_remote *r, const atomic_bool *cancel)
{
    *r = (struct cli_remote){ .token = BUF_INIT(TOKEN_BYTES) };
    r->options.cancel = cancel;
}

static int remove_one(const char *path, const struct stat *st, int kind,
                      struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_unpacked(struct cli_remote *r)
{
    if (!r->unpacked)
        return;
    nftw(r->unpacked, remove_one, WALK_FILES, FTW_DEPTH | FTW_PHYS);
    free(r->unpacked);
    r->unpacked = NULL;
}

void cli_remote_done(struct cli_remote *r)
{
    remove_unpacked(r);
    fetch_free(r->fetch);
    policy_free(r->policy);
    credentials_free(r->credentials);
    if (r->token.data)
        explicit_bzero(r->token.data, r->token.cap);
    buf_done(&r->token);
}

/* The file's token: what it is for is what is asked. */
static int read_token(struct cli_remote *r, struct error *err)
{
    const char *text;
    int rc;

    if (!r->token_file)
        return 0;
    rc = file_read(r->token_file, &r->token, err);
    if (rc)
        return rc;
    while (r->token.len > 0 && r->token.data[r->token.len - 1] <= ' ')
        r->token.len--;
    text = buf_str(&r->token);
    if (!text || !*text || strlen(text) != r->token.len ||
        strcspn(text, " \r\n\t") != r->token.len) {
        error_set(err, ERR_USAGE, "%.200s holds no token", r->token_file);
        return error_expected(err, "one line with a token");
    }
    r->file_token = text;
    return 0;
}

static int start(struct cli_remote *r, struct error *err)
{
    const struct policy_options open = { .open = true };
    struct fetch_options o = { .seconds = (unsigned)r->seconds };
    int rc;

    if (r->fetch)
        return 0;
    r->options.seconds = (unsigned)r->seconds;
    o.ca_file = r->ca_file ? r->ca_file : getenv("SWITCHYARD_CA_FILE");
    rc = read_token(r, err);
    if (!rc)
        rc = credentials_new(&r->credentials, err);
    if (!rc)
        rc = policy_new(&open, &r->policy, err);
    o.policy = r->policy;
    return rc ? rc : fetch_new(&o, &r->fetch, err);
}

/* Makes ready for this URL. The file's token is for all that has one. */
static int prepare(struct cli_remote *r, const char *url, struct error *err)
{
    struct remote_options *o = &r->options;
    int rc = start(r, err);

    if (!rc)
        rc = credentials_load(r->credentials, environ, url, err);
    if (rc)
        return rc;
    credentials_fill(r->credentials, o);
    o->https_token = getenv("SWITCHYARD_SOURCE_TOKEN");
    if (r->file_token) {
        o->https_token = r->file_token;
        o->gcs_token = r->file_token;
        o->hf_token = r->file_token;
    }
    return 0;
}

/* What follows "file://" and perhaps "localhost". */
static const char *local_path(const char *text)
{
    if (!url_has_scheme(text, "file"))
        return text;
    text += strlen("file://");
    return strncmp(text, "localhost/", 10) ? text : text + strlen("localhost");
}

/* An archive is unpacked into a temporary folder, which stays till the end. */
static int open_archive(struct cli_remote *r, const char *url,
                        struct checkpoint **out, struct error *err)
{
    const struct intake_limits limits = { .bytes = INT64_MAX,
                                          .entries = INT32_MAX,
                                          .path = STORE_NAME_MAX };
    const char *root = getenv("TMPDIR");
    int rc;

    if (asprintf(&r->unpacked, "%s/switchyard-XXXXXX",
                 root && *root ? root : "/var/tmp") < 0) {
        r->unpacked = NULL;
        return error_memory(err);
    }
    if (!mkdtemp(r->unpacked)) {
        rc = error_errno(err, ERR_WRITE, errno, "cannot make the folder %.200s",
                         r->unpacked);
        free(r->unpacked);
        r->unpacked = NULL;
        return rc;
    }
    rc = archive_fetch(r->fetch, url, &r->options, r->unpacked, &limits, err);
    return rc ? rc : checkpoint_open_path(r->unpacked, out, err);
}

int cli_remote_checkpoint(struct cli_remote *r, const char *text,
                          struct checkpoint **out, struct error *err)
{
    char folder[STORE_NAME_MAX + 1];
    struct store *store = NULL;
    int rc;

    if (!url_is(local_path(text)))
        return checkpoint_open_path(local_path(text), out, err);
    rc = prepare(r, text, err);
    if (!rc && archive_is(text))
        return open_archive(r, text, out, err);
    if (!rc)
        rc = remote_open(r->fetch, text, &r->options, &store, folder, err);
    return rc ? rc : checkpoint_open_steal(store, folder, out, err);
}

/* Cuts path into a folder and a name in it. */
static int open_local(const char *path, const char *fallback,
                      struct cli_file *f, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = NULL;
    struct stat st;
    int rc;

    if (fallback && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        folder = strdup(path);
        f->name = strdup(fallback);
    } else {
        folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
        f->name = strdup(slash ? slash + 1 : path);
    }
    rc = folder && f->name
             ? store_local_open(*folder ? folder : ".", &f->store, err)
             : error_memory(err);
    free(folder);
    return rc;
}

int cli_remote_file(struct cli_remote *r, const char *text,
                    const char *fallback, struct cli_file *out,
                    struct error *err)
{
    struct cli_file f = { .text = BUF_INIT(8 << 20) };
    char path[2 * STORE_NAME_MAX + 2];
    int rc = 0;

    if (!url_is(local_path(text))) {
        rc = open_local(local_path(text), fallback, &f, err);
    } else {
        rc = prepare(r, text, err);
        if (!rc)
            rc = remote_open_file(r->fetch, text, fallback, &r->options,
                                  &f.store, f.folder, &f.name, err);
    }
    if (!rc) {
        snprintf(path, sizeof path, "%s%s%s", f.folder, *f.folder ? "/" : "",
                 f.name);
        rc = store_get(f.store, path, f.text.max, &f.text, err);
    }
    if (rc == ERR_NOT_FOUND && !url_is(local_path(text))) {
        error_set(err, ERR_NOT_FOUND,
                  "cannot open %.300s: there is no such file", text);
        error_subject(err, "%.200s", text);
    }
    if (rc)
        cli_file_done(&f);
    else
        *out = f;
    return rc;
}

void cli_file_done(struct cli_file *f)
{
    store_free(f->store);
    buf_done(&f->text);
    free(f->name);
    f->store = NULL;
    f->name = NULL;
}

/* The store that a path lies in, and its name there: "" for a folder. */
static int open_local_model(const char *path, struct store **store,
                            char name[static STORE_NAME_MAX + 1],
                            struct error *err)
{
    struct cli_file f = { .store = NULL };
    struct stat st;
    int rc;

    name[0] = '\0';
    if (stat(path, &st) != 0 || S_ISDIR(st.st_mode))
        return store_local_open(path, store, err);
    rc = open_local(path, NULL, &f, err);
    if (!rc) {
        snprintf(name, STORE_NAME_MAX + 1, "%s", f.name);
        *store = f.store;
        f.store = NULL;
    }
    cli_file_done(&f);
    return rc;
}

static int open_remote_model(struct cli_remote *r, const char *url,
                             struct store **store,
                             char name[static STORE_NAME_MAX + 1],
                             struct error *err)
{
    char folder[STORE_NAME_MAX + 1];
    char *file = NULL;
    int rc;

    if (!existing_is_file(url))
        return remote_open(r->fetch, url, &r->options, store, name, err);
    rc = remote_open_file(r->fetch, url, NULL, &r->options, store, folder,
                          &file, err);
    if (!rc)
        rc = store_join(name, folder, file, err);
    free(file);
    return rc;
}

int cli_remote_model(struct cli_remote *r, const char *text,
                     struct existing **out, struct error *err)
{
    char name[STORE_NAME_MAX + 1];
    struct store *store = NULL;
    int rc;

    if (!url_is(local_path(text))) {
        rc = open_local_model(local_path(text), &store, name, err);
    } else {
        rc = prepare(r, text, err);
        if (!rc)
            rc = open_remote_model(r, text, &store, name, err);
    }
    return rc ? rc : existing_open_steal(store, name, out, err);
}
