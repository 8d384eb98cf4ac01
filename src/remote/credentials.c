/*
 * One table of environment variables, and the few files that stand in for
 * those that are not set.
 *
 * Only keys that are written down are read: no roles, no single sign-on, no
 * programs that print credentials. Who has those can put what they yield into
 * the environment, and the messages here say how.
 */
#include "remote/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "remote/aws_profile.h"
#include "remote/s3_api.h"

enum value {
    GCS_TOKEN,
    GCS_ENDPOINT,
    GCS_PROJECT,
    GCS_METADATA,
    S3_KEY,
    S3_SECRET,
    S3_SESSION,
    S3_REGION,
    S3_ENDPOINT,
    S3_STYLE,
    HF_TOKEN,
    HF_ENDPOINT,
    VALUES,
};

enum { SCHEMES = 3 };

struct credentials {
    char *values[VALUES]; /* NULL: not given */
    bool loaded[SCHEMES];
};

/* The first that is set and not empty counts. */
static const struct {
    const char *name;
    enum value value;
} variables[] = {
    { "CLOUDSDK_AUTH_ACCESS_TOKEN", GCS_TOKEN },
    { "GOOGLE_OAUTH_ACCESS_TOKEN", GCS_TOKEN },
    { "STORAGE_EMULATOR_HOST", GCS_ENDPOINT },
    { "GOOGLE_CLOUD_QUOTA_PROJECT", GCS_PROJECT },
    { "GCE_METADATA_HOST", GCS_METADATA },
    { "AWS_ACCESS_KEY_ID", S3_KEY },
    { "AWS_SECRET_ACCESS_KEY", S3_SECRET },
    { "AWS_SESSION_TOKEN", S3_SESSION },
    { "AWS_REGION", S3_REGION },
    { "AWS_DEFAULT_REGION", S3_REGION },
    { "AWS_ENDPOINT_URL_S3", S3_ENDPOINT },
    { "AWS_ENDPOINT_URL", S3_ENDPOINT },
    { "HF_TOKEN", HF_TOKEN },
    { "HUGGING_FACE_HUB_TOKEN", HF_TOKEN },
    { "HF_ENDPOINT", HF_ENDPOINT },
};

/* Borrowed; NULL where it is not set, or empty. */
static const char *lookup(char *const *envp, const char *name)
{
    size_t len = strlen(name);

    for (; *envp; envp++)
        if (!strncmp(*envp, name, len) && (*envp)[len] == '=')
            return (*envp)[len + 1] ? *envp + len + 1 : NULL;
    return NULL;
}

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

/* Headers are made of values: one printable word. what is where it came from.
 */
static int set(struct credentials *c, enum value v, const char *what,
               const char *text, struct error *err)
{
    size_t len = strlen(text);

    if (c->values[v])
        return 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || i == CREDENTIALS_VALUE_MAX)
            return error_set(err, ERR_USAGE,
                             "%.200s is not one word of printable characters",
                             what);
    c->values[v] = strdup(text);
    return c->values[v] ? 0 : error_memory(err);
}

static int take_environment(struct credentials *c, char *const *envp,
                            enum value first, enum value last,
                            struct error *err)
{
    const char *text;
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof variables / sizeof *variables; i++) {
        text = lookup(envp, variables[i].name);
        if (text && variables[i].value >= first && variables[i].value <= last)
            rc = set(c, variables[i].value, variables[i].name, text, err);
    }
    return rc;
}

/* "DIR/NAME", with DIR the value of a variable, or below the home folder. */
static char *path_below(char *const *envp, const char *variable,
                        const char *below_home, const char *name)
{
    const char *dir = variable ? lookup(envp, variable) : NULL;
    struct buf path = BUF_INIT(STORE_NAME_MAX);

    if (!dir) {
        dir = lookup(envp, "HOME");
        if (!dir)
            return NULL;
        buf_printf(&path, "%s/%s/%s", dir, below_home, name);
    } else {
        buf_printf(&path, "%s/%s", dir, name);
    }
    return buf_take_str(&path);
}

/* The whole file; one that is not there is no error unless it was named. */
static int read_secret(const char *path, bool named, size_t max, struct buf *b,
                       struct error *err)
{
    int rc;

    *b = BUF_INIT(max);
    rc = file_read(path, b, err);
    return rc == ERR_NOT_FOUND && !named ? 0 : rc;
}

