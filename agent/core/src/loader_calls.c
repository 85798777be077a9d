/* The dynamic linker's calls. dlopen and dlsym need no hook: what they find in the C library's table are the hooks.
 * A namespace of its own comes with a C library of its own. */
#define _GNU_SOURCE
#include "loader_calls.h"

#include <dlfcn.h>

typedef void *dlmopen_function(Lmid_t, const char *, int);

void *tw_dlmopen(long space, const char *name, int flags)
{
    void *handle = TW_REAL(dlmopen, dlmopen_function)(space, name, flags);

    if (handle != NULL && space != LM_ID_BASE)
        tw_hooks_namespace(handle); /* glibc's handle is the object's entry in the linker's list */
    return handle;
}
