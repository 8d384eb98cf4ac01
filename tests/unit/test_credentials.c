/*
 * remote/credentials, aws_profile, endpoint and gcs_token: what is found, and
 * that no message holds a secret.
 */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "folder_fixture.h"
#include "remote/aws_profile.h"
#include "remote/credentials.h"
#include "remote/endpoint.h"
#include "remote/gcs_token.h"

static struct error err;
static char folder[256];

static void folder_setup(void)
{
    folder_make(folder);
}

static void folder_teardown(void)
{
    folder_remove(folder);
}

/* Variables of the environment; {F} stands for the test's folder. */
static char variables[12][4096];
static char *envp[13];

static void set_environment(const char *const *given)
{
    const char *mark;
    int n = 0;

    for (; given[n]; n++) {
        mark = strstr(given[n], "{F}");
        if (mark)
            snprintf(variables[n], sizeof variables[n], "%.*s%s%s",
                     (int)(mark - given[n]), given[n], folder, mark + 3);
        else
            snprintf(variables[n], sizeof variables[n], "%s", given[n]);
        envp[n] = variables[n];
    }
    envp[n] = NULL;
}

#define ENVIRONMENT(...)                                                       \
    set_environment((const char *const[]){ __VA_ARGS__, NULL })

static struct remote_options load(const char *url, struct credentials **c)
{
    struct remote_options o = { .seconds = 0 };

    ck_ok(credentials_new(c, &err), &err);
    ck_ok(credentials_load(*c, envp, url, &err), &err);
    ck_ok(credentials_load(*c, envp, url, &err), &err); /* once is enough */
    credentials_fill(*c, &o);
    return o;
}

/* Loads into what knows nothing yet. */
static int fresh(const char *url)
{
    struct credentials *c = NULL;
    int rc;

    ck_ok(credentials_new(&c, &err), &err);
    rc = credentials_load(c, envp, url, &err);
    credentials_free(c);
    return rc;
}

