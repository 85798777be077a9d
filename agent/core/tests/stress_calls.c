/* The calls that the stress program makes, in a shared library of their own: pointers to libc's functions that the core
 * finds and changes, as in any application. (The program itself is linked with a sanitizer's own functions.) */
#define _GNU_SOURCE
#include "stress.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH = 320, ALLOWED_EXIT = 7 };

static void name(char path[PATH], const struct stress_place *place, const char *last)
{
    /* By hand: handlers do this. */
    size_t length = strlen(place->folder);

    memcpy(path, place->folder, length);
    path[length] = '/';
    strcpy(path + length + 1, last);
}

static bool refused(int result, int error)
{
    return result == -1 && errno == error;
}

static bool open_allowed(const struct stress_place *place)
{
    char path[PATH], byte = 0;

    name(path, place, "file");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool is_right = descriptor >= 0 && read(descriptor, &byte, 1) == 1 && byte == 'x';

    return descriptor >= 0 && close(descriptor) == 0 && is_right;
}

static bool open_denied(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "secret/file");
    return refused(open(path, O_RDONLY), EACCES);
}

static bool open_denied_by_link(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "link");
    return refused(open(path, O_RDWR), EACCES);
}

static bool open_missing(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "missing");
    return refused(open(path, O_RDONLY), ENOENT);
}

static bool open_by_number(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "secret/file");
    return refused((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY), EACCES);
}

static bool stream_allowed(const struct stress_place *place)
{
    char path[PATH], line[8] = "";

    name(path, place, "file");
    FILE *stream = fopen(path, "r");
    bool is_right = stream != NULL && fgets(line, sizeof line, stream) != NULL && line[0] == 'x';

    return stream != NULL && fclose(stream) == 0 && is_right;
}

static bool folder_allowed(const struct stress_place *place)
{
    unsigned count = 0;
    DIR *folder = opendir(place->folder);

    while (folder != NULL && readdir(folder) != NULL)
        count++;
    return folder != NULL && closedir(folder) == 0 && count > 3;
}

static bool folder_denied(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "secret");
    return opendir(path) == NULL && errno == EACCES;
}

static bool file_made_and_renamed(const struct stress_place *place)
{
    char path[PATH], other[PATH];

    name(path, place, "new-XXXXXX");
    int descriptor = mkostemp(path, O_CLOEXEC);

    snprintf(other, sizeof other, "%s.renamed", path);
    return descriptor >= 0 && write(descriptor, "y", 1) == 1 && close(descriptor) == 0 && rename(path, other) == 0 &&
           unlink(other) == 0;
}

static bool unlink_denied(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "secret/file");
    return refused(unlink(path), EACCES);
}

static int try_connect(const char *address, uint16_t port, int kind)
{
    static const struct linger at_once = {1, 0}; /* leaves no port waiting */
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int descriptor = socket(AF_INET, kind | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, address, &to.sin_addr);
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    int result = connect(descriptor, (struct sockaddr *)&to, sizeof to), error = errno;

    close(descriptor);
    errno = error;
    return result;
}

static bool connect_allowed(const struct stress_place *place)
{
    return try_connect("127.0.0.1", place->port, SOCK_STREAM) == 0;
}

static bool connect_denied(const struct stress_place *place)
{
    (void)place;
    return refused(try_connect("198.51.100.9", 80, SOCK_STREAM), EPERM);
}

static bool send_denied(const struct stress_place *place)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(place->port)};
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, "198.51.100.9", &to.sin_addr);
    ssize_t sent = sendto(descriptor, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
    bool is_right = refused((int)sent, EPERM);

    close(descriptor);
    return is_right;
}

static bool name_allowed(const struct stress_place *place)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int result = getaddrinfo("localhost", "80", &hints, &found);

    (void)place;
    if (result == 0)
        freeaddrinfo(found);
    return result == 0;
}

static bool name_denied(const struct stress_place *place)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;

    (void)place;
    return getaddrinfo("denied.example.test", "80", &hints, &found) == EAI_FAIL;
}

