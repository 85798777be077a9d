/* The hooks of the section "processes": every call of libc that starts a program.
 *
 * Safe in the child of a vfork: nothing here allocates, locks or keeps state. libc's own functions call each other
 * directly and not through the hooks, so each call is judged once. */
#define _GNU_SOURCE
#include "audit.h"
#include "hooks.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* execveat is younger than glibc 2.17's headers. */
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

/* The exit code of an environment that a policy with the effect "block" ended. */
enum { BLOCKED = 86 };

static const struct tw_processes *section;

void tw_processes_set(const struct tw_processes *processes)
{
    section = processes;
}

/* The runtime ends, whichever of its children made the call. */
static void end_environment(void)
{
    pid_t runtime = tw_audit_main_process();

    if (syscall(SYS_getpid) != runtime)
        kill(runtime, SIGKILL);
    _exit(BLOCKED);
}

bool tw_process_denied(const struct tw_program_call *call, const char *const *argv)
{
    struct tw_program program;
    struct tw_verdict verdict = {0};
    int error = errno;

    if (section != NULL && call->path != NULL && tw_program_find(call, &program)) {
        struct tw_process_facts facts = {
            .path = program.path,
            .argv = argv,
            .interpreter = program.interpreter[0] == '\0' ? NULL : program.interpreter,
        };

        verdict = tw_judge_process(section, &facts);
        if (verdict.effect != TW_EFFECT_DISABLE)
            tw_audit_process(&verdict, &facts);
        if (verdict.effect == TW_EFFECT_BLOCK)
            end_environment();
    }
    errno = error;
    return verdict.effect == TW_EFFECT_PREVENT;
}

/* Whether an exec of this path must fail; the path is `copy` from then on, which no other thread can change. */
static bool exec_denied(int folder, const char *path, char copy[PATH_MAX], char *const argv[], bool shell_fallback)
{
    size_t length = path == NULL ? PATH_MAX : strnlen(path, PATH_MAX);

    if (length == PATH_MAX)
        return false; /* the kernel refuses it */
    memcpy(copy, path, length + 1);
    struct tw_program_call call = {.folder = folder, .path = copy, .shell_fallback = shell_fallback};

    if (!tw_process_denied(&call, (const char *const *)argv))
        return false;
    errno = EACCES;
    return true;
}

int tw_execve(const char *path, char *const argv[], char *const envp[])
{
    char copy[PATH_MAX];

    if (exec_denied(AT_FDCWD, path, copy, argv, false))
        return -1;
    return execve(path == NULL || strnlen(path, PATH_MAX) == PATH_MAX ? path : copy, argv, envp);
}

int tw_execv(const char *path, char *const argv[])
{
    return tw_execve(path, argv, environ);
}

int tw_execvpe(const char *file, char *const argv[], char *const envp[])
{
    char found[PATH_MAX], copy[PATH_MAX];

    /* libc searches once more, with the same outcome: what it finds is what was judged. */
    if (file != NULL && tw_program_search(file, found) && exec_denied(AT_FDCWD, found, copy, argv, true))
        return -1;
    return execvpe(file, argv, envp);
}

int tw_execvp(const char *file, char *const argv[])
{
    return tw_execvpe(file, argv, environ);
}

/* Arguments of the variadic calls, counted and then laid out as an array on the caller's stack. */
static size_t count_arguments(const char *argument, va_list *list)
{
    size_t count = 0;

    for (; argument != NULL; argument = va_arg(*list, const char *))
        count++;
    return count;
}

#define ARGUMENTS(argv, argument)                                       \
    va_list list;                                                       \
    va_start(list, argument);                                           \
    size_t count = count_arguments(argument, &list);                    \
    va_end(list);                                                       \
    char *argv[count + 1];                                              \
    va_start(list, argument);                                           \
    argv[0] = (char *)(uintptr_t)argument;                              \
    for (size_t i = 1; i <= count; i++)                                 \
        argv[i] = va_arg(list, char *);

int tw_execl(const char *path, const char *argument, ...)
{
    ARGUMENTS(argv, argument)
    va_end(list);
    return tw_execve(path, argv, environ);
}

