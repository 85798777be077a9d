/* The start of the core in a program that the runtime started: as tw_start, without the first line and the notices. */
#ifndef TW_START_CHILD_H
#define TW_START_CHILD_H

#include "defender.h"
#include "parent.h"

/* `request` is the id of the invocation that it was started in, or NULL. */
int tw_start_child(const struct tw_parent *parent, const char *request, const struct tw_options *options, char *message,
                   size_t size);

#endif
