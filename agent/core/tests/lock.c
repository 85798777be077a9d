/* Ways around the hooks and into the agent, by raw calls, which the kernel lock alone can stop, and by libc's
 * functions.
 *
 *     lock LIBRARY ATTEMPT        starts the core with TW_POLICY (not at all without), tries one, prints its error
 *
 * Prints 0 only if the attempt had its effect: an answer alone proves nothing. Calls that may not come back run in a
 * child. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *core;
static void *library_text;

/* The instruction itself: nothing in this process sees it. Returns the error, 0 or less when there is none. */
static long raw(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#endif
}

#define RAW(number, a, b, c, d, e) raw(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

/* libc's function or the instruction, so that each attempt is there for both. */
static bool by_instruction;

static long call(long number, long a, long b, long c, long d, long e)
{
    if (by_instruction)
        return raw(number, a, b, c, d, e, 0);
    long result = syscall(number, a, b, c, d, e, 0);

    return result == -1 ? -errno : result;
}

#define CALL(number, a, b, c, d, e) call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static int error_of(long result)
{
    return result < 0 ? (int)-result : 0;
}

static int reap(pid_t child)
{
    int status = -1;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

#define IN_CHILD(value)                \
    do {                               \
        pid_t child = fork();          \
                                       \
        if (child == 0)                \
            _exit(value);              \
        return reap(child);            \
    } while (0)

/* Ends with 0 when the program runs. */
static char *const arguments[] = {"true", NULL};
static int start(void) { IN_CHILD(error_of(RAW(SYS_execve, "/bin/true", arguments, environ, 0, 0))); }
static int start_at(void) { IN_CHILD(error_of(RAW(SYS_execveat, AT_FDCWD, "/bin/true", arguments, environ, 0))); }
static int start_in_grandchild(void) { IN_CHILD(start()); }

/* A filter of the application's own. Returns whether it works. */
static bool put_filter(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = 4, .filter = program};

    if (raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) != 0 ||
        raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&filter, 0, 0, 0) != 0)
        return false;
    return raw(SYS_getppid, 0, 0, 0, 0, 0, 0) == -EDOM;
}

/* A thread that was there before the core started, and one that starts later. */
static pthread_mutex_t started = PTHREAD_MUTEX_INITIALIZER;
static pthread_t earlier;
static bool filters_first;
static sem_t is_ready;

static void *start_in_turn(void *ignored)
{
    (void)ignored;
    if (filters_first && !put_filter())
        return (void *)(intptr_t)211;
    sem_post(&is_ready);
    pthread_mutex_lock(&started);
    pthread_mutex_unlock(&started);
    return (void *)(intptr_t)start();
}

static int result_of(pthread_t thread)
{
    void *result;

    return pthread_join(thread, &result) == 0 ? (int)(intptr_t)result : 201;
}

static int start_in_earlier_thread(void)
{
    pthread_mutex_unlock(&started);
    return result_of(earlier);
}

static int start_in_new_thread(void)
{
    pthread_t thread;

    pthread_mutex_unlock(&started);
    return pthread_create(&thread, NULL, start_in_turn, NULL) == 0 ? result_of(thread) : 202;
}

static int ring(void)
{
    struct io_uring_params parameters = {0};

    return error_of(CALL(SYS_io_uring_setup, 2, &parameters, 0, 0, 0));
}

/* Without a ring: the kernel's own answer is EBADF. */
static int ring_enter(void)
{
    int error = error_of(RAW(SYS_io_uring_enter, -1, 0, 0, 0, 0));

    return error == EBADF ? 0 : error;
}

static int faults(void) { return error_of(CALL(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY, 0, 0, 0, 0)); }
static int trace_me(void) { IN_CHILD(error_of(CALL(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0, 0))); }
static int trace_parent(void) { IN_CHILD(error_of(CALL(SYS_ptrace, PTRACE_SEIZE, getppid(), 0, 0, 0))); }
static int libc_ptrace(void) { IN_CHILD(ptrace(PTRACE_SEIZE, getppid(), 0, 0) == 0 ? 0 : errno); }

static volatile int changed;
static int value = 1;
static const struct iovec local = {&value, sizeof value}, remote = {(void *)(uintptr_t)&changed, sizeof changed};

