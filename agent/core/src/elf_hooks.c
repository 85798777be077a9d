#define _GNU_SOURCE
#include "elf_hooks.h"

#include "elf_objects.h"

#include <elf.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
enum { SLOT = R_X86_64_JUMP_SLOT, GLOBAL = R_X86_64_GLOB_DAT, ABSOLUTE = R_X86_64_64 };
#elif defined(__aarch64__)
enum { SLOT = R_AARCH64_JUMP_SLOT, GLOBAL = R_AARCH64_GLOB_DAT, ABSOLUTE = R_AARCH64_ABS64 };
#else
#error "no relocation types for this machine"
#endif

enum { PLACES = 8192, EXPORTS = 384, IMPORTS = 192, REALS = 512, SLOTS = 2048 };

/* A word that holds a hook: a pointer of an object, or a symbol's value in the C library. */
struct place {
    const _Atomic(uintptr_t) *word;
    uintptr_t value;
};

/* The numbers of an object's symbols that are hooked; unknown: any symbol may be. */
struct imports {
    uint32_t numbers[IMPORTS];
    size_t count;
    bool unknown;
};

struct hooking {
    const struct tw_hook *table;
    size_t count;
    bool remember; /* objects of other namespaces may go unnoticed: their places are not remembered */
    bool failed, restored;
    size_t exports, known; /* how many of libc's functions were found before */
};

static struct place places[PLACES];
static uintptr_t reals[REALS]; /* functions of the C library that hooks stand for */
static size_t place_count, real_count;
static unsigned long long seen_adds, seen_subs;
static atomic_flag busy = ATOMIC_FLAG_INIT;

static void remember(const struct hooking *hooking, const void *word, uintptr_t value)
{
    if (hooking->remember && place_count < PLACES)
        places[place_count++] = (struct place){word, value};
}

/* Whether somebody put one of libc's functions back: it was known when this look began. */
static bool is_restored(const struct hooking *hooking, uintptr_t address)
{
    for (size_t i = 0; i < hooking->known; i++)
        if (reals[i] == address)
            return true;
    return false;
}

/* Before glibc 2.34 some calls stood in libraries beside libc. */
static bool is_c_library(const struct tw_object *object)
{
    static const char *const names[] = {"libc.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libresolv.so.2"};

    for (size_t i = 0; object->soname != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(object->soname, names[i]) == 0)
            return true;
    return false;
}

/* The symbols of a C library that are to become hooks. */
struct exports {
    ElfW(Sym) *symbols[EXPORTS];
    void *hooks[EXPORTS];
    size_t count;
};

static void find_exports(const struct hooking *hooking, const struct tw_object *object, struct exports *exports)
{
    exports->count = 0;
    for (size_t i = 0; i < hooking->count; i++) {
        ElfW(Sym) **found = exports->symbols + exports->count;
        size_t versions = tw_object_exports(object, hooking->table[i].name, found, EXPORTS - exports->count);

        while (versions-- > 0)
            exports->hooks[exports->count++] = hooking->table[i].hook;
    }
}

static void hook_export(struct hooking *hooking, const struct tw_object *object, ElfW(Sym) *symbol, void *hook)
{
    uintptr_t address = object->base + symbol->st_value;

    if (address == (uintptr_t)hook)
        return;
    if (is_restored(hooking, address))
        hooking->restored = true;
    else if (real_count < REALS)
        reals[real_count++] = address;
    atomic_store((_Atomic(ElfW(Addr)) *)&symbol->st_value, (uintptr_t)hook - object->base);
}

static void hook_exports(struct hooking *hooking, const struct tw_object *object)
{
    struct exports exports;
    const ElfW(Sym) *first = NULL, *last = NULL;
    bool wrong = false;

    find_exports(hooking, object, &exports);
    for (size_t i = 0; i < exports.count; i++) {
        ElfW(Sym) *symbol = exports.symbols[i];

        first = first == NULL || symbol < first ? symbol : first;
        last = last == NULL || symbol > last ? symbol : last;
        wrong |= object->base + symbol->st_value != (uintptr_t)exports.hooks[i];
    }
    if (wrong && !tw_object_open_symbols(object, first, last, true)) {
        hooking->failed = true;
        return;
    }
    for (size_t i = 0; i < exports.count; i++) {
        if (wrong)
            hook_export(hooking, object, exports.symbols[i], exports.hooks[i]);
        remember(hooking, &exports.symbols[i]->st_value, (uintptr_t)exports.hooks[i] - object->base);
    }
    if (wrong && !tw_object_open_symbols(object, first, last, false))
        hooking->failed = true;
    hooking->exports += exports.count;
}

