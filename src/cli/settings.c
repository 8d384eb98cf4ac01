/*
 * The service's settings as options of a subcommand.
 *
 * The table of settings becomes a table of options: one text for each option's
 * help, made here because it tells the default.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/settings.h"

enum { HELP_MAX = 1 << 16 };

static const char *const arguments[] = {
    [SETTING_TEXT] = "TEXT",    [SETTING_PATH] = "PATH",
    [SETTING_ADDRESS] = "ADDR", [SETTING_ORIGINS] = "LIST",
    [SETTING_SWITCH] = NULL,    [SETTING_CHOICE] = "WORD",
    [SETTING_COUNT] = "N",      [SETTING_SIZE] = "SIZE",
    [SETTING_TIME] = "TIME",
};

static int apply_setting(void *ctx, const struct cli_option *o,
                         const char *value, struct error *err)
{
    struct cli_settings *s = ctx;

    return settings_set(&s->values, (size_t)settings_find(o->name),
                        value ? value : "yes", SETTING_FROM_FLAG, err);
}

static void put_help(const struct setting *row, struct buf *out)
{
    buf_puts(out, row->help);
    if (row->choices)
        buf_printf(out, ";\none of: %s", row->choices);
    if (row->type != SETTING_SWITCH && *row->fallback)
        buf_printf(out, "\n(default %s)", row->fallback);
    buf_putc(out, '\0');
}

/* An option for each setting, those of own after them, and the last one. */
static int make_options(const struct cli_option *own, struct buf *help,
                        struct cli_option **out, struct error *err)
{
    size_t count = 0;
    const struct setting *table = settings_table(&count);
    struct cli_option *options;
    size_t at = 0;
    size_t n = 0;
    int rc;

    while (own[n].name)
        n++;
    for (size_t i = 0; i < count; i++)
        put_help(&table[i], help);
    rc = buf_status(help, err);
    if (rc)
        return rc;
    options = calloc(count + n + 1, sizeof *options);
    if (!options)
        return error_memory(err);
    *out = options;
    for (size_t i = 0; i < count; i++) {
        const char *text = (const char *)help->data + at;

        at += strlen(text) + 1;
        if (!(table[i].flags & SETTING_NO_FLAG))
            *options++ = (struct cli_option){ .name = table[i].name,
                                              .arg = arguments[table[i].type],
                                              .help = text,
                                              .apply = apply_setting };
    }
    memcpy(options, own, n * sizeof *options);
    return 0;
}

int cli_settings_parse(const struct cli_syntax *syntax, int argc, char **argv,
                       struct cli_settings *s, bool *done, struct error *err)
{
    struct buf help = BUF_INIT(HELP_MAX);
    struct cli_option *options = NULL;
    struct cli_syntax whole = *syntax;
    int rc = settings_init(&s->values, err);

    if (!rc)
        rc = make_options(syntax->options, &help, &options, err);
    if (!rc) {
        whole.options = options;
        rc = cli_parse(&whole, argc, argv, s, done, err);
    }
    free(options);
    buf_done(&help);
    return rc || *done ? rc : settings_load(&s->values, environ, err);
}
