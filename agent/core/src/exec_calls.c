/* The hooks of exec's family: in the main process, in children of fork and, with nothing but the parent's memory, in
 * children of vfork. */
#define _GNU_SOURCE
#include "arguments.h"
#include "by_number.h"
#include "lock.h"
#include "process_calls.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not in glibc's headers everywhere. */
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

typedef int exec_function(const char *, char *const[], char *const[]);
typedef int fexecve_function(int, char *const[], char *const[]);

static enum tw_fate exec_fate(const struct tw_program_call *call, char *const argv[])
{
    enum tw_fate fate = tw_process_fate(call, (const char *const *)argv);

    if (fate == TW_FATE_DENIED)
        errno = EACCES;
    return fate;
}

/* An exec that the judge let through: it comes back only when it failed. */
static int exec(const char *path, char *const argv[], char *const envp[])
{
    TW_REAL(execve, exec_function)(path, argv, envp);
    errno = tw_lock_true_error(AT_FDCWD, path, errno);
    return -1;
}

/* In a function that returns `failure`: `made` is the environment for a program that is to be executed. */
#define EXEC_ENVIRONMENT(made, envp, fate, failure) \
    TW_ENVIRONMENT(made, envp, fate);               \
                                                    \
    if (made == NULL && (envp) != NULL) {           \
        errno = E2BIG;                              \
        return failure;                             \
    }

int tw_execve(const char *path, char *const argv[], char *const envp[])
{
    char copy[PATH_MAX];
    struct tw_program_call call = {.folder = AT_FDCWD, .path = copy};

    if (path == NULL)
        return TW_REAL(execve, exec_function)(path, argv, envp);
    TW_OWN_ARGUMENTS(own, argv, -1);
    enum tw_fate fate = tw_path_copy(path, copy) ? exec_fate(&call, own) : TW_FATE_DENIED;

    if (tw_fate_refuses(fate))
        return -1;
    EXEC_ENVIRONMENT(made, envp, fate, -1)
    return exec(copy, own, made);
}

int tw_execv(const char *path, char *const argv[])
{
    return tw_execve(path, argv, environ);
}

/* A file without a known format is a script for the shell, as POSIX has it for execvp. */
static void execute_as_script(const char *path, char *const argv[], char *const envp[])
{
    size_t count = 0;

    while (argv != NULL && argv[count] != NULL)
        count++;
    const char *arguments[count + 3];

    arguments[0] = "/bin/sh";
    arguments[1] = path;
    for (size_t i = 1; i < count; i++)
        arguments[i + 1] = argv[i];
    arguments[count > 0 ? count + 1 : 2] = NULL;
    TW_REAL(execve, exec_function)(arguments[0], (char *const *)(uintptr_t)arguments, envp);
}

/* Whether a search for a program goes on behind a file that could not be started. */
static bool goes_on(int error)
{
    return error == EACCES || error == ENOENT || error == ESTALE || error == ENOTDIR || error == ENODEV ||
           error == ETIMEDOUT;
}

/* One file of a search. Returns false when the search ends with it. */
static bool try_candidate(const char *path, char *const argv[], char *const envp[])
{
    struct tw_program_call call = {.folder = AT_FDCWD, .path = path, .shell_fallback = true};
    enum tw_fate fate = exec_fate(&call, argv);

    if (tw_fate_refuses(fate))
        return fate == TW_FATE_ABSENT && goes_on(errno);
    EXEC_ENVIRONMENT(made, envp, fate, false)
    exec(path, argv, made);
    if (errno == ENOEXEC)
        execute_as_script(path, argv, made);
    return goes_on(errno);
}

/* The search is done here and not by libc, so that what is judged is what the kernel gets. */
int tw_execvpe(const char *file, char *const argv[], char *const envp[])
{
    char name[PATH_MAX], path[PATH_MAX];
    struct tw_search search = {.path = getenv("PATH")};
    bool refused = false;

    if (!tw_path_copy(file, name))
        return -1;
    TW_OWN_ARGUMENTS(own, argv, -1);
    if (strchr(name, '/') != NULL) {
        try_candidate(name, own, envp);
        return -1;
    }
    errno = name[0] == '\0' ? ENOENT : strlen(name) > NAME_MAX ? ENAMETOOLONG : 0;
    if (errno != 0)
        return -1;
    errno = ENOENT;
    while (tw_search_next(&search, name, path)) {
        if (!try_candidate(path, own, envp))
            return -1;
        refused |= errno == EACCES;
    }
    if (refused)
        errno = EACCES;
    return -1;
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
    struct tw_program_call call = {.folder = folder, .path = copy, .is_descriptor = (flags & AT_EMPTY_PATH) != 0};

    if (path == NULL)
        return (int)TW_REAL(syscall, tw_syscall_function)(SYS_execveat, folder, 0, (long)argv, (long)envp, flags, 0);
    TW_OWN_ARGUMENTS(own, argv, -1);
    enum tw_fate fate = tw_path_copy(path, copy) ? exec_fate(&call, own) : TW_FATE_DENIED;

    if (tw_fate_refuses(fate))
        return -1;
    EXEC_ENVIRONMENT(made, envp, fate, -1)
    TW_REAL(syscall, tw_syscall_function)(SYS_execveat, folder, (long)copy, (long)own, (long)made, flags, 0);
    if (copy[0] != '\0') /* else the file is there: it is the descriptor's */
        errno = tw_lock_true_error(folder, copy, errno);
    return -1;
}

int tw_fexecve(int descriptor, char *const argv[], char *const envp[])
{
    struct tw_program_call call = {.folder = descriptor, .path = "", .is_descriptor = true};

    if (argv == NULL || envp == NULL) /* which libc refuses */
        return TW_REAL(fexecve, fexecve_function)(descriptor, argv, envp);
    TW_OWN_ARGUMENTS(own, argv, -1);
    enum tw_fate fate = exec_fate(&call, own);

    if (tw_fate_refuses(fate))
        return -1;
    EXEC_ENVIRONMENT(made, envp, fate, -1)
    return TW_REAL(fexecve, fexecve_function)(descriptor, own, made);
}
