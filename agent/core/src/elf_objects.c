#define _GNU_SOURCE
#include "elf_objects.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { SLOT = R_X86_64_JUMP_SLOT, GLOBAL = R_X86_64_GLOB_DAT, ABSOLUTE = R_X86_64_64 };
#elif defined(__aarch64__)
enum { SLOT = R_AARCH64_JUMP_SLOT, GLOBAL = R_AARCH64_GLOB_DAT, ABSOLUTE = R_AARCH64_ABS64 };
#else
#error "no relocation types for this machine"
#endif

/* What of an object's dynamic section is needed here. */
struct object {
    uintptr_t base;
    const ElfW(Phdr) *headers;
    size_t header_count;
    const ElfW(Sym) *symbols;
    const char *strings;
    const ElfW(Rela) *tables[2];
    size_t counts[2];
    uintptr_t runpath_offset;
    bool has_runpath;
};

struct hooking {
    const struct tw_hook *table;
    size_t count, changed;
    unsigned long long adds, subs;
};

static _Atomic unsigned long long seen_adds, seen_subs;

/* glibc relocates the addresses in most dynamic sections, but not in all. */
static const void *address(uintptr_t base, uintptr_t value)
{
    return (const void *)(value < base ? base + value : value);
}

static bool read_dynamic(const struct dl_phdr_info *info, struct object *object)
{
    const ElfW(Dyn) *dynamic = NULL;
    size_t sizes[2] = {0, 0};
    bool is_rela = true;

    *object = (struct object){.base = info->dlpi_addr, .headers = info->dlpi_phdr, .header_count = info->dlpi_phnum};
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
        const void *pointer = address(object->base, dynamic->d_un.d_ptr);

        switch (dynamic->d_tag) {
        case DT_SYMTAB:
            object->symbols = pointer;
            break;
        case DT_STRTAB:
            object->strings = pointer;
            break;
        case DT_RELA:
            object->tables[0] = pointer;
            break;
        case DT_RELASZ:
            sizes[0] = dynamic->d_un.d_val;
            break;
        case DT_JMPREL:
            object->tables[1] = pointer;
            break;
        case DT_PLTRELSZ:
            sizes[1] = dynamic->d_un.d_val;
            break;
        case DT_PLTREL:
            is_rela = dynamic->d_un.d_val == DT_RELA;
            break;
        case DT_RPATH:
            if (object->has_runpath)
                break;
            /* fall through */
        case DT_RUNPATH:
            object->has_runpath = true;
            object->runpath_offset = dynamic->d_un.d_val;
            break;
        default:
            break;
        }
    }
    for (size_t i = 0; i < 2; i++)
        object->counts[i] = object->tables[i] == NULL ? 0 : sizes[i] / sizeof(ElfW(Rela));
    if (!is_rela)
        object->counts[1] = 0;
    return object->symbols != NULL && object->strings != NULL;
}

static bool holds(const struct object *object, uintptr_t place, uint32_t type, uint32_t flags)
{
    for (size_t i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];

        if (header->p_type == type && (header->p_flags & flags) == flags &&
            place - (object->base + header->p_vaddr) < header->p_memsz)
            return true;
    }
    return false;
}

static bool is_linker(const char *name)
{
    const char *slash = strrchr(name, '/');

    return strncmp(slash == NULL ? name : slash + 1, "ld-", 3) == 0 || strncmp(name, "linux-vdso", 10) == 0;
}

static const struct tw_hook *wanted(const struct hooking *hooking, const char *name)
{
    for (size_t i = 0; i < hooking->count; i++)
        if (hooking->table[i].name[0] == name[0] && strcmp(hooking->table[i].name, name) == 0)
            return &hooking->table[i];
    return NULL;
}

/* Opens the pages that the linker made read-only after relocation, or closes them again. */
static void protect(const struct object *object, int protection)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    for (size_t i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        uintptr_t start = (object->base + header->p_vaddr) & ~(page - 1);
        uintptr_t end = (object->base + header->p_vaddr + header->p_memsz) & ~(page - 1);

        if (header->p_type == PT_GNU_RELRO && end > start)
            mprotect((void *)start, end - start, protection);
    }
}

