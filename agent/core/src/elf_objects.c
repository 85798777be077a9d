#define _GNU_SOURCE
#include "elf_objects.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc relocates the addresses in most dynamic sections, but not in all. */
static void *address(uintptr_t base, uintptr_t value)
{
    return (void *)(value < base ? base + value : value);
}

static const ElfW(Dyn) *dynamic_section(const struct tw_object *object)
{
    for (size_t i = 0; i < object->header_count; i++)
        if (object->headers[i].p_type == PT_DYNAMIC)
            return (const ElfW(Dyn) *)(object->base + object->headers[i].p_vaddr);
    return NULL;
}

static void read_entry(struct tw_object *object, const ElfW(Dyn) *entry)
{
    void *pointer = address(object->base, entry->d_un.d_ptr);

    switch (entry->d_tag) {
    case DT_SYMTAB:
        object->symbols = pointer;
        break;
    case DT_STRTAB:
        object->strings = pointer;
        break;
    case DT_GNU_HASH:
        object->hashes = pointer;
        break;
    case DT_RELA:
        object->tables[0] = pointer;
        break;
    case DT_RELASZ:
        object->counts[0] = entry->d_un.d_val / sizeof(ElfW(Rela));
        break;
    case DT_RELACOUNT:
        object->relative = entry->d_un.d_val;
        break;
    case DT_JMPREL:
        object->tables[1] = pointer;
        break;
    case DT_PLTRELSZ:
        object->counts[1] = entry->d_un.d_val / sizeof(ElfW(Rela));
        break;
    default:
        break;
    }
}

bool tw_object_read(uintptr_t base, const ElfW(Phdr) *headers, size_t count, struct tw_object *object)
{
    uintptr_t soname = 0;
    bool is_rela = true;

    *object = (struct tw_object){.base = base, .headers = headers, .header_count = count};
    for (const ElfW(Dyn) *entry = dynamic_section(object); entry != NULL && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SONAME)
            soname = entry->d_un.d_val;
        else if (entry->d_tag == DT_PLTREL)
            is_rela = entry->d_un.d_val == DT_RELA;
        else
            read_entry(object, entry);
    }
    for (size_t i = 0; i < 2; i++)
        if (object->tables[i] == NULL || (i == 1 && !is_rela))
            object->counts[i] = 0;
    if (object->symbols == NULL || object->strings == NULL)
        return false;
    object->soname = soname == 0 ? NULL : object->strings + soname;
    return true;
}

static const ElfW(Phdr) *segment_of(const struct tw_object *object, uintptr_t place, uint32_t type, uint32_t flags)
{
    for (size_t i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];

        if (header->p_type == type && (header->p_flags & flags) == flags &&
            place - (object->base + header->p_vaddr) < header->p_memsz)
            return header;
    }
    return NULL;
}

bool tw_object_holds(const struct tw_object *object, uintptr_t place, uint32_t type, uint32_t flags)
{
    return segment_of(object, place, type, flags) != NULL;
}

/* The hash of DT_GNU_HASH. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;

    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

size_t tw_object_exports(const struct tw_object *object, const char *name, ElfW(Sym) **found, size_t size)
{
    if (object->hashes == NULL || object->hashes[0] == 0)
        return 0;
    /* Header: number of buckets, first symbol, words of the Bloom filter, its shift; then filter, buckets, chains. */
    uint32_t buckets = object->hashes[0], first = object->hashes[1], hash = hash_of(name);
    const uint32_t *bucket = object->hashes + 4 + object->hashes[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = bucket + buckets;
    size_t count = 0;

    for (uint32_t i = bucket[hash % buckets]; i >= first && count < size; i++) {
        ElfW(Sym) *symbol = &object->symbols[i];

        if ((chain[i - first] | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF &&
            ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && strcmp(object->strings + symbol->st_name, name) == 0)
            found[count++] = symbol;
        if ((chain[i - first] & 1) != 0)
            break;
    }
    return count;
}

size_t tw_object_symbols(const struct tw_object *object)
{
    if (object->hashes == NULL)
        return 0;
    uint32_t buckets = object->hashes[0], first = object->hashes[1], last = 0;
    const uint32_t *bucket = object->hashes + 4 + object->hashes[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = bucket + buckets;

    for (uint32_t i = 0; i < buckets; i++)
        last = bucket[i] > last ? bucket[i] : last;
    /* A table of nothing does not say how many symbols there are. */
    if (last < first || last == 0)
        return 0;
    while ((chain[last - first] & 1) == 0)
        last++;
    return last + (size_t)1;
}

bool tw_object_open_symbols(const struct tw_object *object, const ElfW(Sym) *first, const ElfW(Sym) *last, bool open)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)first & ~(page - 1);
    uintptr_t end = ((uintptr_t)(last + 1) + page - 1) & ~(page - 1);
    const ElfW(Phdr) *segment = segment_of(object, (uintptr_t)first, PT_LOAD, PF_R);

    if (segment == NULL || segment_of(object, (uintptr_t)last, PT_LOAD, PF_R) != segment)
        return false;
    /* Old linkers put code behind the symbols, on the same page: it stays executable meanwhile. */
    int protection = PROT_READ | ((segment->p_flags & PF_X) != 0 ? PROT_EXEC : 0) |
                     ((segment->p_flags & PF_W) != 0 || open ? PROT_WRITE : 0);

    return mprotect((void *)start, end - start, protection) == 0;
}

bool tw_object_protect(const struct tw_object *object, int protection)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    for (size_t i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        uintptr_t start = (object->base + header->p_vaddr) & ~(page - 1);
        uintptr_t end = (object->base + header->p_vaddr + header->p_memsz) & ~(page - 1);

        if (header->p_type == PT_GNU_RELRO && end > start && mprotect((void *)start, end - start, protection) != 0)
            return false;
    }
    return true;
}