/* Where in the table a name stands, plus one: objects have thousands of names, and the table hundreds. */
static uint16_t slots[SLOTS];

static size_t slot_of(const char *name)
{
    uint32_t hash = 5381; /* as in ELF's own tables */

    for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++)
        hash = hash * 33 + *at;
    return (hash ^ hash >> 12) % SLOTS;
}

static void fill_slots(const struct tw_hook *table, size_t count)
{
    memset(slots, 0, sizeof slots);
    for (size_t i = 0; i < count; i++) {
        size_t slot = slot_of(table[i].name);

        while (slots[slot] != 0)
            slot = (slot + 1) % SLOTS;
        slots[slot] = (uint16_t)(i + 1);
    }
}

static void *hook_named(const struct hooking *hooking, const char *name)
{
    for (size_t slot = slot_of(name); slots[slot] != 0; slot = (slot + 1) % SLOTS)
        if (strcmp(hooking->table[slots[slot] - 1].name, name) == 0)
            return hooking->table[slots[slot] - 1].hook;
    return NULL;
}

static void *hook_for(const struct hooking *hooking, const struct tw_object *object, size_t number)
{
    const ElfW(Sym) *symbol = number < object->symbols_size ? &object->symbols[number] : NULL;
    const char *name = symbol == NULL ? NULL : tw_object_name(object, symbol);

    /* A function of the object's own that only has the same name stays what it is. */
    return name != NULL && symbol->st_shndx == SHN_UNDEF ? hook_named(hooking, name) : NULL;
}

/* Which of the object's symbols are hooked. Most objects use none, and need no further look. */
static void find_imports(const struct hooking *hooking, const struct tw_object *object, struct imports *imports)
{
    /* All of them: GNU's linker puts an undefined function whose address is taken among the defined ones. */
    size_t symbols = tw_object_symbols(object);

    imports->unknown = symbols == 0;
    imports->count = 0;
    for (size_t i = 1; i < symbols && !imports->unknown; i++) {
        if (hook_for(hooking, object, i) == NULL)
            continue;
        if (imports->count == IMPORTS)
            imports->unknown = true;
        else
            imports->numbers[imports->count++] = (uint32_t)i;
    }
}

static bool may_import(const struct imports *imports, uint32_t number)
{
    for (size_t i = 0; i < imports->count && !imports->unknown; i++)
        if (imports->numbers[i] == number)
            return true;
    return imports->unknown;
}

static bool hook_pointer(struct hooking *hooking, const struct tw_object *object, const ElfW(Rela) *relocation,
                         bool *open)
{
    uintptr_t place = object->base + relocation->r_offset;
    void *hook = hook_for(hooking, object, ELF64_R_SYM(relocation->r_info));

    if (hook == NULL || place % sizeof place != 0 || !tw_object_holds(object, place, PT_LOAD, PF_W) ||
        !tw_object_holds(object, place + sizeof place - 1, PT_LOAD, PF_W))
        return true;
    _Atomic(uintptr_t) *word = (_Atomic(uintptr_t) *)place;
    uintptr_t value = atomic_load(word);

    /* A weak reference that found nothing stays empty: the object asks about it. */
    if (value == 0)
        return true;
    if (value != (uintptr_t)hook) {
        if (!*open && tw_object_holds(object, place, PT_GNU_RELRO, 0)) {
            if (!tw_object_protect(object, PROT_READ | PROT_WRITE))
                return false;
            *open = true;
        }
        hooking->restored |= is_restored(hooking, value);
        atomic_store(word, (uintptr_t)hook);
    }
    remember(hooking, word, (uintptr_t)hook);
    return true;
}

