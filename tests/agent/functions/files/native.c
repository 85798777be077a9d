/* What the function's ways need in machine code: a library that tells a secret, a program that reads a file without
 * any shared library, and races in which one thread swaps what another one names. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(TOKEN)
/* The test puts its own in here. */
static const volatile char token[] = "token-0000000000";
const char *attack_token(void) { return (const char *)token; }
#elif defined(NEEDING)
const char *attack_token(void);
const char *attack_needed(void) { return attack_token(); }
#elif defined(PROGRAM)
int main(int count, char **arguments)
{
    char data[100];
    int file = count > 1 ? open(arguments[1], O_RDONLY) : -1;
    ssize_t length = read(file, data, sizeof data);

    return length < 0 || write(1, data, (size_t)length) != length;
}
#else
enum swapped { LINK, LINKED_FOLDER, FOLDER, WORKING_FOLDER, MEMORY, DESCRIPTOR };
enum call { OPEN_READ, OPEN_WRITE, MKDIR, SYMLINK, LINK_OUT, TRUNCATE, CHMOD, RENAME_INTO };
enum answer { SECRET, PLAIN, REFUSED, OTHER };

/* So often at least something was swapped between two attempts; new files have so many different names. */
enum { SWAPS = 60, NAMES = 16, TOKEN_SIZE = 16 };

struct race {
    enum swapped swapped;
    const char *base;
    char *path;
    int folder, folders[2];
    int plain; /* the folder that the path means when it means no denied one */
    atomic_uint swaps;
    atomic_int over;
};

static void swap(struct race *race, unsigned round)
{
    char here[300], there[300];

    switch (race->swapped) {
    case LINK:
    case LINKED_FOLDER:
    case FOLDER:
        snprintf(here, sizeof here, "%s/open/swap", race->base);
        snprintf(there, sizeof there, "%s/open/swap_other", race->base);
        syscall(SYS_renameat2, AT_FDCWD, here, AT_FDCWD, there, 2);
        return;
    case WORKING_FOLDER:
        snprintf(here, sizeof here, "%s/%s", race->base, round % 2 ? "area/denied" : "open/folder");
        (void)!chdir(here);
        return;
    case MEMORY:
        ((volatile char *)race->path)[strlen(race->base) + strlen("/open/swap")] = round % 2 ? 'A' : 'B';
        return;
    case DESCRIPTOR:
        dup2(race->folders[round % 2], race->folder);
    }
}

static void *swapping(void *argument)
{
    struct race *race = argument;

    for (unsigned round = 0; !atomic_load(&race->over); round++) {
        swap(race, round);
        atomic_fetch_add(&race->swaps, 1);
    }
    return NULL;
}

/* The secret begins as tokens do; the file that may be read, otherwise. */
static enum answer held(int file)
{
    char data[100];
    ssize_t length = read(file, data, sizeof data);

    close(file);
    return length >= 6 && memcmp(data, "token-", 6) == 0 ? SECRET : PLAIN;
}

static enum answer attempt(struct race *race, enum call call, const char *mine, const char *named)
{
    struct stat status;
    int result = -1;

    switch (call) {
    case OPEN_READ:
        result = openat(race->folder, race->path, O_RDONLY);
        if (result >= 0)
            return held(result);
        break;
    case OPEN_WRITE:
        result = openat(race->folder, named, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (result >= 0)
            close(result);
        break;
    case MKDIR:
        result = mkdirat(race->folder, named, 0700);
        break;
    case SYMLINK:
        result = symlinkat("x", race->folder, named);
        break;
    case LINK_OUT:
        result = linkat(race->folder, race->path, AT_FDCWD, mine, 0);
        if (result == 0 && fstatat(AT_FDCWD, mine, &status, 0) == 0 && status.st_size == TOKEN_SIZE)
            return SECRET;
        break;
    case TRUNCATE:
        result = truncate(race->path, 3);
        break;
    case CHMOD:
        result = fchmodat(race->folder, race->path, 0777, 0);
        break;
    case RENAME_INTO:
        close(open(mine, O_WRONLY | O_CREAT, 0600));
        result = renameat(AT_FDCWD, mine, race->folder, named);
    }
    return result >= 0 ? PLAIN : errno == EACCES ? REFUSED : OTHER;
}

/* What an attempt has made where it may is gone before the next. */
static enum answer attempt_and_clean(struct race *race, enum call call, unsigned number)
{
    char mine[300], named[300];
    const char *last = strrchr(race->path, '/');

    snprintf(mine, sizeof mine, "%s/open/mine", race->base);
    snprintf(named, sizeof named, "%s%u", race->path, number % NAMES);
    errno = 0;
    enum answer answer = attempt(race, call, mine, named);

    if (call == LINK_OUT || call == RENAME_INTO)
        unlink(mine);
    if (call != OPEN_READ) {
        last = last == NULL ? named : named + (last + 1 - race->path);
        unlinkat(race->plain, last, call == MKDIR ? AT_REMOVEDIR : 0);
    }
    return answer;
}

static void open_folders(struct race *race)
{
    char path[300];

    snprintf(path, sizeof path, "%s/open", race->base);
    race->folders[0] = open(path, O_PATH);
    snprintf(path, sizeof path, "%s/area", race->base);
    race->folders[1] = open(path, O_PATH);
    race->folder = dup(race->folders[0]);
}

/* `path` is written to in MEMORY. Counts each answer. */
int attack_race(int swapped, int call, const char *base, const char *plain, char *path, unsigned rounds,
                unsigned *answers)
{
    struct race race = {.swapped = swapped, .base = base, .path = path, .folder = AT_FDCWD};
    pthread_t thread;

    race.plain = open(plain, O_PATH);
    if (race.swapped == DESCRIPTOR)
        open_folders(&race);
    if (pthread_create(&thread, NULL, swapping, &race) != 0)
        return -1;
    for (unsigned round = 0, swapped_before = 0, times = 0; round < rounds || times < SWAPS; round++) {
        unsigned swaps = atomic_load(&race.swaps);

        times += swaps != swapped_before;
        swapped_before = swaps;
        answers[attempt_and_clean(&race, call, round)]++;
    }
    atomic_store(&race.over, 1);
    return pthread_join(thread, NULL);
}
#endif
