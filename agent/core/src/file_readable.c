/* What a function may read without being allowed to: what it is made of, and what every program reads. Found out once,
 * at the start. */
#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* docs/policy.md lists them. */
static const char *const usual[] = {
    "/opt", "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/share",
    "/usr/local/lib",
    "/etc/alternatives", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/gai.conf", "/etc/group",
    "/etc/host.conf",
    "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types",
    "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/etc/pki", "/etc/protocols", "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl", "/etc/system-release", "/etc/timezone",
    "/proc/self", "/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/mounts", "/proc/stat",
    "/proc/sys", "/proc/uptime", "/proc/version", "/proc/vmstat",
    "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm",
    "/dev/random", "/dev/shm", "/dev/tty", "/dev/urandom",
};

/* Folders that variables of the platform name: the task root, and the runtime's own. */
static const char *const variables[] = {"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AzureWebJobsScriptRoot"};

struct list {
    struct tw_arena *arena;
    const char **items;
    size_t count, size;
    bool failed;
};

static void add(struct list *list, const char *path)
{
    size_t length = strlen(path);

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], path) == 0)
            return;
    char *copy = list->count == list->size ? NULL : tw_arena_take(list->arena, length + 1);

    list->failed |= copy == NULL;
    if (copy == NULL)
        return;
    memcpy(copy, path, length + 1);
    list->items[list->count++] = copy;
}

/* The path that an entry leads to, if that is another one. */
static void add_real(struct list *list, const char *path)
{
    char real[PATH_MAX];
    int descriptor = open(path, O_PATH | O_CLOEXEC);

    if (descriptor < 0)
        return;
    if (tw_descriptor_path(descriptor, real) && real[0] == '/')
        add(list, real);
    close(descriptor);
}

static void add_both(struct list *list, const char *path)
{
    char lexical[PATH_MAX];

    if (path == NULL || path[0] != '/' || !tw_path_lexical("/", path, lexical, sizeof lexical) ||
        strcmp(lexical, "/") == 0)
        return;
    add(list, lexical);
    add_real(list, lexical);
}

/* The runtime's own folder: where its program lies, or the one above, if that is called "bin". */
static void add_runtime(struct list *list)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);

    if (length <= 0)
        return;
    path[length] = '\0';
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        return;
    *slash = '\0';
    slash = strrchr(path, '/');
    if (slash != NULL && strcmp(slash, "/bin") == 0)
        *slash = '\0';
    add_both(list, path);
}

/* Folders that the shim names, with colons between them. */
static void add_named(struct list *list, const char *readable)
{
    char path[PATH_MAX];

    while (readable != NULL && *readable != '\0') {
        size_t length = strcspn(readable, ":");

        if (length < sizeof path) {
            memcpy(path, readable, length);
            path[length] = '\0';
            add_both(list, path);
        }
        readable += length + (readable[length] == ':');
    }
}

static bool open_list(struct list *list, struct tw_arena *arena, size_t size)
{
    *list = (struct list){.arena = arena, .items = tw_arena_take(arena, size * sizeof *list->items), .size = size};
    return list->items != NULL;
}

/* The list with the real paths of its entries. */
static bool with_real(struct tw_list *entries, struct tw_arena *arena)
{
    struct list list;

    if (entries->count == 0)
        return true;
    if (!open_list(&list, arena, 2 * entries->count))
        return false;
    for (size_t i = 0; i < entries->count; i++) {
        add(&list, entries->items[i]);
        add_real(&list, entries->items[i]);
    }
    *entries = (struct tw_list){list.items, list.count};
    return !list.failed;
}

bool tw_files_prepare(struct tw_filesystem *section, struct tw_arena *arena, const char *folder, const char *readable)
{
    enum { MOST = 512 };
    struct list list;
    char above[PATH_MAX];
    int error = errno;

    if (section->effect == TW_EFFECT_DISABLE)
        return true;
    if (!with_real(&section->allow, arena) || !with_real(&section->deny, arena) || !open_list(&list, arena, MOST))
        return false;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        add_both(&list, usual[i]);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        add_both(&list, getenv(variables[i]));
    add_runtime(&list);
    add_named(&list, readable);
    if (folder != NULL && tw_path_lexical("/", folder, above, sizeof above)) {
        *strrchr(above, '/') = '\0'; /* the agent's folder lies in the function's */
        add_both(&list, above);
    }
    section->readable = (struct tw_list){list.items, list.count};
    errno = error;
    return !list.failed;
}