/* Whether a relocation makes a pointer to a function whose symbol may be hooked. */
static bool matters(const ElfW(Rela) *relocation, const struct imports *imports)
{
    uint32_t type = (uint32_t)ELF64_R_TYPE(relocation->r_info);

    return (type == SLOT || type == GLOBAL || (type == ABSOLUTE && relocation->r_addend == 0)) &&
           may_import(imports, (uint32_t)ELF64_R_SYM(relocation->r_info));
}

static void hook_pointers(struct hooking *hooking, const struct tw_object *object)
{
    struct imports imports;
    bool open = false;

    if (tw_object_holds(object, (uintptr_t)&hook_pointers, PT_LOAD, 0))
        return; /* ourselves */
    find_imports(hooking, object, &imports);
    if (imports.count == 0 && !imports.unknown)
        return;
    for (size_t table = 0; table < 2; table++)
        for (size_t i = table == 0 ? object->relative : 0; i < object->counts[table]; i++)
            if (matters(&object->tables[table][i], &imports) &&
                !hook_pointer(hooking, object, &object->tables[table][i], &open))
                hooking->failed = true;
    if (open && !tw_object_protect(object, PROT_READ))
        hooking->failed = true;
}

static int visit_exports(struct dl_phdr_info *info, size_t size, void *data)
{
    struct tw_object object;

    (void)size;
    seen_adds = info->dlpi_adds;
    seen_subs = info->dlpi_subs;
    if (tw_object_read(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, &object) && is_c_library(&object))
        hook_exports(data, &object);
    return 0;
}

static int visit_pointers(struct dl_phdr_info *info, size_t size, void *data)
{
    struct tw_object object;

    (void)size;
    if (tw_object_read(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, &object))
        hook_pointers(data, &object);
    return 0;
}

/* The linker holds its lock while it calls back: objects neither come nor go meanwhile. */
static void hook_all(struct hooking *hooking)
{
    place_count = 0;
    hooking->known = real_count;
    dl_iterate_phdr(visit_exports, hooking);
    if (hooking->failed || hooking->exports == 0)
        return;
    dl_iterate_phdr(visit_pointers, hooking);
}

bool tw_elf_hook(const struct tw_hook *table, size_t count)
{
    struct hooking hooking = {.table = table, .count = count, .remember = true};

    if (atomic_flag_test_and_set(&busy))
        return false;
    fill_slots(table, count);
    hook_all(&hooking);
    atomic_flag_clear(&busy);
    return hooking.exports > 0 && !hooking.failed;
}

struct look {
    bool changed, missing;
};

static int look(struct dl_phdr_info *info, size_t size, void *data)
{
    struct look *found = data;

    (void)size;
    found->changed = info->dlpi_adds != seen_adds || info->dlpi_subs != seen_subs;
    /* Where an object went, its places went with it. */
    for (size_t i = 0; info->dlpi_subs == seen_subs && i < place_count && !found->missing; i++)
        found->missing = atomic_load(places[i].word) != places[i].value;
    return 1;
}

bool tw_elf_refresh(const struct tw_hook *table, size_t count)
{
    struct hooking hooking = {.table = table, .count = count, .remember = true};
    struct look found = {false, false};

    if (atomic_flag_test_and_set(&busy))
        return false; /* another thread is at it */
    dl_iterate_phdr(look, &found);
    if (found.changed || found.missing)
        hook_all(&hooking);
    atomic_flag_clear(&busy);
    return found.missing || hooking.restored;
}

void tw_elf_hook_namespace(struct link_map *map, const struct tw_hook *table, size_t count)
{
    struct hooking hooking = {.table = table, .count = count};

    while (map->l_prev != NULL)
        map = map->l_prev;
    for (; map != NULL; map = map->l_next) {
        const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)map->l_addr;
        struct tw_object object;

        if (header == NULL || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
            !tw_object_read(map->l_addr, (const ElfW(Phdr) *)(map->l_addr + header->e_phoff), header->e_phnum, &object))
            continue;
        if (is_c_library(&object))
            hook_exports(&hooking, &object);
        hook_pointers(&hooking, &object);
    }
}
