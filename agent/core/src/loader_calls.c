/* The dynamic linker's calls. What dlopen and dlsym find in the C library's table are the hooks; dlopen itself is
 * hooked only for the file that it loads. A namespace of its own comes with a C library of its own. */
#define _GNU_SOURCE
#include "loader_calls.h"

#include "files.h"
#include "pins.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef void *dlopen_function(const char *, int);
typedef void *dlmopen_function(Lmid_t, const char *, int);

/* A name without a slash is looked for by the linker, in folders that the function does not choose. */
static __attribute__((noinline)) bool denied(const char *name)
{
    struct tw_lookup lookup = {AT_FDCWD, name, 0};
    struct tw_file file;

    if (tw_files_state() == TW_FILES_UNJUDGED || name == NULL || strchr(name, '/') == NULL)
        return false;
    if (!tw_file_find(&lookup, 0, &file))
        return tw_unfound_denied(&lookup);
    bool found = tw_found_denied(&file, true);

    tw_unpin(file.descriptor);
    return found;
}

/* The linker finds out by the return address who asks, and so what paths and which namespace hold: a jump keeps it. A
 * path that can't be opened gives the reason for dlerror. */
void *tw_dlopen(const char *name, int flags)
{
    if (denied(name))
        name = "/dev/null/denied by the policy of this function";
    __attribute__((musttail)) return TW_REAL(dlopen, dlopen_function)(name, flags);
}

void *tw_dlmopen(long space, const char *name, int flags)
{
    void *handle = denied(name) ? NULL : TW_REAL(dlmopen, dlmopen_function)(space, name, flags);

    if (handle != NULL && space != LM_ID_BASE)
        tw_hooks_namespace(handle); /* glibc's handle is the object's entry in the linker's list */
    return handle;
}
