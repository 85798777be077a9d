/* Room "hooks": what was called, with what. A hook gathers facts, asks the judge and acts on the verdict.
 *
 * One table names every hooked call; the functions stand by kind in *_calls.c, what a section has in common in
 * process_calls.c.
 * Where they are put, in the C library's symbols and in every object's pointers, is elf_hooks.c's matter.
 * Sections of the policy that are absent are not hooked. */
#ifndef TW_HOOKS_H
#define TW_HOOKS_H

#include "policy.h"

#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <wordexp.h>

struct link_map;

/* Every hooked name and the function that stands for it. */
#define TW_PROCESS_CALLS(CALL)                                                                      \
    CALL(execve, tw_execve)                                                                         \
    CALL(execv, tw_execv)                                                                           \
    CALL(execvp, tw_execvp)                                                                         \
    CALL(execvpe, tw_execvpe)                                                                       \
    CALL(execl, tw_execl)                                                                           \
    CALL(execle, tw_execle)                                                                         \
    CALL(execlp, tw_execlp)                                                                         \
    CALL(execveat, tw_execveat)                                                                     \
    CALL(fexecve, tw_fexecve)                                                                       \
    CALL(posix_spawn, tw_posix_spawn)                                                               \
    CALL(posix_spawnp, tw_posix_spawnp)                                                             \
    CALL(pidfd_spawn, tw_pidfd_spawn)                                                               \
    CALL(pidfd_spawnp, tw_pidfd_spawnp)                                                             \
    CALL(posix_spawn_file_actions_addchdir_np, tw_addchdir)                                         \
    CALL(posix_spawn_file_actions_addfchdir_np, tw_addfchdir)                                       \
    CALL(system, tw_system)                                                                         \
    CALL(__libc_system, tw_system)                                                                  \
    CALL(popen, tw_popen)                                                                           \
    CALL(_IO_popen, tw_popen)                                                                       \
    CALL(_IO_proc_open, tw_proc_open)                                                               \
    CALL(wordexp, tw_wordexp)                                                                       \
    CALL(syscall, tw_syscall)                                                                       \
    CALL(dlmopen, tw_dlmopen)

#define TW_CALL_NUMBER(name, hook) TW_CALL_##name,
enum tw_call { TW_PROCESS_CALLS(TW_CALL_NUMBER) TW_CALLS };

/* libc's own functions, by number: what a hook calls when the verdict is in. The plain names would do for most,
 * but an object loaded before libc may stand in for them, and find the hooks itself when it looks for libc's. */
extern void *tw_reals[TW_CALLS];
#define TW_REAL(name, type) ((type *)tw_reals[TW_CALL_##name])

/* Installs the hooks that the policy needs. `policy` stays valid for ever. Returns false when the C library can't
 * be found or its table can't be changed: then nothing is hooked. */
bool tw_hooks_install(const struct tw_policy *policy);

/* Hooks what was loaded since by other ways than the C library's table. Returns whether hooks had been taken out;
 * they are in again. */
bool tw_hooks_refresh(void);

/* Hooks the objects of another namespace, which have a C library of their own. */
void tw_hooks_namespace(struct link_map *map);

/* What the process hooks judge by; NULL as long as nothing is judged. */
void tw_processes_set(const struct tw_processes *processes);

/* Judges a program that is about to start, writes the audit, ends the environment if the effect is block.
 * Returns whether the call must fail. Keeps errno. */
struct tw_program_call;
bool tw_process_denied(const struct tw_program_call *call, const char *const *argv);

/* libc's functions, as hooked: the same types and the same failures. */
int tw_execve(const char *path, char *const argv[], char *const envp[]);
int tw_execv(const char *path, char *const argv[]);
int tw_execvp(const char *file, char *const argv[]);
int tw_execvpe(const char *file, char *const argv[], char *const envp[]);
int tw_execl(const char *path, const char *argument, ...);
int tw_execle(const char *path, const char *argument, ...);
int tw_execlp(const char *file, const char *argument, ...);
int tw_execveat(int folder, const char *path, char *const argv[], char *const envp[], int flags);
int tw_fexecve(int descriptor, char *const argv[], char *const envp[]);
int tw_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int tw_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int tw_pidfd_spawn(int *descriptor, const char *path, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int tw_pidfd_spawnp(int *descriptor, const char *file, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int tw_addchdir(posix_spawn_file_actions_t *actions, const char *path);
int tw_addfchdir(posix_spawn_file_actions_t *actions, int descriptor);
int tw_system(const char *command);
FILE *tw_popen(const char *command, const char *mode);
FILE *tw_proc_open(FILE *stream, const char *command, const char *mode);
int tw_wordexp(const char *words, wordexp_t *expansion, int flags);
long tw_syscall(long number, long a, long b, long c, long d, long e, long f);

void *tw_dlmopen(long space, const char *name, int flags);

#endif
