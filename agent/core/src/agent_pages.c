#define _GNU_SOURCE
#include "agent_pages.h"

#include "sealed.h"

#include <link.h>
#include <stdint.h>
#include <unistd.h>

enum { RANGES = 8 };

TW_SEALED static struct {
    uintptr_t start;
    size_t size;
} ranges[RANGES];

TW_SEALED static size_t count;

void tw_agent_pages_add(const void *start, size_t size)
{
    if (start == NULL || count == RANGES)
        return;
    ranges[count].start = (uintptr_t)start;
    ranges[count++].size = size;
}

/* The object whose segments hold this very function. */
static int note_own(struct dl_phdr_info *info, size_t size, void *data)
{
    uintptr_t first = UINTPTR_MAX, end = 0, here = (uintptr_t)&note_own;

    (void)size;
    (void)data;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + header->p_vaddr;

        if (header->p_type != PT_LOAD)
            continue;
        first = start < first ? start : first;
        end = start + header->p_memsz > end ? start + header->p_memsz : end;
    }
    if (here < first || here >= end)
        return 0;
    first &= ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1); /* other mappings may begin right before */
    tw_agent_pages_add((const void *)first, end - first);
    return 1;
}

void tw_agent_pages_note(void)
{
    dl_iterate_phdr(note_own, NULL);
}

bool tw_agent_pages_touched(const void *start, size_t size)
{
    uintptr_t first = (uintptr_t)start;

    for (size_t i = 0; i < count; i++)
        if (first - ranges[i].start < ranges[i].size || ranges[i].start - first < size)
            return true;
    return false;
}
