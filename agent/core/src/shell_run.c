/* What libc's system does (POSIX: SIGINT and SIGQUIT are ignored and SIGCHLD is held back meanwhile, the call is a
 * cancellation point), with an environment of our own. Not for signal handlers, as system isn't. */
#define _GNU_SOURCE
#include "process_calls.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

typedef int spawn_function(int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                           char *const[], char *const[]);

/* What the signals did before the first of the calls that run at the same time. */
static struct {
    atomic_flag busy;
    unsigned running;
    struct sigaction interrupt, quit;
} shells = {.busy = ATOMIC_FLAG_INIT};

struct run {
    pid_t child;
    sigset_t mask;
};

static void lock(void)
{
    while (atomic_flag_test_and_set(&shells.busy))
        sched_yield();
}

static void unlock(void)
{
    atomic_flag_clear(&shells.busy);
}

static void begin(struct run *run, sigset_t *defaults)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigset_t children;

    lock();
    if (shells.running++ == 0) {
        sigaction(SIGINT, &ignored, &shells.interrupt);
        sigaction(SIGQUIT, &ignored, &shells.quit);
    }
    sigemptyset(defaults);
    if (shells.interrupt.sa_handler != SIG_IGN)
        sigaddset(defaults, SIGINT);
    if (shells.quit.sa_handler != SIG_IGN)
        sigaddset(defaults, SIGQUIT);
    unlock();
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &children, &run->mask);
}

static void end(const struct run *run)
{
    lock();
    if (--shells.running == 0) {
        sigaction(SIGINT, &shells.interrupt, NULL);
        sigaction(SIGQUIT, &shells.quit, NULL);
    }
    unlock();
    pthread_sigmask(SIG_SETMASK, &run->mask, NULL);
}

static int start(struct run *run, const sigset_t *defaults, const char *command, char *const envp[])
{
    char *const argv[] = {(char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c", (char *)(uintptr_t)command, NULL};
    posix_spawnattr_t attributes;

    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &run->mask);
    posix_spawnattr_setsigdefault(&attributes, defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int error = TW_REAL(posix_spawn, spawn_function)(&run->child, "/bin/sh", NULL, &attributes, argv, envp);

    posix_spawnattr_destroy(&attributes);
    return error;
}

/* The thread is cancelled while it waits. */
static void cancel(void *argument)
{
    const struct run *run = argument;
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    kill(run->child, SIGKILL);
    while (waitpid(run->child, NULL, 0) < 0 && errno == EINTR)
        continue;
    end(run);
}

static int wait_for(struct run *run)
{
    int status = -1;
    pid_t found;

    pthread_cleanup_push(cancel, run);
    do
        found = waitpid(run->child, &status, 0);
    while (found < 0 && errno == EINTR);
    pthread_cleanup_pop(0);
    return found == run->child ? status : -1;
}

int tw_shell_run(const char *command, char *const envp[])
{
    struct run run;
    sigset_t defaults;

    begin(&run, &defaults);
    int error = start(&run, &defaults, command, envp);
    int status = error == 0 ? wait_for(&run) : 127 << 8; /* as if the shell had ended so */

    if (error != 0)
        errno = error;
    error = errno;
    end(&run);
    errno = error;
    return status;
}