int tw_execlp(const char *file, const char *argument, ...)
{
    ARGUMENTS(argv, argument)
    va_end(list);
    return tw_execvpe(file, argv, environ);
}

int tw_execle(const char *path, const char *argument, ...)
{
    ARGUMENTS(argv, argument)
    char *const *envp = va_arg(list, char *const *);

    va_end(list);
    return tw_execve(path, argv, envp);
}

int tw_execveat(int folder, const char *path, char *const argv[], char *const envp[], int flags)
{
    char copy[PATH_MAX];

    if (exec_denied(folder, path, copy, argv, false))
        return -1;
    return (int)syscall(SYS_execveat, folder, path == NULL || strnlen(path, PATH_MAX) == PATH_MAX ? path : copy,
                        argv, envp, flags);
}

int tw_fexecve(int descriptor, char *const argv[], char *const envp[])
{
    char copy[PATH_MAX];

    if (exec_denied(descriptor, "", copy, argv, false))
        return -1;
    return fexecve(descriptor, argv, envp);
}

static bool spawn_denied(const char *path, char copy[PATH_MAX], const posix_spawn_file_actions_t *actions,
                         char *const argv[], bool shell_fallback)
{
    size_t length = path == NULL ? PATH_MAX : strnlen(path, PATH_MAX);

    if (length == PATH_MAX)
        return false;
    memcpy(copy, path, length + 1);
    /* Actions may change the folder; which ones they are is libc's secret. */
    struct tw_program_call call = {
        .folder = AT_FDCWD, .path = copy, .shell_fallback = shell_fallback, .cwd_unknown = actions != NULL};

    return tw_process_denied(&call, (const char *const *)argv);
}

int tw_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    char copy[PATH_MAX];

    if (spawn_denied(path, copy, actions, argv, false))
        return EACCES;
    return posix_spawn(pid, path == NULL || strnlen(path, PATH_MAX) == PATH_MAX ? path : copy, actions, attributes,
                       argv, envp);
}

int tw_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    char found[PATH_MAX], copy[PATH_MAX];

    if (file != NULL && tw_program_search(file, found) && spawn_denied(found, copy, actions, argv, true))
        return EACCES;
    return posix_spawnp(pid, file, actions, attributes, argv, envp);
}

static bool shell_denied(const char *command)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct tw_program_call call = {.folder = AT_FDCWD, .path = "/bin/sh"};

    return tw_process_denied(&call, argv);
}

int tw_system(const char *command)
{
    /* What libc returns when its child can't execute the shell: as if it had ended with 127. */
    if (command != NULL && shell_denied(command))
        return 127 << 8;
    return system(command);
}

FILE *tw_popen(const char *command, const char *mode)
{
    if (command != NULL && shell_denied(command)) {
        errno = EACCES;
        return NULL;
    }
    return popen(command, mode);
}

int tw_wordexp(const char *words, wordexp_t *expansion, int flags)
{
    /* Only a command substitution starts a shell. libc itself tells whether there is one. */
    if (words != NULL && (strchr(words, '`') != NULL || strstr(words, "$(") != NULL) && (flags & WRDE_NOCMD) == 0) {
        wordexp_t trial;
        int result = wordexp(words, &trial, WRDE_NOCMD | (flags & (WRDE_UNDEF | WRDE_SHOWERR)));

        if (result == 0)
            wordfree(&trial);
        if (result == WRDE_CMDSUB && shell_denied(words))
            return WRDE_CMDSUB;
    }
    return wordexp(words, expansion, flags);
}

typedef long syscall_function(long, long, long, long, long, long, long);

/* All arguments travel in registers and one stack slot, whether or not the caller gave them: passing on seven is
 * what libc's own function does. A jump, so that calls which return twice find their caller. */
long tw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    char copy[PATH_MAX];
    bool denied = false;

    if (number == SYS_execve)
        denied = exec_denied(AT_FDCWD, (const char *)a, copy, (char *const *)b, false);
    else if (number == SYS_execveat)
        denied = exec_denied((int)a, (const char *)b, copy, (char *const *)c, false);
    if (denied)
        return -1;
    return ((syscall_function *)(void *)syscall)(number, a, b, c, d, e, f);
}
