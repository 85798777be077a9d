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
    case DT_STRSZ:
        object->strings_size = entry->d_un.d_val;
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

/* How many bytes there are from `pointer` on to the end of its segment; 0 when it lies in none. */
static size_t room(const struct tw_object *object, const void *pointer)
{
    const ElfW(Phdr) *segment = segment_of(object, (uintptr_t)pointer, PT_LOAD, PF_R);

    return segment == NULL ? 0 : segment->p_memsz - ((uintptr_t)pointer - object->base - segment->p_vaddr);
}

static size_t smaller(size_t one, size_t other)
{
    return one < other ? one : other;
}

static void read_dynamic(struct tw_object *object, uintptr_t *soname)
{
    const ElfW(Dyn) *entry = NULL;
    bool is_rela = true;
    size_t count = 0;

    for (size_t i = 0; i < object->header_count; i++)
        if (object->headers[i].p_type == PT_DYNAMIC)
            entry = (const ElfW(Dyn) *)(object->base + object->headers[i].p_vaddr);
    if ((uintptr_t)entry % sizeof(ElfW(Addr)) == 0)
        count = room(object, entry) / sizeof *entry;
    for (; count > 0 && entry->d_tag != DT_NULL; entry++, count--) {
        if (entry->d_tag == DT_SONAME)
            *soname = entry->d_un.d_val;
        else if (entry->d_tag == DT_PLTREL)
            is_rela = entry->d_un.d_val == DT_RELA;
        else
            read_entry(object, entry);
    }
    for (size_t i = 0; i < 2; i++) {
        size_t most = (uintptr_t)object->tables[i] % sizeof(ElfW(Addr)) != 0 || (i == 1 && !is_rela)
                          ? 0
                          : room(object, object->tables[i]) / sizeof(ElfW(Rela));

        object->counts[i] = smaller(object->counts[i], most);
    }
}

bool tw_object_read(uintptr_t base, const ElfW(Phdr) *headers, size_t count, struct tw_object *object)
{
    uintptr_t soname = 0;

    *object = (struct tw_object){.base = base, .headers = headers, .header_count = count};
    read_dynamic(object, &soname);
    object->strings_size = smaller(object->strings_size, room(object, object->strings));
    /* With an end in sight, every name ends. */
    while (object->strings_size > 0 && object->strings[object->strings_size - 1] != '\0')
        object->strings_size--;
    object->symbols_size =
        (uintptr_t)object->symbols % sizeof(ElfW(Addr)) != 0 ? 0 : room(object, object->symbols) / sizeof(ElfW(Sym));
    object->hashes_size =
        (uintptr_t)object->hashes % sizeof(uint32_t) != 0 ? 0 : room(object, object->hashes) / sizeof(uint32_t);
    if (object->symbols_size == 0 || object->strings_size == 0)
        return false;
    object->soname = soname == 0 || soname >= object->strings_size ? NULL : object->strings + soname;
    return true;
}

const char *tw_object_name(const struct tw_object *object, const ElfW(Sym) *symbol)
{
    return symbol->st_name < object->strings_size ? object->strings + symbol->st_name : NULL;
}

/* The hash of DT_GNU_HASH. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;

    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* DT_GNU_HASH: number of buckets, first symbol, words of the Bloom filter, its shift; then filter, buckets, chains. */
struct table {
    uint32_t bucket_count, first;
    const uint32_t *buckets, *chains;
    size_t chain_count; /* at most */
};

static bool read_table(const struct tw_object *object, struct table *table)
{
    size_t size = object->hashes_size, words = sizeof(ElfW(Addr)) / sizeof(uint32_t);

    if (size < 4 || object->hashes[0] == 0 || object->hashes[2] > size / words)
        return false;
    size_t before = 4 + object->hashes[2] * words;

    if (before > size || object->hashes[0] > size - before)
        return false;
    *table = (struct table){object->hashes[0], object->hashes[1], object->hashes + before,
                            object->hashes + before + object->hashes[0], size - before - object->hashes[0]};
    return true;
}

size_t tw_object_exports(const struct tw_object *object, const char *name, ElfW(Sym) **found, size_t size)
{
    struct table table;
    uint32_t hash = hash_of(name);
    size_t count = 0;

    if (!read_table(object, &table))
        return 0;
    for (size_t i = table.buckets[hash % table.bucket_count];
         i >= table.first && i - table.first < table.chain_count && i < object->symbols_size && count < size; i++) {
        ElfW(Sym) *symbol = &object->symbols[i];
        uint32_t link = table.chains[i - table.first];
        const char *own = tw_object_name(object, symbol);

        if ((link | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
            own != NULL && strcmp(own, name) == 0)
            found[count++] = symbol;
        if ((link & 1) != 0)
            break;
    }
    return count;
}

size_t tw_object_symbols(const struct tw_object *object)
{
    struct table table;
    size_t last = 0;

    if (!read_table(object, &table))
        return 0;
    for (uint32_t i = 0; i < table.bucket_count; i++)
        last = table.buckets[i] > last ? table.buckets[i] : last;
    /* A table of nothing does not say how many symbols there are. */
    if (last < table.first || last == 0)
        return 0;
    while (last - table.first < table.chain_count && (table.chains[last - table.first] & 1) == 0)
        last++;
    return smaller(last + 1, object->symbols_size);
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