static void wipe_buf(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    buf_done(b);
}

/* A token from the first line of a file. */
static int take_file(struct credentials *c, enum value v, const char *path,
                     bool named, struct error *err)
{
    struct buf b;
    char *text;
    int rc = read_secret(path, named, CREDENTIALS_VALUE_MAX, &b, err);

    buf_putc(&b, '\0');
    if (!rc)
        rc = buf_status(&b, err);
    if (!rc) {
        text = (char *)b.data + strspn((char *)b.data, " \t\r\n");
        text[strcspn(text, " \t\r\n")] = '\0';
        if (*text)
            rc = set(c, v, path, text, err);
    }
    wipe_buf(&b);
    return rc;
}

/* gcloud's own setting has the path of the API behind the host. */
static int take_gcs_endpoint(struct credentials *c, char *const *envp,
                             struct error *err)
{
    static const char name[] = "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE";
    static const char path[] = "/storage/v1";
    const char *text = lookup(envp, name);
    char *endpoint;
    size_t len;
    int rc = text ? set(c, GCS_ENDPOINT, name, text, err) : 0;

    if (!text || rc)
        return rc;
    endpoint = c->values[GCS_ENDPOINT];
    len = strlen(endpoint);
    while (len > 0 && endpoint[len - 1] == '/')
        endpoint[--len] = '\0';
    if (len > sizeof path && !strcmp(endpoint + len - sizeof path + 1, path))
        endpoint[len - sizeof path + 1] = '\0';
    return 0;
}

/* As Google's own libraries find out without asking the network. */
static int take_gcs_machine(struct credentials *c, struct error *err)
{
    struct buf b = BUF_INIT(256);
    int rc = 0;

    if (file_read("/sys/class/dmi/id/product_name", &b, NULL) == 0 &&
        b.len >= 6 && !memcmp(b.data, "Google", 6))
        rc = set(c, GCS_METADATA, "metadata", "metadata.google.internal", err);
    buf_done(&b);
    return rc;
}

static int take_gcs(struct credentials *c, char *const *envp, struct error *err)
{
    const char *path = lookup(envp, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE");
    int rc = 0;

    if (c->values[GCS_ENDPOINT]) { /* an emulator */
        wipe(&c->values[GCS_TOKEN]);
        wipe(&c->values[GCS_METADATA]);
        return 0;
    }
    rc = take_gcs_endpoint(c, envp, err);
    if (!rc && !c->values[GCS_TOKEN] && path)
        rc = take_file(c, GCS_TOKEN, path, true, err);
    if (!rc && !c->values[GCS_TOKEN] && !c->values[GCS_METADATA])
        rc = take_gcs_machine(c, err);
    return rc;
}

static int parse_profile(struct aws_profile *p, enum aws_profile_file file,
                         char *const *envp, const char *name, struct error *err)
{
    bool config = file == AWS_PROFILE_CONFIG;
    const char *named = lookup(envp, config ? "AWS_CONFIG_FILE"
                                            : "AWS_SHARED_CREDENTIALS_FILE");
    char *path = named ? strdup(named)
                       : path_below(envp, NULL, ".aws",
                                    config ? "config" : "credentials");
    struct buf b = BUF_INIT(0);
    int rc = 0;

    if (path)
        rc = read_secret(path, named, AWS_PROFILE_FILE_MAX, &b, err);
    if (path && !rc)
        rc = aws_profile_parse(p, file, name, path, (const char *)b.data, b.len,
                               err);
    wipe_buf(&b);
    free(path);
    return rc;
}

static int no_keys(const char *profile, struct error *err)
{
    error_set(err, ERR_USAGE,
              "the AWS profile '%.100s' has no keys that can be read", profile);
    return error_hint(err,
                      "put its keys into the environment: eval \"$(aws "
                      "configure export-credentials --profile %.60s --format "
                      "env)\"",
                      profile);
}

/* Copies what the profile has and the environment has not. */
static int take_profile(struct credentials *c, const struct aws_profile *p,
                        bool keys, struct error *err)
{
    const struct {
        const char *text;
        enum value value;
    } all[] = {
        { keys ? p->key : NULL, S3_KEY },
        { keys ? p->secret : NULL, S3_SECRET },
        { keys ? p->session : NULL, S3_SESSION },
        { p->region, S3_REGION },
        { p->endpoint, S3_ENDPOINT },
        { p->style, S3_STYLE },
    };
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof all / sizeof *all; i++)
        if (all[i].text)
            rc = set(c, all[i].value, "a value of the AWS profile", all[i].text,
                     err);
    return rc;
}

