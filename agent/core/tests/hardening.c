/* Ways to have something else judged than what starts, or to let an audit do harm.
 *
 *     hardening LIBRARY FOLDER ATTEMPT      starts the core with TW_POLICY, tries one, prints what it gave
 *
 * The program that is started makes FOLDER/marker. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

static char marker[512];
static char *arguments[] = {"touch", marker, NULL};

static int reap(pid_t child)
{
    int status = -1;

    return waitpid(child, &status, 0) == child ? status : -1;
}

/* A program needs no descriptor to start; the one that is started here needs some. */
static int no_descriptors(void)
{
    pid_t child = fork();

    if (child == 0) {
        struct rlimit none = {0, 64};

        setrlimit(RLIMIT_NOFILE, &none);
        execve("/bin/touch", arguments, environ);
        int error = errno;

        _exit(error);
    }
    return reap(child);
}

/* The kernel reads the first line of a script that its caller may not read: here one that runs its own name. */
static int unreadable_script(void)
{
    char script[600];

    snprintf(script, sizeof script, "x;touch marker");
    FILE *file = fopen(script, "w");

    if (file == NULL || fputs("#!/bin/sh -c\n", file) < 0 || fclose(file) != 0 || chmod(script, 0111) != 0)
        return -2;
    pid_t child = fork();

    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(100);
        execl(script, script, (char *)NULL);
        _exit(errno);
    }
    return reap(child);
}

/* The name is that of an allowed program here, and of another one where the child goes. */
static int other_folder(void)
{
    posix_spawn_file_actions_t actions;
    pid_t child;

    if (mkdir("there", 0755) != 0 || symlink("/bin/true", "touch") != 0 || symlink("/bin/touch", "there/touch") != 0)
        return -2;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, "there");
    int error = posix_spawn(&child, "./touch", &actions, NULL, arguments, environ);

    posix_spawn_file_actions_destroy(&actions);
    return error != 0 ? error : reap(child);
}

/* The descriptor's number means an allowed program here, and another one in the child. */
static int other_descriptor(void)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    int allowed = open("/bin/true", O_RDONLY), other = open("/bin/touch", O_RDONLY);
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", allowed);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, other, allowed);
    int error = posix_spawn(&child, path, &actions, NULL, arguments, environ);

    posix_spawn_file_actions_destroy(&actions);
    return error != 0 ? error : reap(child);
}

static char harmless[] = "aaaaaaa+tcp://pool", telling[] = "stratum+tcp://pool", changing[sizeof harmless];
static volatile int done;

static void *change(void *ignored)
{
    while (!done) {
        memcpy(changing, telling, sizeof telling);
        memcpy(changing, harmless, sizeof harmless);
    }
    return ignored;
}

/* Another thread exchanges an argument all the time. Returns how often a miner's came through. */
static int changing_arguments(void)
{
    pthread_t thread;
    int through = 0;

    memcpy(changing, harmless, sizeof harmless);
    if (pthread_create(&thread, NULL, change, NULL) != 0)
        return -2;
    for (int i = 0; i < 300; i++) {
        posix_spawn_file_actions_t actions;
        char *argv[] = {"echo", changing, NULL}, output[64] = "";
        int pipes[2];
        pid_t child;

        if (pipe(pipes) != 0)
            return -2;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
        int error = posix_spawn(&child, "/bin/echo", &actions, NULL, argv, environ);

        close(pipes[1]);
        if (error == 0) {
            if (read(pipes[0], output, sizeof output - 1) > 0)
                through += strncmp(output, telling, strlen(telling)) == 0;
            reap(child);
        }
        close(pipes[0]);
        posix_spawn_file_actions_destroy(&actions);
    }
    done = 1;
    pthread_join(thread, NULL);
    return through;
}

/* Nobody reads stderr any more, and the child has the default action for the signal. */
static int broken_stream(void)
{
    pid_t child = fork();

    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        execve("/bin/touch", arguments, environ);
        _exit(errno);
    }
    return reap(child);
}

static void *make_executable(void *path)
{
    while (!done) {
        chmod(path, 0644);
        chmod(path, 0755);
    }
    return path;
}