static void write_file(const char *name, const char *text)
{
    char path[4200];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(test_gcs)
{
    struct credentials *c = NULL;
    struct remote_options o;

    ENVIRONMENT("CLOUDSDK_AUTH_ACCESS_TOKEN=", "GOOGLE_OAUTH_ACCESS_TOKEN=t2",
                "GOOGLE_CLOUD_QUOTA_PROJECT=p", "HF_TOKEN=no", "AWS_REGION=no");
    o = load("gs://b/x", &c);
    ck_assert_str_eq(o.gcs_token, "t2");
    ck_assert_str_eq(o.gcs_project, "p");
    ck_assert_ptr_null(o.gcs_endpoint);
    ck_assert(!o.hf_token && !o.s3_region);
    credentials_free(c);

    write_file("token", "\n file-token \nmore\n");
    ENVIRONMENT("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE={F}/token",
                "GCE_METADATA_HOST=h:1");
    o = load("gs://b/x", &c);
    ck_assert_str_eq(o.gcs_token, "file-token");
    ck_assert_str_eq(o.gcs_metadata, "h:1");
    credentials_free(c);

    ENVIRONMENT("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE={F}/none");
    ck_fails(fresh("gs://b"), &err, ERR_NOT_FOUND, "/none");

    ENVIRONMENT("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=https://e/storage/v1/",
                "CLOUDSDK_AUTH_ACCESS_TOKEN=t");
    o = load("gs://b/x", &c);
    ck_assert_str_eq(o.gcs_endpoint, "https://e");
    ck_assert_str_eq(o.gcs_token, "t");
    credentials_free(c);

    ENVIRONMENT("STORAGE_EMULATOR_HOST=localhost:1", "GCE_METADATA_HOST=h",
                "CLOUDSDK_AUTH_ACCESS_TOKEN=t");
    o = load("gs://b/x", &c);
    ck_assert_str_eq(o.gcs_endpoint, "localhost:1");
    ck_assert(!o.gcs_token && !o.gcs_metadata);
    credentials_free(c);
}
END_TEST

START_TEST(test_hf)
{
    struct credentials *c = NULL;
    struct remote_options o;

    ENVIRONMENT("HF_TOKEN=hf_a", "HF_ENDPOINT=https://m");
    o = load("hf://o/n", &c);
    ck_assert_str_eq(o.hf_token, "hf_a");
    ck_assert_str_eq(o.hf_endpoint, "https://m");
    credentials_free(c);

    write_file("token", "hf_b");
    ENVIRONMENT("HF_HOME={F}");
    o = load("hf://o/n", &c);
    ck_assert_str_eq(o.hf_token, "hf_b");
    credentials_free(c);

    ENVIRONMENT("HF_TOKEN_PATH={F}/token", "HF_HOME=/nowhere");
    o = load("hf://o/n", &c);
    ck_assert_str_eq(o.hf_token, "hf_b");
    credentials_free(c);

    ENVIRONMENT("HOME={F}");
    o = load("hf://o/n", &c);
    ck_assert_ptr_null(o.hf_token);
    credentials_free(c);
}
END_TEST

START_TEST(test_s3_environment)
{
    struct credentials *c = NULL;
    struct remote_options o;

    ENVIRONMENT("AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=s",
                "AWS_SESSION_TOKEN=t", "AWS_DEFAULT_REGION=r-2",
                "AWS_REGION=r-1", "AWS_ENDPOINT_URL=http://e",
                "AWS_ENDPOINT_URL_S3=http://e3");
    o = load("s3://b", &c);
    ck_assert_str_eq(o.s3_key, "k");
    ck_assert_str_eq(o.s3_secret, "s");
    ck_assert_str_eq(o.s3_session, "t");
    ck_assert_str_eq(o.s3_region, "r-1");
    ck_assert_str_eq(o.s3_endpoint, "http://e3");
    ck_assert_ptr_null(o.s3_style);
    credentials_free(c);

    ENVIRONMENT("HOME={F}", "AWS_SESSION_TOKEN=t");
    o = load("s3://b", &c);
    ck_assert(!o.s3_key && !o.s3_secret && !o.s3_session && !o.s3_region);
    credentials_free(c);
}
END_TEST

static const char keys_file[] = "# comment\n[default]\n"
                                "aws_access_key_id = dk\n"
                                "aws_secret_access_key=ds\n"
                                "[work]\naws_access_key_id=wk\n"
                                "aws_secret_access_key = ws=/+\r\n"
                                "aws_session_token = wt\n";
static const char config_file[] = "[default]\nregion = d-1\n"
                                  "[profile work]\nregion = w-1\n"
                                  "s3 =\n  max_queue_size = 1\n"
                                  "  addressing_style = virtual\n"
                                  "endpoint_url = http://w\n"
                                  "  addressing_style = path\n"
                                  "[profile sso]\nsso_start_url = https://x\n";

START_TEST(test_s3_profiles)
{
    struct credentials *c = NULL;
    struct remote_options o;

    write_file("keys", keys_file);
    write_file("config", config_file);
    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE={F}/keys",
                "AWS_CONFIG_FILE={F}/config");
    o = load("s3://b", &c);
    ck_assert_str_eq(o.s3_key, "dk");
    ck_assert_str_eq(o.s3_secret, "ds");
    ck_assert_str_eq(o.s3_region, "d-1");
    ck_assert(!o.s3_session && !o.s3_endpoint && !o.s3_style);
    credentials_free(c);

    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE={F}/keys", "AWS_PROFILE=work",
                "AWS_CONFIG_FILE={F}/config", "AWS_REGION=e-1",
                "AWS_SESSION_TOKEN=of-other-keys");
    o = load("s3://b", &c);
    ck_assert_str_eq(o.s3_key, "wk");
    ck_assert_str_eq(o.s3_secret, "ws=/+");
    ck_assert_str_eq(o.s3_session, "wt");
    ck_assert_str_eq(o.s3_region, "e-1");
    ck_assert_str_eq(o.s3_endpoint, "http://w");
    ck_assert_str_eq(o.s3_style, "virtual");
    credentials_free(c);

    /* Keys of the environment, the rest of the profile. */
    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE={F}/keys", "AWS_PROFILE=work",
                "AWS_CONFIG_FILE={F}/config", "AWS_ACCESS_KEY_ID=ek",
                "AWS_SECRET_ACCESS_KEY=es");
    o = load("s3://b", &c);
    ck_assert_str_eq(o.s3_key, "ek");
    ck_assert_str_eq(o.s3_secret, "es");
    ck_assert_ptr_null(o.s3_session);
    ck_assert_str_eq(o.s3_region, "w-1");
    credentials_free(c);

    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE={F}/keys", "AWS_PROFILE=sso",
                "AWS_CONFIG_FILE={F}/config");
    ck_fails(fresh("s3://b"), &err, ERR_USAGE, "'sso'");
    ck_assert_ptr_nonnull(strstr(err.hint, "export-credentials"));
    /* That is nobody's business who reads from elsewhere. */
    ck_ok(fresh("https://h/"), &err);
}
END_TEST

