/* The tables of a loaded object: whatever they say, nothing outside of its segments is read or written. */
#define _GNU_SOURCE
#include "elf_hooks.h"
#include "elf_objects.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hook(void)
{
}

/* Header and program headers are ours, since the linker has read them before; all else is the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tw_hook table[] = {{"open", (void *)hook}, {"connect", (void *)hook}, {"a", (void *)hook}};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), front = sizeof(ElfW(Ehdr)) + 2 * sizeof(ElfW(Phdr));
    const size_t all = (front + size + page - 1) / page * page;

    if (size < sizeof(ElfW(Dyn)) || size > 1 << 16)
        return 0;
    char *image = aligned_alloc(page, all);

    memset(image, 0, all);
    memcpy(image + front, data, size);
    ElfW(Ehdr) *header = (ElfW(Ehdr) *)image;
    ElfW(Phdr) *segments = (ElfW(Phdr) *)(header + 1);

    memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_phoff = sizeof *header;
    header->e_phnum = 2;
    segments[0] = (ElfW(Phdr)){.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_memsz = front + size};
    segments[1] = (ElfW(Phdr)){.p_type = PT_DYNAMIC, .p_vaddr = front, .p_memsz = size};
    struct link_map map = {.l_addr = (ElfW(Addr))image};
    struct tw_object object;
    ElfW(Sym) *found[4];

    tw_elf_hook_namespace(&map, table, sizeof table / sizeof *table);
    if (tw_object_read((uintptr_t)image, segments, 2, &object)) {
        tw_object_symbols(&object);
        tw_object_exports(&object, "open", found, 4);
    }
    free(image);
    return 0;
}
