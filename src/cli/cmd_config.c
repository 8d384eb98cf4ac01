/*
 * switchyard config: which settings are in force, and from where.
 *
 * It takes the options of serve and reads the same environment and file, so it
 * shows what serve would do with them. --markdown prints the table that the
 * README has.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/settings.h"

enum { TEXT_MAX = 1 << 20 };

static int apply_flag(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err)
{
    struct cli_settings *s = ctx;

    (void)value;
    (void)err;
    if (o->name[0] == 'j')
        s->json = true;
    else
        s->markdown = true;
    return 0;
}

static const struct cli_option options[] = {
    { "json", NULL, "print them as JSON", NULL, apply_flag },
    { "markdown", NULL, NULL, NULL, apply_flag },
    { NULL, NULL, NULL, NULL, NULL },
};

static const struct cli_syntax syntax = {
    .command = "config",
    .usage = "[OPTION...]",
    .about =
        "Prints the settings that \"switchyard serve\" would have with the "
        "same options,\nand where each comes from. The output is a valid "
        "file of settings.",
    .notes = "\nAn option can be given in the environment as well, as "
             "SWITCHYARD_MAX_BODY,\nand in the config-file, as \"max-body = "
             "2GB\". Options win over the environment,\nthat over the file; "
             "\"switchyard config\" shows what is in force.\n",
    .options = options,
    .positional = NULL,
};

static int print(const struct cli_settings *s, struct error *err)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    struct buf strangers = BUF_INIT(TEXT_MAX);
    int rc;

    if (s->markdown)
        settings_write_markdown(&text);
    else if (s->json)
        settings_write_json(&s->values, &text);
    else
        settings_write_text(&s->values, &text);
    rc = cli_print(&text, err);
    settings_strangers(environ, &strangers);
    if (!rc && strangers.len > 0 && !buf_status(&strangers, NULL))
        fprintf(stderr, "%s", buf_str(&strangers));
    buf_done(&strangers);
    buf_done(&text);
    return rc;
}

int cmd_config(int argc, char **argv)
{
    struct cli_settings s = { .json = false };
    struct error err;
    bool done = false;
    int status = EXIT_OK;
    int rc = cli_settings_parse(&syntax, argc, argv, &s, &done, &err);

    if (!rc && !done)
        rc = print(&s, &err);
    if (rc)
        status = cli_fail(&err, s.json);
    settings_done(&s.values);
    return status;
}
