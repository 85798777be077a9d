/* Many threads make allowed and denied calls through the real hooks; each must come out as it always does.
 *
 *     stress LIBRARY FOLDER SCENARIO MILLISECONDS HERTZ
 *
 * Starts the core with TW_POLICY, and says on stdout how many calls it made, how many of them went wrong, and how many
 * were denied by which section; stress.py compares that with the audits on stderr. It is to be run in a network
 * namespace of its own, where only 127.0.0.1 can be reached. */
#define _GNU_SOURCE
#include "defender.h"
#include "stress.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 6, WRONG_SHOWN = 5 };

static struct stress_place place;
static long milliseconds, hertz;
static pid_t process;
static atomic_bool over;
static _Atomic unsigned long done, wrong, in_handlers, denied[STRESS_KINDS];
static void (*begin)(const char *), (*end)(void);

static long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void make(const struct stress_call *call)
{
    bool is_right = call->call(&place);
    int error = errno;

    atomic_fetch_add(&done, 1);
    atomic_fetch_add(&denied[call->kind], 1);
    if (!is_right && atomic_fetch_add(&wrong, 1) < WRONG_SHOWN)
        printf("wrong: %s, %s\n", call->name, strerror(error));
}

static void *work(void *data)
{
    unsigned seed = (unsigned)(uintptr_t)data;

    while (!atomic_load(&over)) {
        const struct stress_call *call = &stress_calls[(unsigned)rand_r(&seed) % stress_call_count];

        if (!call->is_slow || rand_r(&seed) % 8 == 0)
            make(call);
    }
    return NULL;
}

static void *answer(void *data)
{
    int server = *(int *)data;

    for (;;) {
        int connection = accept4(server, NULL, NULL, SOCK_CLOEXEC);

        if (connection >= 0)
            close(connection);
    }
    return NULL;
}

/* Whatever it interrupts: no lock of the core's may be held, no errno lost. */
static void handle(int number)
{
    static _Atomic unsigned turn;
    int error = errno;
    const struct stress_call *call;

    (void)number;
    /* The sanitizer delivers late: when all is counted, or in a child. */
    if (atomic_load(&over) || getpid() != process)
        return;
    do
        call = &stress_calls[atomic_fetch_add(&turn, 1) % stress_call_count];
    while (!call->in_handlers);
    bool is_right = call->call(&place);

    atomic_fetch_add(&in_handlers, 1);
    atomic_fetch_add(&denied[call->kind], 1);
    if (!is_right)
        atomic_fetch_add(&wrong, 1);
    errno = error;
}

static void start_timers(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 1000000 / hertz}, {0, 1000000 / hertz}};

    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    setitimer(ITIMER_PROF, &often, NULL);
}

static void stop_timers(void)
{
    static const struct itimerval never;

    setitimer(ITIMER_REAL, &never, NULL);
    setitimer(ITIMER_PROF, &never, NULL);
}

/* Threads at work while this one begins and ends invocations, as a runtime does. */
static void mix(unsigned threads)
{
    pthread_t ids[THREADS];
    long until = now() + milliseconds;

    atomic_store(&over, false);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, (void *)(uintptr_t)(i + 1)) != 0)
            abort();
    for (unsigned number = 0; now() < until; number++) {
        char request[32];

        snprintf(request, sizeof request, "request-%u", number);
        begin(request);
        for (int i = 0; i < 3; i++)
            make(&stress_calls[number % 16]);
        usleep(500);
        end();
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    end();
}

static void report(void)
{
    printf("done %lu wrong %lu handlers %lu processes %lu network %lu filesystem %lu\n", done, wrong, in_handlers,
           denied[STRESS_PROCESSES], denied[STRESS_NETWORK], denied[STRESS_FILESYSTEM]);
    fflush(stdout);
}

static unsigned entries(const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);

    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

/* Nothing is left of what the threads did. */
static void mixed(void)
{
    mix(1); /* libc's own caches */
    unsigned descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");

    mix(THREADS);
    if (entries("/proc/self/fd") != descriptors || entries("/proc/self/task") != threads) {
        printf("wrong: %u descriptors were %u\n", entries("/proc/self/fd"), descriptors);
        atomic_fetch_add(&wrong, 1);
    }
}

static void signals(void)
{
    start_timers();
    mix(THREADS);
    stop_timers();
    if (in_handlers < (unsigned long)(milliseconds * hertz / 1000 / 20))
        atomic_fetch_add(&wrong, 1);
}

