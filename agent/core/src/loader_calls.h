/* The hooks of the dynamic linker's calls. */
#ifndef TW_LOADER_CALLS_H
#define TW_LOADER_CALLS_H

#include "hooks.h"

void *tw_dlopen(const char *name, int flags);
void *tw_dlmopen(long space, const char *name, int flags);

#endif
