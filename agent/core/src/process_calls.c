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
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The exit code of an environment that a policy with the effect "block" ended, and how many scripts may name
 * scripts as their interpreters before the kernel gives up. */
enum { BLOCKED = 86, SCRIPTS = 5 };

/* Not in glibc's headers everywhere. */
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

typedef int exec_function(const char *, char *const[], char *const[]);
typedef int fexecve_function(int, char *const[], char *const[]);
typedef int spawn_function(int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                           char *const[], char *const[]);
typedef int addchdir_function(posix_spawn_file_actions_t *, const char *);
typedef int addfchdir_function(posix_spawn_file_actions_t *, int);
typedef int system_function(const char *);
typedef FILE *popen_function(const char *, const char *);
typedef FILE *proc_open_function(FILE *, const char *, const char *);
typedef int wordexp_function(const char *, wordexp_t *, int);
typedef long syscall_function(long, long, long, long, long, long, long);

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

/* The whole chain: a script's interpreter may be a script, and each file has to pass. */
static struct tw_verdict judge_chain(struct tw_program_call call, const char *const *argv, struct tw_program *program)
{
    struct tw_verdict verdict = {0};
    char next[PATH_MAX];

    for (int depth = 0; depth <= SCRIPTS && tw_program_find(&call, program); depth++) {
        struct tw_process_facts facts = {
            .path = program->path,
            .argv = argv,
            .interpreter = program->interpreter[0] == '\0' ? NULL : program->interpreter,
            .unexamined = program->unexamined,
        };

        verdict = tw_judge_process(section, &facts);
        if (verdict.effect != TW_EFFECT_DISABLE)
            tw_audit_process(&verdict, &facts);
        if (verdict.effect != TW_EFFECT_DISABLE || facts.interpreter == NULL)
            break;
        memcpy(next, program->interpreter, sizeof next);
        call = (struct tw_program_call){.folder = AT_FDCWD, .path = next};
    }
    return verdict;
}

bool tw_process_denied(const struct tw_program_call *call, const char *const *argv)
{
    struct tw_program program;
    struct tw_verdict verdict = {0};
    int error = errno;

    if (section != NULL && call->path != NULL)
        verdict = judge_chain(*call, argv, &program);
    if (verdict.effect == TW_EFFECT_BLOCK)
        end_environment();
    errno = error;
    return verdict.effect == TW_EFFECT_PREVENT;
}

static bool exec_denied(const struct tw_program_call *call, char *const argv[])
{
    if (!tw_process_denied(call, (const char *const *)argv))
        return false;
    errno = EACCES;
    return true;
}

int tw_execve(const char *path, char *const argv[], char *const envp[])
{
    char copy[PATH_MAX];
    struct tw_program_call call = {.folder = AT_FDCWD, .path = copy};

    if (path == NULL)
        return TW_REAL(execve, exec_function)(path, argv, envp);
    if (!tw_path_copy(path, copy) || exec_denied(&call, argv))
        return -1;
    return TW_REAL(execve, exec_function)(copy, argv, envp);
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

/* One file of a search. Returns false when the search ends with it. */
static bool try_candidate(const char *path, char *const argv[], char *const envp[])
{
    struct tw_program_call call = {.folder = AT_FDCWD, .path = path, .shell_fallback = true};

    if (exec_denied(&call, argv))
        return false;
    TW_REAL(execve, exec_function)(path, argv, envp);
    if (errno == ENOEXEC)
        execute_as_script(path, argv, envp);
    return errno == EACCES || errno == ENOENT || errno == ESTALE || errno == ENOTDIR || errno == ENODEV ||
           errno == ETIMEDOUT;
}

/* The search is done here and not by libc, so that what is judged is what the kernel gets. */
int tw_execvpe(const char *file, char *const argv[], char *const envp[])
{
    char name[PATH_MAX], path[PATH_MAX];
    struct tw_search search = {.path = getenv("PATH")};
    bool refused = false;

    if (!tw_path_copy(file, name))
        return -1;
    if (strchr(name, '/') != NULL) {
        try_candidate(name, argv, envp);
        return -1;
    }
    errno = name[0] == '\0' ? ENOENT : strlen(name) > NAME_MAX ? ENAMETOOLONG : 0;
    if (errno != 0)
        return -1;
    errno = ENOENT;
    while (tw_search_next(&search, name, path)) {
        if (!try_candidate(path, argv, envp))
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
        return (int)TW_REAL(syscall, syscall_function)(SYS_execveat, folder, 0, (long)argv, (long)envp, flags, 0);
    if (!tw_path_copy(path, copy) || exec_denied(&call, argv))
        return -1;
    return (int)TW_REAL(syscall, syscall_function)(SYS_execveat, folder, (long)copy, (long)argv, (long)envp, flags, 0);
}

int tw_fexecve(int descriptor, char *const argv[], char *const envp[])
{
    struct tw_program_call call = {.folder = descriptor, .path = "", .is_descriptor = true};

    if (argv != NULL && envp != NULL && exec_denied(&call, argv))
        return -1;
    return TW_REAL(fexecve, fexecve_function)(descriptor, argv, envp);
}

/* Whether somebody has ever let a child of posix_spawn change its folder: the actions do not tell what they are. */
static atomic_bool folders_change;

int tw_addchdir(posix_spawn_file_actions_t *actions, const char *path)
{
    atomic_store(&folders_change, true);
    return TW_REAL(posix_spawn_file_actions_addchdir_np, addchdir_function)(actions, path);
}

int tw_addfchdir(posix_spawn_file_actions_t *actions, int descriptor)
{
    atomic_store(&folders_change, true);
    return TW_REAL(posix_spawn_file_actions_addfchdir_np, addfchdir_function)(actions, descriptor);
}

/* Actions may also give a descriptor's number to another file. */
static bool means_another(const char *path, const posix_spawn_file_actions_t *actions)
{
    return actions != NULL && ((path[0] != '/' && atomic_load(&folders_change)) || strncmp(path, "/proc/", 6) == 0 ||
                               strncmp(path, "/dev/", 5) == 0);
}

/* posix_spawn and pidfd_spawn; `path` has been copied. */
static int spawn(spawn_function *real, int *child, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct tw_program_call call = {.folder = AT_FDCWD, .path = path, .file_unknown = means_another(path, actions)};

    if (tw_process_denied(&call, (const char *const *)argv))
        return EACCES;
    return real(child, path, actions, attributes, argv, envp);
}

static int spawn_path(spawn_function *real, int *child, const char *path, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    char copy[PATH_MAX];
    int error = errno;

    if (!tw_path_copy(path, copy)) {
        errno = error;
        return ENAMETOOLONG;
    }
    return spawn(real, child, copy, actions, attributes, argv, envp);
}

/* The first file that may be executed is judged, and named by its path: libc does not search again. */
static int spawn_search(spawn_function *real, int *child, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    char name[PATH_MAX], path[PATH_MAX];
    struct tw_search search = {.path = getenv("PATH")};
    int error = errno, missing = ENOENT;

    if (!tw_path_copy(file, name) || name[0] == '\0' || strchr(name, '/') != NULL)
        return spawn_path(real, child, file, actions, attributes, argv, envp);
    while (tw_search_next(&search, name, path)) {
        bool is_relative = path[0] != '/' && actions != NULL;

        if (is_relative || tw_is_executable(path)) {
            int result = spawn(real, child, path, actions, attributes, argv, envp);

            /* In the folder that the child goes to, there may be no such file. */
            if (!is_relative || result != ENOENT)
                return result;
        } else if (errno == EACCES) {
            missing = EACCES;
        }
    }
    errno = error;
    return missing;
}

int tw_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return spawn_path(TW_REAL(posix_spawn, spawn_function), pid, path, actions, attributes, argv, envp);
}

int tw_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return spawn_search(TW_REAL(posix_spawn, spawn_function), pid, file, actions, attributes, argv, envp);
}

