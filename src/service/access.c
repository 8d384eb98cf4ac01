/*
 * Access: tokens behind a read-write lock, exchanged as a whole on reload.
 *
 * Three ways to run: with tokens, every request needs one; with no-auth, none
 * does; with neither, the service is open to this machine, and refuses to
 * listen anywhere else. In the last case web pages are the strangers that can
 * still reach it: through forms and scripts of other origins, and through names
 * that resolve to 127.0.0.1 (DNS rebinding).
 */
#include "service/access.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "service/address.h"
#include "service/origin.h"

/* What tells one state of the token file from another; zeros for none. */
struct stamp {
    struct timespec changed;
    ino_t inode;
    off_t size;
};

struct access {
    struct access_config config;
    pthread_rwlock_t lock; /* tokens and stamp */
    struct tokens tokens;
    struct stamp stamp;
};

bool access_wants_token(const struct access *a)
{
    return *a->config.token_file || *a->config.token;
}

static int check_mode(const char *path, const struct stat *st,
                      const struct tokens *t, struct error *err)
{
    mode_t bad = t->has_plain ? S_IRWXO | S_IWGRP : S_IWGRP | S_IWOTH;

    if (!(st->st_mode & bad))
        return 0;
    error_set(err, ERR_USAGE, "others may read or change the token file %.200s",
              path);
    error_subject(err, "%.200s", path);
    error_actual(err, "mode %04o", (unsigned)(st->st_mode & 07777));
    return error_hint(err, "chmod 600, or 640 where a group needs to read it");
}

static int read_all(int fd, const char *path, struct buf *b, struct error *err)
{
    char block[4096];
    ssize_t n;

    while ((n = read(fd, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, ERR_READ, errno, "cannot read %.200s",
                               path);
        buf_append(b, block, (size_t)n);
    }
    return buf_status(b, err);
}

static int open_tokens(const char *path, int *fd, struct stat *st,
                       struct error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (file < 0)
        return error_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_READ,
                           errno, "cannot open the token file %.200s", path);
    if (fstat(file, st) != 0 || !S_ISREG(st->st_mode)) {
        close(file);
        return error_set(err, ERR_READ, "the token file %.200s is not a file",
                         path);
    }
    *fd = file;
    return 0;
}

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){ st->st_mtim, st->st_ino, st->st_size };
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec && a->inode == b->inode &&
           a->size == b->size;
}

/* Reads the token file into out, and adds the token of the settings. */
static int load(const struct access_config *c, struct tokens *out,
                struct stamp *stamp, struct error *err)
{
    struct tokens t = { NULL, 0, false };
    struct buf text = BUF_INIT(TOKENS_FILE_BYTES);
    struct stat st;
    int fd = -1;
    int rc = 0;

    if (*c->token_file) {
        rc = open_tokens(c->token_file, &fd, &st, err);
        if (!rc) {
            *stamp = stamp_of(&st);
            rc = read_all(fd, c->token_file, &text, err);
        }
        if (!rc)
            rc = tokens_parse(c->token_file, (const char *)text.data, text.len,
                              &t, err);
        if (!rc)
            rc = check_mode(c->token_file, &st, &t, err);
    }
    if (!rc && *c->token)
        rc = tokens_add(&t, ROLE_ADMIN, c->token, strlen(c->token), "token",
                        err);
    if (rc)
        tokens_done(&t);
    else
        *out = t;
    if (fd >= 0)
        close(fd);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    buf_done(&text);
    return rc;
}

static int check_rule(const struct access_config *c, struct error *err)
{
    bool tokens = *c->token_file || *c->token;

    if (tokens && c->no_auth) {
        error_set(err, ERR_USAGE, "no-auth contradicts token-file and token");
        return error_hint(err, "leave one of them out");
    }
    if (tokens || c->no_auth || address_is_loopback(c->listen))
        return 0;
    error_set(err, ERR_USAGE,
              "the service would be open to everybody who can reach it");
    return error_hint(err, "give a token-file, or no-auth if that is meant, or "
                           "listen on 127.0.0.1");
}

int access_open(const struct access_config *config, struct access **out,
                struct error *err)
{
    struct access *a;
    int rc = check_rule(config, err);

    if (rc)
        return rc;
    a = calloc(1, sizeof *a);
    if (!a)
        return error_memory(err);
    a->config = *config;
    a->config.listen = NULL; /* the rule was checked; it may go away */
    rc = load(config, &a->tokens, &a->stamp, err);
    if (rc) {
        free(a);
        return rc;
    }
    pthread_rwlock_init(&a->lock, NULL);
    *out = a;
    return 0;
}

