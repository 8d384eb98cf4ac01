/*
 * Which of several media types a client wants (RFC 9110, 12.5.1).
 */
#ifndef SWITCHYARD_API_ACCEPT_H
#define SWITCHYARD_API_ACCEPT_H

/*
 * The place of the offer that an Accept header rates highest, the first of
 * equals; -1 where it takes none. offers are media types without parameters,
 * the last NULL. Without a header (NULL), or one that says nothing, it is 0.
 */
int accept_choose(const char *header, const char *const *offers);

#endif
