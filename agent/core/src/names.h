/* Names of hosts, as text: in lower case, without a final dot. */
#ifndef TW_NAMES_H
#define TW_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* The longest name, and its NUL. */
enum { TW_NAME = 256 };

/* Copies a name in the form that names are compared in. Returns false when it is too long (then what fits is there), or
 * has bytes that mean something else to the resolver than they say: it reads `\046` as a dot. */
bool tw_name_read(const char *text, size_t length, char name[TW_NAME]);

#endif
