/* The hooks as a process sees them: this program loads the real library, starts it with a policy, and tries every
 * call. Each attempt would create a file; what counts is whether it is there, not what the call said alone.
 *
 *     hooks LIBRARY        runs itself once for each effect */
#define _GNU_SOURCE
#include "defender.h"
#include "test.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

static char folder[] = "/tmp/defender-hooks-XXXXXX";
static char marker[128], command[160];
static char *arguments[] = {"touch", marker, NULL};

/* Relocated before the library is loaded: R_*_64 in a table, as SQLite keeps its system calls. */
static int (*const in_table[])(const char *) = {system};

typedef int attempt(void);

static int reap(pid_t child)
{
    int status = -1;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* An exec in a child: its errno as exit code, 0 when the program ran. */
#define IN_CHILD(fork, call)                  \
    do {                                      \
        pid_t child = fork();                 \
                                              \
        if (child == 0) {                     \
            call;                             \
            _exit(errno);                     \
        }                                     \
        return reap(child);                   \
    } while (0)

static int try_execve(void) { IN_CHILD(fork, execve("/bin/touch", arguments, environ)); }
static int try_vfork(void) { IN_CHILD(vfork, execve("/bin/touch", arguments, environ)); }
static int try_execv(void) { IN_CHILD(fork, execv("/bin/touch", arguments)); }
static int try_execvp(void) { IN_CHILD(fork, execvp("touch", arguments)); }
static int try_execvpe(void) { IN_CHILD(vfork, execvpe("touch", arguments, environ)); }
static int try_execl(void) { IN_CHILD(fork, execl("/bin/touch", "touch", marker, (char *)NULL)); }
static int try_execlp(void) { IN_CHILD(fork, execlp("touch", "touch", marker, (char *)NULL)); }
static int try_execle(void) { IN_CHILD(fork, execle("/bin/touch", "touch", marker, (char *)NULL, environ)); }
static int try_syscall(void) { IN_CHILD(fork, syscall(SYS_execve, "/bin/touch", arguments, environ)); }
static int try_execveat(void) { IN_CHILD(fork, syscall(SYS_execveat, AT_FDCWD, "/bin/touch", arguments, environ, 0)); }

static int try_fexecve(void)
{
    int descriptor = open("/bin/touch", O_RDONLY | O_CLOEXEC);

    IN_CHILD(fork, fexecve(descriptor, arguments, environ));
}

static int try_posix_spawn(void)
{
    pid_t child;
    int error = posix_spawn(&child, "/bin/touch", NULL, NULL, arguments, environ);

    return error != 0 ? error : reap(child);
}

static int try_posix_spawnp(void)
{
    pid_t child;
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    int error = posix_spawnp(&child, "touch", &actions, NULL, arguments, environ);

    posix_spawn_file_actions_destroy(&actions);
    return error != 0 ? error : reap(child);
}

/* A status of 127 is how system reports a shell that could not be executed. */
static int from_status(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? EACCES : WEXITSTATUS(status);
}

static int try_system(void) { return from_status(system(command)); }
static int try_table(void) { return from_status(in_table[0](command)); }

static int try_popen(void)
{
    FILE *stream = popen(command, "r");

    return stream == NULL ? errno : pclose(stream);
}

static int try_wordexp(void)
{
    char words[200];
    wordexp_t expansion;

    snprintf(words, sizeof words, "$(%s)", command);
    int result = wordexp(words, &expansion, 0);

    if (result == 0)
        wordfree(&expansion);
    return result == WRDE_CMDSUB ? EACCES : result;
}

static int try_dlsym(void)
{
    int (*found)(const char *);

    *(void **)&found = dlsym(RTLD_DEFAULT, "system");
    return from_status(found(command));
}

static int try_dlsym_in_libc(void)
{
    int (*found)(const char *);
    void *libc = dlopen("libc.so.6", RTLD_LAZY);

    *(void **)&found = dlsym(libc, "system");
    return from_status(found(command));
}

static int try_dlvsym(void)
{
    int (*found)(const char *);

#if defined(__x86_64__)
    *(void **)&found = dlvsym(RTLD_DEFAULT, "system", "GLIBC_2.2.5");
#else
    *(void **)&found = dlvsym(RTLD_DEFAULT, "system", "GLIBC_2.17");
#endif
    return from_status(found(command));
}

static int try_later_object(void)
{
    char path[160];
    int (*run)(const char *);

    snprintf(path, sizeof path, "%s/later.so", folder);
    void *object = dlopen(path, RTLD_NOW);

    if (object == NULL)
        return -1;
    *(void **)&run = dlsym(object, "run");
    return from_status(run(command));
}

static void *thread(void *result)
{
    *(int *)result = try_posix_spawn();
    return NULL;
}

static int try_thread(void)
{
    pthread_t id;
    int result = -1;

    return pthread_create(&id, NULL, thread, &result) == 0 && pthread_join(id, NULL) == 0 ? result : -1;
}

static const struct {
    const char *name;
    attempt *attempt;
} attempts[] = {
    {"execve", try_execve},           {"vfork", try_vfork},
    {"execv", try_execv},             {"execvp", try_execvp},
    {"execvpe", try_execvpe},         {"execl", try_execl},
    {"execlp", try_execlp},           {"execle", try_execle},
    {"syscall", try_syscall},         {"execveat", try_execveat},
    {"fexecve", try_fexecve},         {"posix_spawn", try_posix_spawn},
    {"posix_spawnp", try_posix_spawnp}, {"system", try_system},
    {"table", try_table},             {"popen", try_popen},
    {"wordexp", try_wordexp},         {"dlsym", try_dlsym},
    {"dlsym in libc", try_dlsym_in_libc}, {"dlvsym", try_dlvsym},
    {"later object", try_later_object}, {"thread", try_thread},
};
enum { ATTEMPTS = sizeof attempts / sizeof *attempts };

static unsigned audits(int reader)
{
    static char text[1 << 16];
    ssize_t size = read(reader, text, sizeof text - 1);
    unsigned count = 0;

    text[size < 0 ? 0 : size] = '\0';
    for (const char *at = text; (at = strstr(at, "\"type\":\"processes\"")) != NULL; at++)
        count++;
    return count;
}

static void open_pipe(int pipes[2])
{
    CHECK(pipe(pipes) == 0 && fcntl(pipes[0], F_SETFL, O_NONBLOCK) == 0, "pipe");
}

/* Starts the library in this process, with the pipe as its stderr. Its symbols are looked up, since hooks change only
 * other objects. */
static void start(const char *library, const char *effect, const int pipes[2])
{
    char document[256], string[512], message[256];
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int (*start_flat)(const char *, const char *, const char *, const char *, char *, size_t);
    char *output = string;

    snprintf(document, sizeof document,
             "{\"v\":1,\"id\":{\"provider\":\"aws\"},\"console\":null,\"runtime\":{\"name\":\"r\",\"processes\":"
             "{\"effect\":\"%s\",\"block_all\":true}}}", effect);
    size_t length = strlen(document);

    for (size_t at = 0; at < length; at += 3) {
        unsigned bits = 0;

        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (at + i < length ? (unsigned char)document[at + i] : 0);
        for (size_t i = 0; i < 4; i++)
            *output++ = at + i > length ? '=' : letters[bits >> (18 - 6 * i) & 63];
    }
    *output = '\0';
    int saved = dup(STDERR_FILENO);

    dup2(pipes[1], STDERR_FILENO);
    void *core = dlopen(library, RTLD_NOW);

    if (core == NULL)
        puts(dlerror());
    CHECK(core != NULL, "the library can't be loaded");
    *(void **)&start_flat = dlsym(core, "tw_start_flat");
    CHECK(start_flat(string, folder, "c", NULL, message, sizeof message) == TW_OK, "%s", message);
    CHECK(start_flat(string, folder, "c", NULL, message, sizeof message) == TW_E_ALREADY, "a second start: %s",
          message);
    dup2(saved, STDERR_FILENO);
    audits(pipes[0]); /* the first line */
}

static void *wait_for_shell(void *unused)
{
    (void)unused;
    system("while :; do :; done");
    return NULL;
}

/* system is a cancellation point: the shell is killed then, and signals do what they did before. */
static void cancel_system(void)
{
    pthread_t thread;
    void *result = NULL;
    struct sigaction interrupt;
    int left = 500;

    CHECK(pthread_create(&thread, NULL, wait_for_shell, NULL) == 0, "a thread");
    do
        usleep(10000);
    while (sigaction(SIGINT, NULL, &interrupt) == 0 && interrupt.sa_handler != SIG_IGN && --left > 0);
    CHECK(left > 0, "the shell did not start");
    usleep(50000);
    CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED,
          "it was not cancelled");
    CHECK(sigaction(SIGINT, NULL, &interrupt) == 0 && interrupt.sa_handler == SIG_DFL, "SIGINT stays ignored");
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "the shell is left");
}

