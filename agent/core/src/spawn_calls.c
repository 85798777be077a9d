/* The hooks of posix_spawn's family. */
#define _GNU_SOURCE
#include "arguments.h"
#include "lock.h"
#include "process_calls.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef int spawn_function(int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                           char *const[], char *const[]);
typedef int addchdir_function(posix_spawn_file_actions_t *, const char *);
typedef int addfchdir_function(posix_spawn_file_actions_t *, int);

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

    int before = errno;

    TW_OWN_ARGUMENTS(own, argv, EFAULT);
    enum tw_fate fate = tw_process_fate(&call, (const char *const *)own);

    if (tw_fate_refuses(fate)) {
        int error = fate == TW_FATE_ABSENT ? errno : EACCES;

        errno = before;
        return error;
    }
    TW_ENVIRONMENT(made, envp, fate);

    if (made == NULL && envp != NULL)
        return E2BIG;
    return tw_lock_true_error(AT_FDCWD, path, real(child, path, actions, attributes, own, made));
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