int tw_pidfd_spawn(int *descriptor, const char *path, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return spawn_path(TW_REAL(pidfd_spawn, spawn_function), descriptor, path, actions, attributes, argv, envp);
}

int tw_pidfd_spawnp(int *descriptor, const char *file, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return spawn_search(TW_REAL(pidfd_spawn, spawn_function), descriptor, file, actions, attributes, argv, envp);
}

static bool shell_denied(const char *command)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct tw_program_call call = {.folder = AT_FDCWD, .path = "/bin/sh"};

    return tw_process_denied(&call, argv);
}

int tw_system(const char *command)
{
    /* NULL asks whether there is a shell, which libc finds out by starting one. */
    if (shell_denied(command != NULL ? command : "exit 0")) {
        errno = EACCES;
        return command == NULL ? 0 : 127 << 8; /* as when libc's child can't execute the shell: it ended with 127 */
    }
    return TW_REAL(system, system_function)(command);
}

static bool stream_denied(const char *command)
{
    if (command == NULL || !shell_denied(command))
        return false;
    errno = EACCES;
    return true;
}

FILE *tw_popen(const char *command, const char *mode)
{
    return stream_denied(command) ? NULL : TW_REAL(popen, popen_function)(command, mode);
}

FILE *tw_proc_open(FILE *stream, const char *command, const char *mode)
{
    return stream_denied(command) ? NULL : TW_REAL(_IO_proc_open, proc_open_function)(stream, command, mode);
}

int tw_wordexp(const char *words, wordexp_t *expansion, int flags)
{
    /* Only a command substitution starts a shell. libc itself tells whether there is one. */
    if (words != NULL && (strchr(words, '`') != NULL || strstr(words, "$(") != NULL) && (flags & WRDE_NOCMD) == 0) {
        wordexp_t trial;
        int result = TW_REAL(wordexp, wordexp_function)(words, &trial, WRDE_NOCMD | (flags & WRDE_UNDEF));

        if (result == 0)
            wordfree(&trial);
        if (result == WRDE_CMDSUB && shell_denied(words))
            return WRDE_CMDSUB;
    }
    return TW_REAL(wordexp, wordexp_function)(words, expansion, flags);
}

static __attribute__((noinline)) long exec_by_number(long number, long a, long b, long c, long d, long e)
{
    if (number == SYS_execve)
        return tw_execve((const char *)a, (char *const *)b, (char *const *)c);
    return tw_execveat((int)a, (const char *)b, (char *const *)c, (char *const *)d, (int)e);
}

/* All arguments travel in registers and one stack slot, whether or not the caller gave them: passing on seven is
 * what libc's own function does. A jump for all other calls: nothing is left on the stack behind it. */
long tw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_execve || number == SYS_execveat)
        return exec_by_number(number, a, b, c, d, e);
    __attribute__((musttail)) return TW_REAL(syscall, syscall_function)(number, a, b, c, d, e, f);
}