/* Of the parent by its child. */
static int write_memory(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(error_of(CALL(SYS_process_vm_writev, getppid(), &local, 1, &remote, 1)));
    int error = reap(child);

    return error != 0 ? error : changed ? 0 : 203;
}

static int libc_process_vm_writev(void)
{
    return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == sizeof value ? 0 : errno;
}

static int read_memory(void)
{
    IN_CHILD(error_of(RAW(SYS_process_vm_readv, getppid(), &local, 1, &remote, 1)));
}

/* Through the file that is a process's memory, as Python can with nothing but open. */
static int through(int descriptor)
{
    if (descriptor < 0)
        return errno;
    if (pwrite(descriptor, &value, sizeof value, (off_t)(uintptr_t)&changed) != sizeof value)
        return errno;
    return changed ? 0 : 203;
}

static int memory_file(void) { return through(open("/proc/self/mem", O_RDWR)); }
static int memory_of_thread(void) { return through(open("/proc/thread-self/mem", O_WRONLY)); }
static int memory_of_parent(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/mem", (int)getpid());
    IN_CHILD(open(path, O_WRONLY) >= 0 ? 0 : errno);
}

/* Another mount of it (step_aside). */
static int memory_elsewhere(void) { return through(open("/mnt/self/mem", O_RDWR)); }

static int memory_by_number(void)
{
    long descriptor = CALL(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR, 0, 0);

    return descriptor < 0 ? error_of(descriptor) : through((int)descriptor);
}

static int memory_opened_again(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", open("/proc/self/mem", O_PATH));
    return through(open(path, O_WRONLY));
}

static int memory_stream(void)
{
    FILE *stream = fopen("/proc/self/mem", "r+");

    return stream == NULL ? errno : through(fileno(stream));
}

/* Reading is what crash reporters and profilers do. */
static int memory_read(void) { return open("/proc/self/mem", O_RDONLY) >= 0 ? 0 : errno; }

static int take_descriptor(void)
{
    int pipes[2], process = (int)raw(SYS_pidfd_open, getpid(), 0, 0, 0, 0, 0);

    return pipe(pipes) != 0 ? errno : error_of(CALL(SYS_pidfd_getfd, process, pipes[0], 0, 0, 0));
}

static int by_handle(void)
{
    struct {
        struct file_handle handle;
        unsigned char bytes[128];
    } file = {.handle = {.handle_bytes = 128}};
    int mount, folder = open("/tmp", O_RDONLY | O_DIRECTORY);

    if (name_to_handle_at(AT_FDCWD, "/tmp", &file.handle, &mount, 0) != 0)
        return errno;
    return error_of(CALL(SYS_open_by_handle_at, folder, &file, O_RDONLY, 0, 0));
}

static int bind_mount(void) { IN_CHILD(error_of(CALL(SYS_mount, "/etc", "/tmp", 0, MS_BIND, 0))); }
static int libc_mount(void) { IN_CHILD(mount("/etc", "/tmp", NULL, MS_BIND, NULL) == 0 ? 0 : errno); }
static int change_root(void) { IN_CHILD(error_of(CALL(SYS_chroot, "/tmp", 0, 0, 0, 0))); }
static int libc_chroot(void) { IN_CHILD(chroot("/tmp") == 0 ? 0 : errno); }
static int detached_tree(void) { return error_of(CALL(SYS_open_tree, AT_FDCWD, "/etc", 1 /* a clone */, 0, 0)); }

static int join_namespace(void)
{
    IN_CHILD(error_of(CALL(SYS_setns, open("/proc/self/ns/mnt", O_RDONLY), 0, 0, 0, 0)));
}

/* The process number, by the ways that kernels keep for older programs. */
static int by_interrupt(void)
{
#if defined(__x86_64__)
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "r8", "r9", "r10", "r11", "memory");
    return error_of((int)result);
#else
    return ENOSYS; /* no such instruction */
#endif
}

static int of_x32(void) { return error_of(raw(SYS_getpid | 0x40000000, 0, 0, 0, 0, 0, 0)); }

/* An impossible number is answered as ever. */
static int unknown_number(void) { return error_of(raw(-1, 0, 0, 0, 0, 0, 0)); }

enum { PAGE = 4096 };

/* The library's code. What is changed is written back. */
static int open_code(void)
{
    return error_of(CALL(SYS_mprotect, library_text, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, 0, 0));
}

