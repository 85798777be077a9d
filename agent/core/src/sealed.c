#define _GNU_SOURCE
#include "sealed.h"

#include "elf_objects.h"

#include <sys/mman.h>

struct change {
    int protection;
    bool done;
};

/* Of the object whose segments hold this very function. */
static int change_own(struct dl_phdr_info *info, size_t size, void *data)
{
    struct tw_object object = {.base = info->dlpi_addr, .headers = info->dlpi_phdr, .header_count = info->dlpi_phnum};
    struct change *change = data;

    (void)size;
    if (!tw_object_holds(&object, (uintptr_t)&change_own, PT_LOAD, 0))
        return 0;
    change->done = tw_object_protect(&object, change->protection);
    return 1;
}

bool tw_sealed_open(bool open)
{
    struct change change = {.protection = open ? PROT_READ | PROT_WRITE : PROT_READ};

    dl_iterate_phdr(change_own, &change);
    return change.done;
}
