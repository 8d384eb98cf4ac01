/*
 * The service's settings on the command line.
 */
#ifndef SWITCHYARD_CLI_SETTINGS_H
#define SWITCHYARD_CLI_SETTINGS_H

#include "cli/cli.h"
#include "service/settings.h"

/* What config and serve read from their arguments. */
struct cli_settings {
    struct settings values; /* the caller frees them, also on failure */
    bool json;
    bool markdown;
    bool routes; /* serve: print them, and exit */
};

/*
 * The settings as flags beside the syntax's own options, whose ctx is s as
 * well; then the environment and the file.
 */
int cli_settings_parse(const struct cli_syntax *syntax, int argc, char **argv,
                       struct cli_settings *s, bool *done, struct error *err);

#endif
