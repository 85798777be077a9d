#define _GNU_SOURCE
#include "shared_memory.h"

#include "text.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_create
#if defined(__x86_64__)
#define SYS_memfd_create 319
#else
#define SYS_memfd_create 279
#endif
#endif
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#define MFD_ALLOW_SEALING 2U
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif

int tw_descriptor_keep(int descriptor)
{
    /* Below 64, since for more the kernel makes the table of descriptors anew, which takes a threaded process 10 ms. */
    int kept = fcntl(descriptor, F_DUPFD_CLOEXEC, 48);

    return kept >= 0 ? kept : fcntl(descriptor, F_DUPFD_CLOEXEC, 3); /* a limit below that */
}

static void *map(int descriptor, size_t size)
{
    int flags = MAP_SHARED | (descriptor < 0 ? MAP_ANONYMOUS : 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, descriptor, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static int open_file(size_t size, struct tw_remote *remote)
{
    int made = (int)syscall(SYS_memfd_create, "defender", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat status;

    if (made < 0)
        return -1;
    /* Nobody may cut it short: who has it mapped would die of a SIGBUS. */
    bool is_whole = ftruncate(made, (off_t)size) == 0 && fstat(made, &status) == 0 &&
                    fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
    int kept = is_whole ? tw_descriptor_keep(made) : -1;

    close(made);
    if (kept >= 0)
        *remote = (struct tw_remote){kept, status.st_dev, status.st_ino};
    return kept;
}

void *tw_shared_memory_make(size_t size, struct tw_remote *remote)
{
    if (remote == NULL)
        return map(-1, size);
    *remote = (struct tw_remote){.descriptor = -1};
    return map(open_file(size, remote), size);
}

int tw_remote_open(pid_t process, const struct tw_remote *remote, int flags)
{
    char path[64];
    struct tw_text text = {.start = path, .size = sizeof path - 1};
    struct stat status;

    if (remote->descriptor < 0)
        return -1;
    tw_text_add(&text, "/proc/");
    tw_text_number(&text, (unsigned long)process);
    tw_text_add(&text, "/fd/");
    tw_text_number(&text, (unsigned long)remote->descriptor);
    path[text.length] = '\0';
    /* By now it may be a pipe that nobody reads, at which opening would wait. */
    int descriptor = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_dev == remote->device &&
        status.st_ino == remote->inode && fcntl(descriptor, F_SETFL, flags) == 0)
        return descriptor;
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

void *tw_shared_memory_join(pid_t process, const struct tw_remote *remote, size_t size)
{
    struct stat status;
    int descriptor = tw_remote_open(process, remote, O_RDWR);
    void *memory = NULL;

    if (descriptor < 0)
        return NULL;
    if (fstat(descriptor, &status) == 0 && status.st_size == (off_t)size) /* another version's may be smaller */
        memory = map(descriptor, size);
    close(descriptor);
    return memory;
}
