/*
 * Message: what servers say beside an error, fit to be shown.
 */
#ifndef SWITCHYARD_REMOTE_MESSAGE_H
#define SWITCHYARD_REMOTE_MESSAGE_H

#include <stddef.h>

/*
 * The first line of data that is not blank, without blanks around it; what is
 * no printable ASCII becomes '?'. "" if it begins with '<' (a page of HTML).
 * Always ends with NUL. Returns text.
 */
const char *message_line(const void *data, size_t len, char *text, size_t size);

#endif
