/* Room "hooks": what was called, with what. A hook gathers facts, asks the judge and acts on the verdict.
 *
 * One table names every hooked call; the functions stand by kind in *_calls.c.
 * Where they are put, in the C library's symbols and in every object's pointers, is elf_hooks.c's matter.
 * What no section of the policy needs is not hooked. */
#ifndef TW_HOOKS_H
#define TW_HOOKS_H

#include "policy.h"

struct link_map;

/* Every hooked name and the function that stands for it. The first word says which sections of the policy need it: P
 * processes, N network, D dns, F filesystem, ANY whatever is enforced. A hook that serves several, or that `syscall`
 * reaches by number, asks itself whether its section is switched on. */
#define TW_COMMON_CALLS(CALL)      \
    CALL(ANY, syscall, tw_syscall) \
    CALL(ANY, dlmopen, tw_dlmopen)

#define TW_PROCESS_CALLS(CALL)                                   \
    CALL(P, execve, tw_execve)                                   \
    CALL(P, execv, tw_execv)                                     \
    CALL(P, execvp, tw_execvp)                                   \
    CALL(P, execvpe, tw_execvpe)                                 \
    CALL(P, execl, tw_execl)                                     \
    CALL(P, execle, tw_execle)                                   \
    CALL(P, execlp, tw_execlp)                                   \
    CALL(P, execveat, tw_execveat)                               \
    CALL(P, fexecve, tw_fexecve)                                 \
    CALL(P, posix_spawn, tw_posix_spawn)                         \
    CALL(P, posix_spawnp, tw_posix_spawnp)                       \
    CALL(P, pidfd_spawn, tw_pidfd_spawn)                         \
    CALL(P, pidfd_spawnp, tw_pidfd_spawnp)                       \
    CALL(P, posix_spawn_file_actions_addchdir_np, tw_addchdir)   \
    CALL(P, posix_spawn_file_actions_addfchdir_np, tw_addfchdir) \
    CALL(P, system, tw_system)                                   \
    CALL(P, __libc_system, tw_system)                            \
    CALL(P, popen, tw_popen)                                     \
    CALL(P, _IO_popen, tw_popen)                                 \
    CALL(P, _IO_proc_open, tw_proc_open)                         \
    CALL(P, wordexp, tw_wordexp)

#define TW_CALLS(CALL) TW_COMMON_CALLS(CALL) TW_PROCESS_CALLS(CALL)

#define TW_CALL_NUMBER(need, name, hook) TW_CALL_##name,
enum tw_call { TW_CALLS(TW_CALL_NUMBER) TW_CALL_COUNT };

/* libc's own functions, by number: what a hook calls when the verdict is in. The plain names would do for most,
 * but an object loaded before libc may stand in for them, and find the hooks itself when it looks for libc's. NULL where
 * this libc has none. */
extern void *tw_reals[TW_CALL_COUNT];
#define TW_REAL(name, type) ((type *)tw_reals[TW_CALL_##name])

/* Installs the hooks that the policy needs. Returns false when the C library can't be found or its table can't be
 * changed: then nothing is hooked. */
bool tw_hooks_install(const struct tw_policy *policy);

/* Hooks what was loaded since by other ways than the C library's table. Returns whether hooks had been taken out;
 * they are in again. */
bool tw_hooks_refresh(void);

/* Hooks the objects of another namespace, which have a C library of their own. */
void tw_hooks_namespace(struct link_map *map);

#endif
