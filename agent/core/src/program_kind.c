#define _GNU_SOURCE
#include "program_kind.h"

#include "sealed.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#define USUAL_LOADER "/lib64/ld-linux-x86-64.so.2"
#else
enum { MACHINE = EM_AARCH64 };
#define USUAL_LOADER "/lib/ld-linux-aarch64.so.1"
#endif

/* The kernel takes no more of them than fit into a page, or 64 KiB. */
enum { HEADERS_AT_ONCE = 16, HEADERS_MOST = 65536 / sizeof(ElfW(Phdr)) };

/* The file of this process's dynamic linker. */
TW_SEALED static struct {
    const char *path; /* as this program names it; NULL: it does not */
    dev_t device;
    ino_t inode;
} loader;

static int note(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_INTERP)
            loader.path = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return 1; /* the program is the first */
}

void tw_program_note_loader(void)
{
    struct stat status;

    dl_iterate_phdr(note, NULL);
    if (stat(loader.path == NULL ? USUAL_LOADER : loader.path, &status) != 0)
        return;
    loader.device = status.st_dev;
    loader.inode = status.st_ino;
}

static bool is_loader(const char *path)
{
    struct stat status;

    return (loader.path != NULL && strcmp(path, loader.path) == 0) || strcmp(path, USUAL_LOADER) == 0 ||
           (stat(path, &status) == 0 && status.st_dev == loader.device && status.st_ino == loader.inode);
}

static bool read_at(int descriptor, void *output, size_t size, off_t offset)
{
    ssize_t length;

    do
        length = pread(descriptor, output, size, offset);
    while (length < 0 && errno == EINTR);
    return length == (ssize_t)size;
}

/* The kernel takes the first. Returns false when there is none, or the kernel will refuse the file. */
static bool find_loader(int descriptor, const ElfW(Ehdr) *elf, char path[PATH_MAX])
{
    ElfW(Phdr) headers[HEADERS_AT_ONCE];

    if (elf->e_phentsize != sizeof *headers || elf->e_phnum > HEADERS_MOST)
        return false;
    for (size_t i = 0; i < elf->e_phnum; i++) {
        const ElfW(Phdr) *header = &headers[i % HEADERS_AT_ONCE];
        size_t count = elf->e_phnum - i < HEADERS_AT_ONCE ? elf->e_phnum - i : HEADERS_AT_ONCE;

        if (i % HEADERS_AT_ONCE == 0 &&
            !read_at(descriptor, headers, count * sizeof *headers, (off_t)(elf->e_phoff + i * sizeof *headers)))
            return false;
        if (header->p_type != PT_INTERP)
            continue;
        if (header->p_filesz < 2 || header->p_filesz > PATH_MAX ||
            !read_at(descriptor, path, header->p_filesz, (off_t)header->p_offset))
            return false;
        path[header->p_filesz - 1] = '\0';
        return true;
    }
    return false;
}

bool tw_program_is_foreign(int descriptor, const char *head, size_t length)
{
    ElfW(Ehdr) elf;
    char path[PATH_MAX];
    int error = errno;

    if (length < sizeof elf)
        return false;
    memcpy(&elf, head, sizeof elf);
    if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB || elf.e_machine != MACHINE)
        return true;
    bool foreign = find_loader(descriptor, &elf, path) && !is_loader(path);

    errno = error;
    return foreign;
}