static int libc_mprotect(void)
{
    return mprotect(library_text, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 ? 0 : errno;
}

static int across_code(void)
{
    /* From before its first page to behind its last. */
    int result = mprotect((char *)library_text - (1 << 20), 4 << 20, PROT_READ | PROT_EXEC);

    return result == 0 || errno == ENOMEM ? 0 : errno;
}

static int empty_code(void) { return madvise(library_text, PAGE, MADV_DONTNEED) == 0 ? 0 : errno; }
static int lose_code(void) { IN_CHILD(munmap(library_text, PAGE) == 0 ? 0 : errno); }

static int exchange_code(void)
{
    void *mine = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    IN_CHILD(mremap(mine, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, library_text) != MAP_FAILED ? 0 : errno);
}

static int cover_code(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

    IN_CHILD(mmap(library_text, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED ? 0 : errno);
}

static int attach_code(void)
{
    int segment = shmget(IPC_PRIVATE, PAGE, 0600);
    pid_t child = fork();

    if (child == 0)
        _exit(shmat(segment, library_text, SHM_REMAP) != MAP_FAILED ? 0 : errno);
    int error = reap(child);

    shmctl(segment, IPC_RMID, NULL);
    return error;
}

/* Any mapping that holds the rule's name: the policy and its copy. */
static int empty_policy(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long start, end;
    char line[512];
    int error = 205;

    while (maps != NULL && error == 205 && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "r--p 00000000 00:00 0") != NULL && sscanf(line, "%lx-%lx", &start, &end) == 2 &&
            memmem((void *)start, 4096, "the-rule", 8) != NULL)
            error = error_of(CALL(SYS_madvise, start, PAGE, MADV_DONTNEED, 0, 0));
    return error;
}

/* A write to each word of the library's that may be written to and that leads to the policy: whoever knows the
 * library's file knows which it is. Then a program is started, by libc. */
static int forget_policy(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long start, end, sealed[4][2], words[64][2];
    size_t seals = 0, count = 0;
    bool of_library = false;
    char line[512];

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx", &start, &end) != 2)
            continue;
        of_library = strstr(line, "libdefender") != NULL ||
                     (of_library && strstr(line, "rw-p 00000000 00:00 0") != NULL);
        if (of_library && strstr(line, " rw-p ") != NULL && count < 64)
            words[count][0] = start, words[count++][1] = end;
        if (strstr(line, "r--p 00000000 00:00 0") != NULL && seals < 4 &&
            memmem((void *)start, 4096, "the-rule", 8) != NULL)
            sealed[seals][0] = start, sealed[seals++][1] = end;
    }
    for (size_t i = 0; i < count; i++)
        for (unsigned long *word = (unsigned long *)words[i][0]; word < (unsigned long *)words[i][1]; word++)
            for (size_t seal = 0; seal < seals; seal++)
                if (*word >= sealed[seal][0] && *word < sealed[seal][1])
                    *word = 0;
    int status = seals == 0 || count == 0 ? -1 : system("exit 0");

    return WIFEXITED(status) ? WEXITSTATUS(status) : 212;
}

/* A second policy, which stops nothing, from the package's own interface. */
static int second_policy(void)
{
    int (*start_core)(const char *, const char *, const char *, const char *, char *, size_t);
    char message[200];

    *(void **)&start_core = dlsym(core, "tw_start_flat");
    int answer = start_core("eyJ2IjoxLCJydW50aW1lIjpudWxsfQ==", "/", "c", NULL, message, sizeof message);

    return answer >= 0 ? 0 : -answer + 100;
}

/* What programs do all the time goes on. */
static int own_pages(void)
{
    char *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(pages, 1, 4 * PAGE);
    if (mprotect(pages, PAGE, PROT_READ) != 0 || madvise(pages + PAGE, PAGE, MADV_DONTNEED) != 0 || pages[PAGE] != 0 ||
        mmap(pages, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != pages ||
        pages[0] != 0)
        return errno;
    pages = mremap(pages, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    return pages == MAP_FAILED || munmap(pages, 8 * PAGE) != 0 ? errno : 0;
}

/* An application that locks itself up further: its own filter is let in, and works beside ours. */
static int own_filter(void) { return put_filter() ? 0 : 206; }

/* Stopped and let go on by another process, as platforms freeze an environment. */
static int stop_and_go(void)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        for (;;)
            pause();
    kill(child, SIGSTOP);
    if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
        return 208;
    kill(child, SIGCONT);
    if (waitpid(child, &status, WCONTINUED) != child || !WIFCONTINUED(status))
        return 209;
    kill(child, SIGKILL);
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) ? 0 : 210;
}

