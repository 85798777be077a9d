#define _GNU_SOURCE
#include "hooks.h"

#include "agent_calls.h"
#include "by_number.h"
#include "dns_calls.h"
#include "elf_hooks.h"
#include "file_calls.h"
#include "loader_calls.h"
#include "network_calls.h"
#include "pins.h"
#include "process_calls.h"
#include "sealed.h"

#include <dlfcn.h>
#include <link.h>

enum need { ANY = 1, P = 2, N = 4, D = 8, F = 16 };

#define CALL(need, name, hook) {{#name, (void *)hook}, need},

static const struct {
    struct tw_hook hook;
    unsigned need;
} calls[] = {TW_CALLS(CALL)};

TW_SEALED void *tw_reals[TW_CALL_COUNT];

/* The rows that the policy needs, once it is known. */
TW_SEALED static struct tw_hook table[TW_CALL_COUNT];
TW_SEALED static size_t table_count;

static void find_in(void *library)
{
    for (size_t number = 0; number < TW_CALL_COUNT; number++)
        if (tw_reals[number] == NULL)
            tw_reals[number] = dlsym(library, calls[number].hook.name);
}

/* libc's own functions, before its table of symbols is changed: from then on look-ups find the hooks. Before glibc
 * 2.34 the dynamic linker's calls and the resolver's stood in libraries of their own, which libc's handle does not
 * search. The resolver is loaded where it is judged: it would come without hooks later. */
static bool find_reals(unsigned needed)
{
    static const char *const libraries[] = {"libc.so.6", "libdl.so.2", "librt.so.1", "libresolv.so.2"};

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);

        if (library == NULL)
            continue;
        find_in(library);
        dlclose(library);
    }
    if ((needed & D) != 0 && tw_reals[TW_CALL_res_query] == NULL && tw_reals[TW_CALL___res_query] == NULL) {
        void *library = dlopen("libresolv.so.2", RTLD_LAZY); /* and kept */

        if (library != NULL)
            find_in(library);
    }
    dlerror(); /* names that this libc lacks are no error of the caller's */
    return tw_reals[TW_CALL_execve] != NULL && tw_reals[TW_CALL_syscall] != NULL;
}

static unsigned needs(const struct tw_policy *policy)
{
    return (unsigned)ANY | (policy->processes.effect != TW_EFFECT_DISABLE ? P : 0) |
           (policy->network.effect != TW_EFFECT_DISABLE ? N : 0) | (policy->dns.effect != TW_EFFECT_DISABLE ? D : 0) |
           (policy->filesystem.effect != TW_EFFECT_DISABLE ? F : 0);
}

/* Whether libc has the call, under this name or another: a hook could do nothing for one of somebody else's. */
static bool has_real(size_t number)
{
    bool found = tw_reals[number] != NULL;

    for (size_t i = 0; i < TW_CALL_COUNT && !found; i++)
        found = calls[i].hook.hook == calls[number].hook.hook && tw_reals[i] != NULL;
    return found;
}

bool tw_hooks_install(const struct tw_policy *policy)
{
    unsigned needed = needs(policy);

    if (!find_reals(needed))
        return false;
    for (size_t number = 0; number < TW_CALL_COUNT; number++)
        if ((calls[number].need & needed) != 0 && has_real(number))
            table[table_count++] = calls[number].hook;
    if (tw_elf_hook(table, table_count))
        return true;
    table_count = 0;
    return false;
}

bool tw_hooks_refresh(void)
{
    return table_count > 0 && tw_elf_refresh(table, table_count);
}

void tw_hooks_namespace(struct link_map *map)
{
    if (table_count > 0)
        tw_elf_hook_namespace(map, table, table_count);
}