static int check_s3(const struct credentials *c, struct error *err)
{
    bool key = c->values[S3_KEY];

    if (key != (c->values[S3_SECRET] != NULL)) {
        error_set(err, ERR_USAGE, "an AWS key has no %s",
                  key ? "secret" : "name");
        return error_hint(err, "set AWS_ACCESS_KEY_ID and "
                               "AWS_SECRET_ACCESS_KEY, or neither");
    }
    if (!c->values[S3_REGION] || s3_api_is_region(c->values[S3_REGION]))
        return 0;
    error_set(err, ERR_USAGE, "'%.60s' is no AWS region", c->values[S3_REGION]);
    return error_expected(err, "small letters, digits and '-': us-east-1");
}

static int take_s3(struct credentials *c, char *const *envp, struct error *err)
{
    const char *named = lookup(envp, "AWS_PROFILE");
    const char *name = named ? named : "default";
    bool keys = !c->values[S3_KEY] && !c->values[S3_SECRET];
    struct aws_profile p = { .found = false };
    int rc;

    /* A session belongs to the keys beside it. */
    if (keys)
        wipe(&c->values[S3_SESSION]);
    rc = parse_profile(&p, AWS_PROFILE_CREDENTIALS, envp, name, err);
    if (!rc)
        rc = parse_profile(&p, AWS_PROFILE_CONFIG, envp, name, err);
    if (!rc)
        rc = take_profile(c, &p, keys, err);
    if (!rc && named && !c->values[S3_KEY])
        rc = no_keys(name, err);
    if (!rc)
        rc = check_s3(c, err);
    aws_profile_done(&p);
    return rc;
}

static int take_hf(struct credentials *c, char *const *envp, struct error *err)
{
    const char *named = lookup(envp, "HF_TOKEN_PATH");
    char *path;
    int rc = 0;

    if (c->values[HF_TOKEN])
        return 0;
    if (named)
        return take_file(c, HF_TOKEN, named, true, err);
    path = path_below(envp, "HF_HOME", ".cache/huggingface", "token");
    if (path)
        rc = take_file(c, HF_TOKEN, path, false, err);
    free(path);
    return rc;
}

/* By the scheme of a URL: which variables, and what else. */
static const struct {
    const char *scheme;
    enum value first;
    enum value last;
    int (*take)(struct credentials *c, char *const *envp, struct error *err);
} schemes[SCHEMES] = {
    { "gs", GCS_TOKEN, GCS_METADATA, take_gcs },
    { "s3", S3_KEY, S3_STYLE, take_s3 },
    { "hf", HF_TOKEN, HF_ENDPOINT, take_hf },
};

int credentials_new(struct credentials **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : error_memory(err);
}

int credentials_load(struct credentials *c, char *const *envp, const char *url,
                     struct error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < SCHEMES; i++) {
        if (c->loaded[i] || !url_has_scheme(url, schemes[i].scheme))
            continue;
        c->loaded[i] = true;
        rc = take_environment(c, envp, schemes[i].first, schemes[i].last, err);
        if (!rc)
            rc = schemes[i].take(c, envp, err);
    }
    return rc;
}

void credentials_fill(const struct credentials *c, struct remote_options *o)
{
    o->gcs_token = c->values[GCS_TOKEN];
    o->gcs_endpoint = c->values[GCS_ENDPOINT];
    o->gcs_project = c->values[GCS_PROJECT];
    o->gcs_metadata = c->values[GCS_METADATA];
    o->s3_key = c->values[S3_KEY];
    o->s3_secret = c->values[S3_SECRET];
    o->s3_session = c->values[S3_SESSION];
    o->s3_region = c->values[S3_REGION];
    o->s3_endpoint = c->values[S3_ENDPOINT];
    o->s3_style = c->values[S3_STYLE];
    o->hf_token = c->values[HF_TOKEN];
    o->hf_endpoint = c->values[HF_ENDPOINT];
}

void credentials_free(struct credentials *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < VALUES; i++)
        wipe(&c->values[i]);
    free(c);
}