static int run(const char *library, const char *effect)
{
    bool alert = strcmp(effect, "alert") == 0;
    int pipes[2];

    open_pipe(pipes);
    start(library, effect, pipes);
    for (size_t i = 0; i < ATTEMPTS; i++) {
        /* Each its own marker: two attempts must not be taken for a repeat of one. */
        snprintf(marker, sizeof marker, "%s/%zu", folder, i);
        snprintf(command, sizeof command, ": >%s", marker); /* the shell itself: no second program */
        errno = ENOTTY;
        int result = attempts[i].attempt();
        unsigned count = audits(pipes[0]);

        CHECK(result == (alert ? 0 : EACCES), "%s with %s gave %d", attempts[i].name, effect, result);
        CHECK((access(marker, F_OK) == 0) == alert, "%s with %s: the program %s", attempts[i].name, effect,
              alert ? "did not run" : "ran");
        CHECK(count == 1, "%s with %s: %u audits", attempts[i].name, effect, count);
        unlink(marker);
    }
    if (alert)
        cancel_system();
    audits(pipes[0]);
    CHECK(execl("/no/such/program", "x", (char *)NULL) == -1 && errno == ENOENT && audits(pipes[0]) == 0,
          "a file that is not there");
    return test_end(effect);
}

/* The environment ends, whoever made the call, and the audit is out. */
static void block(const char *library, size_t number)
{
    int pipes[2], status = 0;

    open_pipe(pipes);
    snprintf(marker, sizeof marker, "%s/block-%zu", folder, number);
    snprintf(command, sizeof command, ": >%s", marker); /* the shell itself: no second program */
    pid_t child = fork();

    if (child == 0) {
        start(library, "block", pipes);
        if (test_failed == 0)
            attempts[number].attempt();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child &&
          (WIFEXITED(status) ? WEXITSTATUS(status) == 86 : WTERMSIG(status) == SIGKILL),
          "%s with block: the environment ended with %x", attempts[number].name, (unsigned)status);
    unsigned count = audits(pipes[0]);

    CHECK(count == 1, "%s with block: %u audits", attempts[number].name, count);
    close(pipes[0]);
    close(pipes[1]);
    CHECK(access(marker, F_OK) != 0, "%s with block: the program ran", attempts[number].name);
}

int main(int count, char **values)
{
    char path[200], build[600];
    int failed = 0;

    if (count == 4) {
        snprintf(folder, sizeof folder, "%s", values[3]);
        return run(values[1], values[2]);
    }
    if (count != 2 || mkdtemp(folder) == NULL) {
        fputs("usage: hooks LIBRARY\n", stderr);
        return 2;
    }
    snprintf(path, sizeof path, "%s/later.c", folder);
    FILE *source = fopen(path, "w");

    if (source == NULL || fputs("#include <stdlib.h>\nint run(const char *c) { return system(c); }\n", source) < 0 ||
        fclose(source) != 0)
        return 2;
    snprintf(build, sizeof build, "${CC:-cc} -shared -fPIC -o %s/later.so %s", folder, path);
    if (system(build) != 0)
        return 2;
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();

        if (child == 0) {
            execl("/proc/self/exe", values[0], values[1], i == 0 ? "prevent" : "alert", folder, (char *)NULL);
            _exit(2);
        }
        failed |= reap(child);
    }
    for (size_t i = 0; i < ATTEMPTS; i++)
        block(values[1], i);
    snprintf(build, sizeof build, "rm -r %s", folder);
    if (system(build) != 0)
        return 2;
    return test_end("block") | failed;
}