static int reap(pid_t child)
{
    int status = -1;

    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool spawn_allowed(const struct stress_place *place)
{
    char path[PATH];
    pid_t child = -1;

    name(path, place, "allowed");
    return posix_spawn(&child, path, NULL, NULL, (char *[]){path, NULL}, environ) == 0 && reap(child) == ALLOWED_EXIT;
}

static bool spawn_denied(const struct stress_place *place)
{
    char path[PATH];
    pid_t child = -1;

    name(path, place, "denied");
    return posix_spawn(&child, path, NULL, NULL, (char *[]){path, NULL}, environ) == EACCES;
}

static bool fork_and_exec_allowed(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "allowed");
    pid_t child = fork();

    if (child == 0) {
        execve(path, (char *[]){path, NULL}, environ);
        _exit(99);
    }
    return reap(child) == ALLOWED_EXIT;
}

static bool fork_and_exec_denied(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "denied");
    pid_t child = fork();

    if (child == 0) {
        execv(path, (char *[]){path, NULL});
        _exit(errno);
    }
    return reap(child) == EACCES;
}

static bool vfork_and_exec_denied(const struct stress_place *place)
{
    char path[PATH];

    name(path, place, "denied");
    pid_t child = vfork();

    if (child == 0) {
        execve(path, (char *[]){path, NULL}, environ);
        _exit(errno);
    }
    return reap(child) == EACCES;
}

/* A child that opens and connects by itself, of a process with many threads. */
static bool fork_and_go_on(const struct stress_place *place)
{
    pid_t child = fork();

    if (child == 0)
        _exit(open_allowed(place) && open_missing(place) && connect_allowed(place) ? 0 : 1);
    return reap(child) == 0;
}

/* What is loaded while other threads run has its pointers changed before anyone can use it. */
static bool load_and_open(const struct stress_place *place)
{
    char path[PATH];
    int (*later_open)(const char *);

    name(path, place, "later.so");
    void *object = dlopen(path, RTLD_NOW);

    if (object == NULL)
        return false;
    *(void **)&later_open = dlsym(object, "later_open");
    name(path, place, "secret/file");
    bool is_right = later_open != NULL && refused(later_open(path), EACCES);

    dlclose(object);
    return is_right;
}

static bool look_up_and_open(const struct stress_place *place)
{
    char path[PATH];
    int (*found)(int, const char *, int, ...);

    *(void **)&found = dlsym(RTLD_DEFAULT, "openat");
    name(path, place, "secret/file");
    return refused(found(AT_FDCWD, path, O_RDONLY), EACCES);
}

const struct stress_call stress_calls[] = {
    {"open_allowed", STRESS_ALLOWED, true, false, true, open_allowed},
    {"open_denied", STRESS_FILESYSTEM, true, false, true, open_denied},
    {"open_denied_by_link", STRESS_FILESYSTEM, true, false, true, open_denied_by_link},
    {"open_missing", STRESS_ALLOWED, true, false, true, open_missing},
    {"open_by_number", STRESS_FILESYSTEM, true, false, true, open_by_number},
    {"stream_allowed", STRESS_ALLOWED, false, false, true, stream_allowed},
    {"folder_allowed", STRESS_ALLOWED, false, false, true, folder_allowed},
    {"folder_denied", STRESS_FILESYSTEM, false, false, true, folder_denied},
    {"file_made_and_renamed", STRESS_ALLOWED, false, false, true, file_made_and_renamed},
    {"unlink_denied", STRESS_FILESYSTEM, true, false, true, unlink_denied},
    {"connect_allowed", STRESS_ALLOWED, true, false, true, connect_allowed},
    {"connect_denied", STRESS_NETWORK, true, false, true, connect_denied},
    {"send_denied", STRESS_NETWORK, true, false, true, send_denied},
    {"name_allowed", STRESS_ALLOWED, false, false, false, name_allowed},
    {"name_denied", STRESS_NETWORK, false, false, false, name_denied},
    {"look_up_and_open", STRESS_FILESYSTEM, false, false, false, look_up_and_open},
    {"spawn_allowed", STRESS_ALLOWED, false, true, true, spawn_allowed},
    {"spawn_denied", STRESS_PROCESSES, false, true, true, spawn_denied},
    {"fork_and_exec_allowed", STRESS_ALLOWED, false, true, true, fork_and_exec_allowed},
    {"fork_and_exec_denied", STRESS_PROCESSES, false, true, true, fork_and_exec_denied},
    {"vfork_and_exec_denied", STRESS_PROCESSES, false, true, true, vfork_and_exec_denied},
    {"fork_and_go_on", STRESS_ALLOWED, false, true, true, fork_and_go_on},
    {"load_and_open", STRESS_FILESYSTEM, false, true, false, load_and_open},
};
const size_t stress_call_count = sizeof stress_calls / sizeof *stress_calls;
