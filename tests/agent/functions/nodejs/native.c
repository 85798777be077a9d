/* An addon that attacks: attack(name, text, text) calls one of the functions below. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef CONSTRUCTOR
/* Only for what it does when it is loaded. */
__attribute__((constructor)) static void attack(void) {
    const char *command = getenv("ATTACK_COMMAND");
    if (command != NULL && system(command) == -1) abort();
}
#else
#include <node_api.h>

extern char **environ;
enum { LENGTH = 4096 };

/* A system call by machine code of its own; the error is in the result. */
static long raw(long number, long a, long b, long c, long d) {
#if defined(__x86_64__)
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#endif
}

typedef int attack(const char *, const char *);

static int by_system(const char *command, const char *unused) { (void)unused; return system(command); }
/* A table of functions is filled by absolute relocations. */
static int (*volatile const table[])(const char *) = {system};
static int by_table(const char *command, const char *unused) { (void)unused; return table[0](command); }
static int by_look_up(const char *command, const char *unused) {
    int (*found)(const char *) = (int (*)(const char *))dlsym(RTLD_DEFAULT, "system");
    (void)unused;
    return found(command);
}
static void *in_thread(void *command) { return (void *)(long)system(command); }
static int by_thread(const char *command, const char *unused) {
    void *result = NULL;
    pthread_t thread;
    (void)unused;
    if (pthread_create(&thread, NULL, in_thread, (void *)command) != 0) return -2;
    pthread_join(thread, &result);
    return (int)(long)result;
}

enum how { LIBC, NUMBER, MACHINE_CODE };
/* What a fork's exit says: the error, or 0. */
static int started(enum how how, const char *program, const char *argument) {
    char *arguments[] = {(char *)program, (char *)argument, NULL}, *none[] = {NULL};
    int status = 0;
    pid_t child = how == LIBC ? vfork() : fork();
    if (child == 0) {
        if (how == LIBC) execve(program, arguments, none);
        if (how == NUMBER) syscall(SYS_execve, program, arguments, none);
        long result = how == MACHINE_CODE ? raw(SYS_execve, (long)program, (long)arguments, (long)none, 0) : -errno;
        _exit((int)-result);
    }
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}
static int by_execve(const char *program, const char *argument) { return started(LIBC, program, argument); }
static int by_syscall(const char *program, const char *argument) { return started(NUMBER, program, argument); }
static int by_machine_code(const char *program, const char *argument) { return started(MACHINE_CODE, program, argument); }
static int by_posix_spawn(const char *program, const char *argument) {
    char *arguments[] = {(char *)program, (char *)argument, NULL};
    pid_t child = 0;
    int result = posix_spawn(&child, program, NULL, NULL, arguments, environ);
    if (result == 0) waitpid(child, NULL, 0);
    return result;
}

static int append(int file, const char *what) {
    if (file < 0) return file == -1 ? errno : -file;
    int result = write(file, what, strlen(what)) < 0 ? errno : 0;
    close(file);
    return result;
}
static int by_open(const char *path, const char *what) { return append(open(path, O_WRONLY | O_CREAT, 0600), what); }
static int by_open_number(const char *path, const char *what) {
    return append((int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600), what);
}
static int by_open_machine_code(const char *path, const char *what) {
    return append((int)raw(SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_CREAT, 0600), what);
}

static int reach(enum how how, const char *address) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7000)};
    int opened = socket(AF_INET, SOCK_STREAM, 0), result = 0;
    inet_pton(AF_INET, address, &to.sin_addr);
    if (how == MACHINE_CODE) result = (int)-raw(SYS_connect, opened, (long)&to, sizeof to, 0);
    else if (how == NUMBER) result = syscall(SYS_connect, opened, &to, sizeof to) == 0 ? 0 : errno;
    else result = connect(opened, (struct sockaddr *)&to, sizeof to) == 0 ? 0 : errno;
    close(opened);
    return result;
}
static int by_connect(const char *address, const char *unused) { (void)unused; return reach(LIBC, address); }
static int by_connect_number(const char *address, const char *unused) { (void)unused; return reach(NUMBER, address); }
static int by_connect_machine_code(const char *address, const char *unused) { (void)unused; return reach(MACHINE_CODE, address); }

static const struct { const char *name; attack *function; } attacks[] = {
    {"system", by_system}, {"table", by_table}, {"looked_up", by_look_up}, {"thread", by_thread},
    {"execve", by_execve}, {"syscall", by_syscall}, {"raw_execve", by_machine_code}, {"posix_spawn", by_posix_spawn},
    {"open", by_open}, {"open_number", by_open_number}, {"raw_open", by_open_machine_code},
    {"connect", by_connect}, {"connect_number", by_connect_number}, {"raw_connect", by_connect_machine_code},
};

static napi_value call(napi_env env, napi_callback_info info) {
    napi_value given[3] = {NULL}, result = NULL;
    char texts[3][LENGTH] = {""};
    size_t count = 3, length = 0;
    int answer = -99;
    napi_get_cb_info(env, info, &count, given, NULL, NULL);
    for (size_t i = 0; i < count && i < 3; i++) napi_get_value_string_utf8(env, given[i], texts[i], LENGTH, &length);
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        if (strcmp(attacks[i].name, texts[0]) == 0) answer = attacks[i].function(texts[1], texts[2]);
    napi_create_int32(env, answer, &result);
    return result;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports);
napi_value napi_register_module_v1(napi_env env, napi_value exports) {
    napi_value function = NULL;
    napi_create_function(env, "attack", NAPI_AUTO_LENGTH, call, NULL, &function);
    napi_set_named_property(env, exports, "attack", function);
    return exports;
}
#endif
