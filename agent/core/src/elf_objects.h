/* The loaded ELF objects: what their dynamic sections say, and changing pages that the linker closed. Knows no hook. */
#ifndef TW_ELF_OBJECTS_H
#define TW_ELF_OBJECTS_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_object {
    uintptr_t base;
    const ElfW(Phdr) *headers;
    size_t header_count;
    ElfW(Sym) *symbols;
    const char *strings, *soname; /* soname is NULL when the object has none */
    const uint32_t *hashes;       /* DT_GNU_HASH; NULL when the object has none */
    const ElfW(Rela) *tables[2];
    size_t counts[2];
};

/* Reads an object's dynamic section. Returns false when it has no symbols. */
bool tw_object_read(uintptr_t base, const ElfW(Phdr) *headers, size_t count, struct tw_object *object);

/* Whether an address lies in one of the object's segments of this type that has all these flags. */
bool tw_object_holds(const struct tw_object *object, uintptr_t address, uint32_t type, uint32_t flags);

/* The functions that the object defines under a name, one for each version; returns how many are in `found`. */
size_t tw_object_exports(const struct tw_object *object, const char *name, ElfW(Sym) **found, size_t size);

/* Stores a value into a symbol's entry, whose page is read-only before and after. */
bool tw_object_set_symbol(const struct tw_object *object, ElfW(Sym) *symbol, uintptr_t address);

/* Opens the pages that the linker made read-only after relocation (PROT_READ | PROT_WRITE), or closes them again. */
bool tw_object_protect(const struct tw_object *object, int protection);

#endif