static void hook_table(struct hooking *hooking, const struct object *object, size_t number, bool *open)
{
    for (size_t i = 0; i < object->counts[number]; i++) {
        const ElfW(Rela) *relocation = &object->tables[number][i];
        uint32_t type = (uint32_t)ELF64_R_TYPE(relocation->r_info);

        if (type != SLOT && type != GLOBAL && type != ABSOLUTE)
            continue;
        const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(relocation->r_info)];

        /* A function of the object's own that only has the same name stays what it is. */
        if (symbol->st_shndx != SHN_UNDEF || (type == ABSOLUTE && relocation->r_addend != 0))
            continue;
        const struct tw_hook *hook = wanted(hooking, object->strings + symbol->st_name);
        uintptr_t place = object->base + relocation->r_offset;

        if (hook == NULL || !holds(object, place, PT_LOAD, PF_W))
            continue;
        _Atomic(uintptr_t) *slot = (_Atomic(uintptr_t) *)place;

        uintptr_t value = atomic_load(slot);

        /* A weak reference that found nothing stays empty: the object asks about it. */
        if (value == 0 || value == (uintptr_t)hook->hook)
            continue;
        if (!*open && holds(object, place, PT_GNU_RELRO, 0)) {
            protect(object, PROT_READ | PROT_WRITE);
            *open = true;
        }
        atomic_store(slot, (uintptr_t)hook->hook);
        hooking->changed++;
    }
}

static int hook_object(struct dl_phdr_info *info, size_t size, void *data)
{
    struct hooking *hooking = data;
    struct object object;
    bool open = false;

    if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs) {
        hooking->adds = info->dlpi_adds;
        hooking->subs = info->dlpi_subs;
    }
    if (is_linker(info->dlpi_name) || !read_dynamic(info, &object) ||
        holds(&object, (uintptr_t)&hook_object, PT_LOAD, 0))
        return 0;
    for (size_t number = 0; number < 2; number++)
        hook_table(hooking, &object, number, &open);
    if (open)
        protect(&object, PROT_READ);
    return 0;
}

size_t tw_hook_objects(const struct tw_hook *table, size_t count)
{
    struct hooking hooking = {.table = table, .count = count};

    /* The linker holds its lock meanwhile: two threads never change one object's pages at a time. */
    dl_iterate_phdr(hook_object, &hooking);
    atomic_store(&seen_adds, hooking.adds);
    atomic_store(&seen_subs, hooking.subs);
    return hooking.changed;
}

static int note_changes(struct dl_phdr_info *info, size_t size, void *data)
{
    bool *changed = data;

    (void)size;
    *changed = info->dlpi_adds != atomic_load(&seen_adds) || info->dlpi_subs != atomic_load(&seen_subs);
    return 1;
}

bool tw_objects_changed(void)
{
    bool changed = false;

    dl_iterate_phdr(note_changes, &changed);
    return changed;
}

struct search {
    uintptr_t address;
    const char *name;
    char *output;
    size_t size;
    bool found;
};

/* One folder of a run path with $ORIGIN filled in, and the file's name. Returns false when it does not fit. */
static bool expand(const char *folder, size_t length, const char *object, struct search *search)
{
    static const char *const origins[] = {"$ORIGIN", "${ORIGIN}"};
    const char *slash = strrchr(object, '/');
    size_t used = 0, file = strlen(search->name);

    for (size_t i = 0; i < length;) {
        size_t skip = 0;

        for (size_t j = 0; j < 2; j++)
            if (strncmp(folder + i, origins[j], strlen(origins[j])) == 0)
                skip = strlen(origins[j]);
        size_t count = skip == 0 ? 1 : slash == NULL ? 0 : (size_t)(slash - object);

        if (used + count + file + 2 > search->size)
            return false;
        memcpy(search->output + used, skip == 0 ? folder + i : object, count);
        used += count;
        i += skip == 0 ? 1 : skip;
    }
    search->output[used] = '/';
    memcpy(search->output + used + 1, search->name, file + 1);
    return used > 0;
}

static int search_object(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    struct object object;
    char self[4096];
    const char *name = info->dlpi_name;

    (void)size;
    if (!read_dynamic(info, &object) || !holds(&object, search->address, PT_LOAD, 0))
        return 0;
    if (name[0] == '\0') {
        ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

        self[length < 0 ? 0 : length] = '\0';
        name = self;
    }
    const char *path = object.has_runpath ? object.strings + object.runpath_offset : "";

    while (*path != '\0' && !search->found) {
        size_t length = strcspn(path, ":");

        search->found = length > 0 && expand(path, length, name, search) && access(search->output, R_OK) == 0;
        path += length + (path[length] == ':');
    }
    return 1;
}

bool tw_runpath_find(const void *caller, const char *name, char *output, size_t size)
{
    struct search search = {.address = (uintptr_t)caller, .name = name, .output = output, .size = size};

    dl_iterate_phdr(search_object, &search);
    return search.found;
}
