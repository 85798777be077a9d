#define _GNU_SOURCE
#include "hooks.h"

#include "elf_hooks.h"

#include <dlfcn.h>
#include <link.h>

#define CALL(name, hook) {#name, (void *)hook},

static const struct tw_hook calls[] = {TW_PROCESS_CALLS(CALL)};

void *tw_reals[TW_CALLS];

static bool installed;

/* libc's own functions, before its table of symbols is changed: from then on look-ups find the hooks. Before glibc
 * 2.34 the dynamic linker's calls stood in a library of their own, which libc's handle does not search. */
static bool find_reals(void)
{
    static const char *const libraries[] = {"libc.so.6", "libdl.so.2"};

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);

        if (library == NULL)
            continue;
        for (size_t number = 0; number < TW_CALLS; number++)
            if (tw_reals[number] == NULL)
                tw_reals[number] = dlsym(library, calls[number].name);
        dlclose(library);
    }
    dlerror(); /* names that this libc lacks are no error of the caller's */
    return tw_reals[TW_CALL_execve] != NULL && tw_reals[TW_CALL_syscall] != NULL;
}

bool tw_hooks_install(const struct tw_policy *policy)
{
    if (policy->processes.effect == TW_EFFECT_DISABLE)
        return true;
    installed = find_reals() && tw_elf_hook(calls, TW_CALLS);
    return installed;
}

bool tw_hooks_refresh(void)
{
    return installed && tw_elf_refresh(calls, TW_CALLS);
}

void tw_hooks_namespace(struct link_map *map)
{
    if (installed)
        tw_elf_hook_namespace(map, calls, TW_CALLS);
}
