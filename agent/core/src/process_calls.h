/* The hooks of the calls that start programs: libc's functions with the same types and the same failures. */
#ifndef TW_PROCESS_CALLS_H
#define TW_PROCESS_CALLS_H

#include "children.h"
#include "hooks.h"

#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <wordexp.h>

/* Judges a program that is about to start, writes the audit, ends the environment if the effect is block. Keeps errno,
 * but for TW_FATE_ABSENT. */
struct tw_program_call;
enum tw_fate tw_process_fate(const struct tw_program_call *call, const char *const *argv);

/* Whether the call must fail. */
static inline bool tw_fate_refuses(enum tw_fate fate)
{
    return fate == TW_FATE_DENIED || fate == TW_FATE_ABSENT;
}

/* system, once it is judged: libc's own would start the shell with an environment that other threads can change. */
int tw_shell_run(const char *command, char *const envp[]);

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

#endif