static void do_nothing(int ignored) { (void)ignored; }

/* A signal in the midst of slow and of refused calls. */
static int signals(void)
{
    struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, 200}, {0, 200}};
    int usual = start(), wrong = 0;

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int i = 0; i < 200; i++)
        wrong += start() != usual;
    timer = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    return wrong;
}

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"start", start}, {"start_at", start_at}, {"start_in_grandchild", start_in_grandchild},
    {"start_in_earlier_thread", start_in_earlier_thread}, {"start_in_filtered_thread", start_in_earlier_thread},
    {"start_beside_filtered_thread", start}, {"start_in_new_thread", start_in_new_thread},
    {"ring", ring}, {"ring_enter", ring_enter}, {"faults", faults}, {"trace_me", trace_me},
    {"trace_parent", trace_parent},
    {"libc_ptrace", libc_ptrace}, {"write_memory", write_memory}, {"libc_process_vm_writev", libc_process_vm_writev},
    {"read_memory", read_memory}, {"take_descriptor", take_descriptor}, {"by_handle", by_handle},
    {"bind_mount", bind_mount}, {"libc_mount", libc_mount}, {"change_root", change_root}, {"libc_chroot", libc_chroot},
    {"detached_tree", detached_tree}, {"join_namespace", join_namespace}, {"by_interrupt", by_interrupt},
    {"of_x32", of_x32}, {"unknown_number", unknown_number}, {"open_code", open_code}, {"libc_mprotect", libc_mprotect},
    {"across_code", across_code}, {"empty_code", empty_code}, {"lose_code", lose_code},
    {"exchange_code", exchange_code},
    {"cover_code", cover_code}, {"attach_code", attach_code}, {"empty_policy", empty_policy}, {"own_pages", own_pages},
    {"memory_file", memory_file}, {"memory_of_thread", memory_of_thread}, {"memory_of_parent", memory_of_parent},
    {"memory_elsewhere", memory_elsewhere}, {"memory_by_number", memory_by_number},
    {"memory_opened_again", memory_opened_again}, {"memory_stream", memory_stream}, {"memory_read", memory_read},
    {"forget_policy", forget_policy}, {"second_policy", second_policy}, {"own_filter", own_filter},
    {"stop_and_go", stop_and_go}, {"signals", signals},
};

/* What is mounted here is seen by no other process. */
static void step_aside(void)
{
    if (unshare(CLONE_NEWNS) == 0)
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
            mount("proc", "/mnt", "proc", 0, NULL);
}

static int begin(const char *library)
{
    int (*start_core)(const char *, const char *, const char *, const char *, char *, size_t);
    char message[200];
    Dl_info info;

    core = dlopen(library, RTLD_NOW);
    *(void **)&start_core = core == NULL ? NULL : dlsym(core, "tw_start_flat");
    if (start_core == NULL || dladdr(*(void **)&start_core, &info) == 0)
        return 2;
    library_text = (void *)((uintptr_t)*(void **)&start_core & ~(uintptr_t)(PAGE - 1));
    if (getenv("TW_POLICY") != NULL && start_core(getenv("TW_POLICY"), "/", "c", NULL, message, sizeof message) < 0) {
        puts(message);
        return 2;
    }
    return 0;
}

int main(int count, char **values)
{
    if (count != 3)
        return 2;
    step_aside();
    pthread_mutex_lock(&started);
    filters_first = strstr(values[2], "filtered") != NULL;
    sem_init(&is_ready, 0, 0);
    if (pthread_create(&earlier, NULL, start_in_turn, NULL) != 0 || sem_wait(&is_ready) != 0 || begin(values[1]) != 0)
        return 2;
    by_instruction = strncmp(values[2], "raw:", 4) == 0;
    const char *name = values[2] + (by_instruction ? 4 : 0);

    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (strcmp(attempts[i].name, name) == 0) {
            printf("%d\n", attempts[i].attempt());
            fflush(stdout);
            _exit(0); /* the earlier thread may wait for its turn for ever */
        }
    return 2;
}