START_TEST(test_bad)
{
    static const struct {
        const char *url;
        const char *variable;
        const char *word;
    } bad[] = {
        { "s3://b", "AWS_ACCESS_KEY_ID=SECRETk", "no secret" },
        { "s3://b", "AWS_SECRET_ACCESS_KEY=SECRETs", "no name" },
        { "s3://b", "AWS_SESSION_TOKEN=SECRET\r\nX: y", "AWS_SESSION_TOKEN" },
        { "s3://b", "AWS_REGION=evil.example/", "region" },
        { "hf://o/n", "HF_TOKEN=SECRET x", "HF_TOKEN" },
        { "gs://b", "CLOUDSDK_AUTH_ACCESS_TOKEN=SECRET\xc3\xbc",
          "CLOUDSDK_AUTH_ACCESS_TOKEN" },
    };
    static char large[CREDENTIALS_VALUE_MAX + 16] = "HF_TOKEN=";
    struct credentials *c = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ENVIRONMENT(bad[i].variable, "HOME={F}");
        ck_fails(fresh(bad[i].url), &err, ERR_USAGE, bad[i].word);
        ck_assert_ptr_null(strstr(err.text, "SECRET"));
        ck_assert_ptr_null(strstr(err.actual, "SECRET"));
    }
    memset(large + 9, 'a', CREDENTIALS_VALUE_MAX + 1);
    envp[0] = large;
    envp[1] = NULL;
    ck_fails(fresh("hf://o/n"), &err, ERR_USAGE, "HF_TOKEN");
    large[9 + CREDENTIALS_VALUE_MAX] = '\0';
    ck_ok(fresh("hf://o/n"), &err);
    credentials_free(c);
}
END_TEST

START_TEST(test_bad_profile)
{
    static const char *const bad[] = {
        "[default\n",
        "[default]\nSECRET\n",
    };
    static const char sections[] = "[a]\nregion=x\n[profile  a ]\nregion=y\n";
    struct aws_profile p = { .found = false };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_fails(aws_profile_parse(&p, AWS_PROFILE_CREDENTIALS, "default",
                                   "file", bad[i], strlen(bad[i]), &err),
                 &err, ERR_USAGE, i ? "file:2" : "file:1");
        ck_assert_ptr_null(strstr(err.text, "SECRET"));
    }
    ck_ok(aws_profile_parse(&p, AWS_PROFILE_CONFIG, "a", "file", sections,
                            sizeof sections - 1, &err),
          &err);
    ck_assert_str_eq(p.region, "y");
    aws_profile_done(&p);
    ck_ok(aws_profile_parse(&p, AWS_PROFILE_CREDENTIALS, "a", "file", "", 0,
                            &err),
          &err);
    ck_assert(!p.found);
}
END_TEST

START_TEST(test_endpoint)
{
    static const char *const bad[] = { "https://h/p", "https://h?q",
                                       "https://",    "ftp://h",
                                       "https://u@h", "https://h/p/",
                                       "http://a b" };
    char *out = NULL;
    bool trusted = true;

    ck_ok(endpoint_take("X", "", "https://d.example", &out, &trusted, &err),
          &err);
    ck_assert_str_eq(out, "https://d.example");
    ck_assert(!trusted);
    free(out);
    ck_ok(
        endpoint_take("X", "localhost:9000", "https://d", &out, &trusted, &err),
        &err);
    ck_assert_str_eq(out, "http://localhost:9000");
    ck_assert(trusted);
    free(out);
    ck_ok(endpoint_take("X", "https://H:443/", NULL, &out, &trusted, &err),
          &err);
    ck_assert_str_eq(out, "https://h");
    free(out);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(endpoint_take("X", bad[i], NULL, &out, &trusted, &err), &err,
                 ERR_USAGE, "X is no endpoint");
}
END_TEST

START_TEST(test_metadata_reply)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"access_token\":\"t\"}",
        "{\"access_token\":\"\",\"expires_in\":1}",
        "{\"access_token\":\"SECRET\\n\",\"expires_in\":1}",
        "{\"access_token\":\"SECRET890\",\"expires_in\":1}",
        "{\"access_token\":\"t\",\"expires_in\":-1}",
    };
    static const char good[] = "{\"access_token\":\"ya29.c.b\",\"expires_in\":"
                               "3599,\"token_type\":\"Bearer\"}";
    char token[9];
    uint64_t seconds = 0;

    ck_ok(gcs_token_read(good, sizeof good - 1, token, sizeof token, &seconds,
                         &err),
          &err);
    ck_assert_str_eq(token, "ya29.c.b");
    ck_assert_uint_eq(seconds, 3599);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_fails(gcs_token_read(bad[i], strlen(bad[i]), token, sizeof token,
                                &seconds, &err),
                 &err, ERR_SOURCE, "metadata server");
        ck_assert_ptr_null(strstr(err.text, "SECRET"));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_gcs, test_hf,          test_s3_environment, test_s3_profiles,
        test_bad, test_bad_profile, test_endpoint,       test_metadata_reply,
    };

    return unit_run_in("credentials", tests, sizeof tests / sizeof *tests,
                       folder_setup, folder_teardown);
}