void access_free(struct access *a)
{
    if (!a)
        return;
    pthread_rwlock_destroy(&a->lock);
    tokens_done(&a->tokens);
    free(a);
}

static bool is_stale(struct access *a)
{
    struct stat st;
    struct stamp now = { .size = 0 };
    bool stale;

    if (stat(a->config.token_file, &st) == 0)
        now = stamp_of(&st);
    pthread_rwlock_rdlock(&a->lock);
    stale = !same_stamp(&now, &a->stamp);
    pthread_rwlock_unlock(&a->lock);
    return stale;
}

int access_reload(struct access *a, bool force, struct error *err)
{
    struct tokens fresh = { NULL, 0, false };
    struct tokens old = { NULL, 0, false };
    struct stamp stamp = { .size = 0 };
    int rc;

    if (!*a->config.token_file || (!force && !is_stale(a)))
        return 0;
    rc = load(&a->config, &fresh, &stamp, err);
    pthread_rwlock_wrlock(&a->lock);
    if (!rc) {
        old = a->tokens;
        a->tokens = fresh;
    }
    a->stamp = stamp; /* also of a file that is wrong: it is reported once */
    pthread_rwlock_unlock(&a->lock);
    tokens_done(&old);
    return rc;
}

static int unauthorized(const char *text, struct error *err)
{
    error_set(err, ERR_UNAUTHORIZED, "%s", text);
    return error_hint(err, "send the header Authorization: Bearer TOKEN");
}

/* Copies the entry, since a reload may replace it at any time. */
static bool find_token(struct access *a, const char *text, struct token *out)
{
    const struct token *found;

    pthread_rwlock_rdlock(&a->lock);
    found = tokens_find(&a->tokens, text);
    if (found)
        *out = *found;
    pthread_rwlock_unlock(&a->lock);
    return found != NULL;
}

int access_check(struct access *a, const char *authorization,
                 enum token_role need, struct access_who *who,
                 struct error *err)
{
    static const char scheme[] = "Bearer ";
    struct token token;

    *who = (struct access_who){ .role = ROLE_ADMIN };
    if (!access_wants_token(a) || need == ROLE_NONE)
        return 0;
    who->role = ROLE_NONE;
    if (!authorization)
        return unauthorized("the request has no token", err);
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return unauthorized("the Authorization header is not a Bearer token",
                            err);
    authorization += sizeof scheme - 1;
    authorization += strspn(authorization, " ");
    if (!find_token(a, authorization, &token))
        return unauthorized("the token is not known", err);
    who->role = token.role;
    memcpy(who->name, token.name, sizeof who->name);
    if (token.role >= need)
        return 0;
    error_set(err, ERR_FORBIDDEN, "the token's role does not allow this");
    error_expected(err, "%s", tokens_role_name(need));
    return error_actual(err, "%s", tokens_role_name(token.role));
}

bool access_origin_allowed(const struct access *a, const char *origin)
{
    return origin_allowed(a->config.cors_origins, origin);
}

/* Whether "name:port", as a Host header has it, names this machine. */
static bool host_is_local(const char *host)
{
    char text[80];
    struct address address;
    size_t len = strlen(host);
    const char *colon = strrchr(host, ':');

    if (len > 70)
        return false;
    if (!colon || (host[0] == '[' && host[len - 1] == ']'))
        snprintf(text, sizeof text, "%s:80", host);
    else
        snprintf(text, sizeof text, "%s", host);
    return !address_parse("Host", text, &address, NULL) &&
           address_is_loopback(&address.sock.any);
}

/* Whether an origin is the one that the request itself went to. */
static bool same_origin(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");

    return authority && host && !strcasecmp(authority + 3, host);
}

int access_check_browser(const struct access *a, bool changes, const char *host,
                         const char *origin, struct error *err)
{
    if (access_wants_token(a))
        return 0; /* a page has no token that it was not given */
    if (!a->config.no_auth && host && !host_is_local(host)) {
        error_set(err, ERR_FORBIDDEN, "the request is for another host");
        error_actual(err, "%.100s", host);
        return error_hint(err, "behind a proxy, give tokens, or no-auth");
    }
    if (!changes || !origin || same_origin(origin, host) ||
        access_origin_allowed(a, origin))
        return 0;
    error_set(err, ERR_FORBIDDEN, "a page of this origin may not do this");
    error_actual(err, "%.100s", origin);
    return error_hint(err, "the setting cors-origins allows origins");
}