/* Somebody stops this process in the middle of its calls, again and again, as a platform freezes it. */
static void stopped(void)
{
    pid_t other = fork();

    if (other == 0) {
        long until = now() + milliseconds;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned turn = 0; now() < until; turn++) {
            kill(process, SIGSTOP);
            usleep(2000 + turn % 5 * 1000);
            kill(process, SIGCONT);
            usleep(1000 + turn % 7 * 3000);
        }
        _exit(0);
    }
    mix(THREADS);
    waitpid(other, NULL, 0); /* not killed: it might have stopped us at last */
}

/* A child of a threaded process goes on with its own threads, its parent with its own. */
static void forked(void)
{
    pthread_t ids[THREADS];

    atomic_store(&over, false);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&ids[i], NULL, work, (void *)(uintptr_t)(i + 1));
    for (long until = now() + milliseconds; now() < until; usleep(20000)) {
        int status = -1;
        pid_t child = fork();

        if (child == 0) {
            wrong = 0;
            for (size_t i = 0; i < 3 * stress_call_count; i++)
                if (stress_calls[i % stress_call_count].in_children)
                    make(&stress_calls[i % stress_call_count]);
            _exit(wrong == 0 ? 0 : 1);
        }
        if (waitpid(child, &status, 0) != child || status != 0)
            atomic_fetch_add(&wrong, 1);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    end();
    puts("and children");
}

/* The runtime ends, a child of its goes on: it is judged as before, and its audits come out. */
static void orphaned(void)
{
    if (fork() != 0) {
        report();
        _exit(0);
    }
    while (getppid() == process)
        usleep(1000);
    for (unsigned kind = 0; kind < STRESS_KINDS; kind++)
        denied[kind] = 0;
    for (size_t i = 0; i < stress_call_count; i++)
        if (strncmp(stress_calls[i].name, "connect_allowed", 15) != 0 &&
            strcmp(stress_calls[i].name, "fork_and_go_on") != 0)
            make(&stress_calls[i]); /* who accepted connections has ended */
}

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void invoke(unsigned count)
{
    for (unsigned number = 0; number < count; number++) {
        char request[32];

        snprintf(request, sizeof request, "request-%u", number);
        begin(request);
        make(&stress_calls[0]); /* an allowed open every time, one of the others by turns */
        if (!stress_calls[number % stress_call_count].is_slow || number % 50 == 0)
            make(&stress_calls[number % stress_call_count]);
        end();
    }
}

/* As many invocations as an environment ever sees leave it as it was. */
static void invocations(void)
{
    enum { WARM = 5000, MANY = 100000, ALLOWED_KIB = 64 };

    invoke(WARM);
    long before = resident();
    unsigned descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");

    invoke(MANY);
    long grown = resident() - before;

    if (grown > ALLOWED_KIB || entries("/proc/self/fd") != descriptors || entries("/proc/self/task") != threads) {
        printf("wrong: %ld KiB more, %u descriptors of %u\n", grown, entries("/proc/self/fd"), descriptors);
        atomic_fetch_add(&wrong, 1);
    }
    printf("%d invocations: %ld KiB more\n", MANY, grown);
}

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {{"mixed", mixed}, {"signals", signals}, {"stopped", stopped}, {"forked", forked},
                 {"orphaned", orphaned},
                 {"invocations", invocations}};

/* The namespace's own loopback, and a server on it. */
static void serve(void)
{
    static int server;
    struct ifreq request = {.ifr_name = "lo"};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    pthread_t thread;

    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(server, SIOCSIFFLAGS, &request) != 0 || bind(server, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server, 4096) != 0 || getsockname(server, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&thread, NULL, answer, &server) != 0)
        abort();
    place.port = ntohs(address.sin_port);
}

static bool start(const char *library)
{
    char message[256] = "";
    int (*start_core)(const struct tw_options *, char *, size_t);
    struct tw_options options = {.tw_policy = getenv("TW_POLICY"), .runtime = "c"};
    void *core = dlopen(library, RTLD_NOW);

    if (core == NULL) {
        puts(dlerror());
        return false;
    }
    *(void **)&start_core = dlsym(core, "tw_start");
    *(void **)&begin = dlsym(core, "tw_invocation_begin");
    *(void **)&end = dlsym(core, "tw_invocation_end");
    int result = start_core(&options, message, sizeof message);

    if (result != 0)
        puts(message);
    return result == 0;
}

int main(int count, char **values)
{
    if (count != 6)
        return 2;
    snprintf(place.folder, sizeof place.folder, "%s", values[2]);
    process = getpid();
    milliseconds = atol(values[4]);
    hertz = atol(values[5]);
    if (!start(values[1]))
        return 3;
    serve();
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (strcmp(scenarios[i].name, values[3]) == 0) {
            scenarios[i].run();
            report();
            return wrong > 0;
        }
    return 2;
}