/* A file that is no program when it is looked at, and one when the kernel gets it. Returns whether it started. */
static int becoming_program(void)
{
    static char path[] = "becoming";
    pthread_t thread;
    int started = 0;

    FILE *script = fopen(path, "w");

    if (script == NULL || fputs("#!/bin/true\n", script) < 0 || fclose(script) != 0 ||
        pthread_create(&thread, NULL, make_executable, path) != 0)
        return -2;
    for (int i = 0; i < 30000 && started == 0; i++) {
        char *argv[] = {path, NULL};
        pid_t child;

        if (posix_spawn(&child, path, NULL, NULL, argv, environ) == 0)
            started += reap(child) == 0;
    }
    done = 1;
    pthread_join(thread, NULL);
    return started;
}

static char variable[] = "X=a";

static void *change_variable(void *ignored)
{
    while (!done) {
        ((volatile char *)variable)[2] = '\0';
        sched_yield(); /* where both have to share one processor, either word has its turn */
        ((volatile char *)variable)[2] = 'a';
        sched_yield();
    }
    return ignored;
}

/* Words that start a shell or not, as a variable has it that another thread changes. */
static int changing_words(void)
{
    pthread_t thread;

    if (putenv(variable) != 0 || pthread_create(&thread, NULL, change_variable, NULL) != 0)
        return -2;
    for (int i = 0; i < 100000 && access(marker, F_OK) != 0; i++) {
        wordexp_t words;

        if (wordexp("${X:-$(: >marker)}", &words, 0) == 0)
            wordfree(&words);
    }
    done = 1;
    pthread_join(thread, NULL);
    return 0;
}

static int unshared; /* 1: the thread has its own descriptors; 2: those of the others are exchanged */

/* Starts what is open under a number that means another file in the first thread. */
static void *start_from_thread(void *result)
{
    pid_t child;
    int error;

    __atomic_store_n(&unshared, unshare(CLONE_FILES) == 0 ? 1 : 3, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&unshared, __ATOMIC_SEQ_CST) == 1)
        sched_yield();
    error = posix_spawn(&child, "/bin/touch", NULL, NULL, arguments, environ);
    *(int *)result = error != 0 ? error : reap(child);
    return NULL;
}

/* A thread that has descriptors of its own: the numbers mean other files to the process. */
static int other_descriptors(void)
{
    pthread_t thread;
    int result = -2;

    if (pthread_create(&thread, NULL, start_from_thread, &result) != 0)
        return -2;
    while (__atomic_load_n(&unshared, __ATOMIC_SEQ_CST) == 0)
        sched_yield();
    for (int i = 0; i < 8; i++)
        (void)!open("/bin/true", O_RDONLY);
    if (unshared == 1)
        __atomic_store_n(&unshared, 2, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    return result;
}

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"no_descriptors", no_descriptors},     {"unreadable_script", unreadable_script},   {"other_folder", other_folder},
    {"other_descriptor", other_descriptor}, {"changing_arguments", changing_arguments},
    {"broken_stream", broken_stream},
    {"becoming_program", becoming_program}, {"other_descriptors", other_descriptors},
    {"changing_words", changing_words},
};

int main(int count, char **values)
{
    char message[256];
    int pipes[2];
    int (*start)(const char *, const char *, const char *, const char *, char *, size_t);

    if (count != 4 || chdir(values[2]) != 0 || pipe(pipes) != 0)
        return 2;
    snprintf(marker, sizeof marker, "%s/marker", values[2]);
    void *library = dlopen(values[1], RTLD_NOW);

    if (library == NULL)
        return 2;
    *(void **)&start = dlsym(library, "tw_start_flat");
    if (strcmp(values[3], "broken_stream") == 0)
        dup2(pipes[1], STDERR_FILENO);
    if (start(getenv("TW_POLICY"), values[2], "c", NULL, message, sizeof message) != 0)
        return 3;
    close(pipes[0]);
    close(pipes[1]);
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (strcmp(attempts[i].name, values[3]) == 0) {
            printf("%d\n", attempts[i].attempt());
            return 0;
        }
    return 4;
}
