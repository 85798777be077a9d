#define _GNU_SOURCE
#include "hooks.h"

#include <dlfcn.h>
#include <string.h>

/* A hook for a section stands in the table whether or not the section is there; `section` says which. */
enum section { ALWAYS, PROCESSES };

struct call {
    const char *name;
    void *hook;
    enum section section;
};

#define CALL(name, section) {#name, (void *)tw_##name, section}

static const struct call calls[] = {
    CALL(execve, PROCESSES),
    CALL(execv, PROCESSES),
    CALL(execvp, PROCESSES),
    CALL(execvpe, PROCESSES),
    CALL(execl, PROCESSES),
    CALL(execle, PROCESSES),
    CALL(execlp, PROCESSES),
    CALL(execveat, PROCESSES),
    CALL(fexecve, PROCESSES),
    CALL(posix_spawn, PROCESSES),
    CALL(posix_spawnp, PROCESSES),
    CALL(system, PROCESSES),
    {"__libc_system", (void *)tw_system, PROCESSES},
    CALL(popen, PROCESSES),
    {"_IO_popen", (void *)tw_popen, PROCESSES},
    CALL(wordexp, PROCESSES),
    CALL(syscall, PROCESSES),
    CALL(dlopen, ALWAYS),
    CALL(dlmopen, ALWAYS),
    CALL(dlsym, ALWAYS),
    CALL(dlvsym, ALWAYS),
};

static struct tw_hook installed[sizeof calls / sizeof *calls];
static size_t installed_count;

void tw_hooks_install(const struct tw_policy *policy)
{
    bool processes = policy->processes.effect != TW_EFFECT_DISABLE;

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *real = dlsym(RTLD_DEFAULT, calls[i].name);

        if (calls[i].section == PROCESSES && !processes)
            continue;
        installed[installed_count++] = (struct tw_hook){calls[i].name, calls[i].hook, real};
    }
    tw_hook_objects(installed, installed_count);
}

void tw_hooks_refresh(void)
{
    if (installed_count > 0 && tw_objects_changed())
        tw_hook_objects(installed, installed_count);
}

/* libc and, before glibc 2.34, the libraries that its functions were spread over. */
static bool is_libc(const void *function)
{
    static const char *const names[] = {"libc.so", "libc-", "libpthread", "libdl"};
    Dl_info info;

    if (dladdr(function, &info) == 0 || info.dli_fname == NULL)
        return false;
    const char *slash = strrchr(info.dli_fname, '/');
    const char *base = slash == NULL ? info.dli_fname : slash + 1;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(base, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

const struct tw_hook *tw_hook_for(const char *name)
{
    for (size_t i = 0; i < installed_count; i++)
        if (strcmp(installed[i].name, name) == 0)
            return &installed[i];
    return NULL;
}

bool tw_is_libcs(const struct tw_hook *hook, const void *function)
{
    return function == hook->real || is_libc(function);
}
