/* The dynamic linker's calls: objects that come later are hooked, and nobody gets past the hooks by asking for a
 * function's address. */
#define _GNU_SOURCE
#include "hooks.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether one of LD_LIBRARY_PATH's folders has the file: it goes before a caller's DT_RUNPATH. */
static bool on_library_path(const char *name)
{
    const char *path = getenv("LD_LIBRARY_PATH");
    char file[PATH_MAX];
    size_t size = strlen(name);

    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":;");

        if (length + size + 2 <= sizeof file) {
            memcpy(file, path, length);
            file[length] = '/';
            memcpy(file + length + 1, name, size + 1);
            if (length > 0 && access(file, R_OK) == 0)
                return true;
        }
        path += length + (path[length] != '\0');
    }
    return false;
}

/* The linker takes the caller's run path, and we stand between it and the caller: so the file is looked for here. */
static const char *as_the_caller_means(const char *name, const void *caller, char output[PATH_MAX])
{
    if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL || strlen(name) >= NAME_MAX)
        return name;
    void *loaded = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);

    if (loaded != NULL) {
        dlclose(loaded);
        return name;
    }
    dlerror();
    if (on_library_path(name) || !tw_runpath_find(caller, name, output, PATH_MAX))
        return name;
    return output;
}

void *tw_dlopen(const char *name, int flags)
{
    char path[PATH_MAX];
    void *handle = dlopen(as_the_caller_means(name, __builtin_return_address(0), path), flags);

    if (handle != NULL && (flags & RTLD_NOLOAD) == 0)
        tw_hooks_refresh();
    return handle;
}

void *tw_dlmopen(long space, const char *name, int flags)
{
    void *handle = dlmopen(space, name, flags);

    if (handle != NULL)
        tw_hooks_refresh();
    return handle;
}

/* What the answer to a look-up becomes: the hook, if it is libc's own function of a hooked name. A pseudo handle
 * (RTLD_NEXT, RTLD_DEFAULT) means the next after the caller, which we are not: for hooked names that is libc's. */
static void *answer(void *handle, const char *name, void *found)
{
    const struct tw_hook *hook = tw_hook_for(name);

    if (hook == NULL)
        return found;
    if (handle == RTLD_NEXT || handle == RTLD_DEFAULT)
        return hook->real == NULL ? NULL : hook->hook;
    return found != NULL && tw_is_libcs(hook, found) ? hook->hook : found;
}

/* Any other name is handed on as a jump: the linker sees the caller's own address. */
void *tw_dlsym(void *handle, const char *name)
{
    if (tw_hook_for(name) == NULL)
        __attribute__((musttail)) return dlsym(handle, name);
    return answer(handle, name, dlsym(handle, name));
}

void *tw_dlvsym(void *handle, const char *name, const char *version)
{
    if (tw_hook_for(name) == NULL)
        __attribute__((musttail)) return dlvsym(handle, name, version);
    return answer(handle, name, dlvsym(handle, name, version));
}
