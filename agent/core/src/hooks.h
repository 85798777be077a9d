/* Room "hooks": what was called, with what. A hook gathers facts, asks the judge and acts on the verdict.
 *
 * One table names every hooked call; the functions stand by section (process_calls.c) or by purpose (loader_calls.c).
 * Sections of the policy that are absent are not hooked. */
#ifndef TW_HOOKS_H
#define TW_HOOKS_H

#include "elf_objects.h"
#include "policy.h"

#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <wordexp.h>

/* Installs the hooks that the policy needs in all objects that are loaded now. `policy` stays valid for ever. */
void tw_hooks_install(const struct tw_policy *policy);

/* Hooks objects that were loaded since, and objects that lost their hooks. */
void tw_hooks_refresh(void);

/* The hook for a name, NULL when it is not hooked; and whether a function is libc's own of that name. */
const struct tw_hook *tw_hook_for(const char *name);
bool tw_is_libcs(const struct tw_hook *hook, const void *function);

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
int tw_system(const char *command);
FILE *tw_popen(const char *command, const char *mode);
int tw_wordexp(const char *words, wordexp_t *expansion, int flags);
long tw_syscall(long number, long a, long b, long c, long d, long e, long f);

void *tw_dlopen(const char *name, int flags);
void *tw_dlmopen(long space, const char *name, int flags);
void *tw_dlsym(void *handle, const char *name);
void *tw_dlvsym(void *handle, const char *name, const char *version);

#endif
