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
    size_t symbols_size; /* so many fit into their segment at most; how many there are, only a hash table tells */
    const char *strings, *soname; /* soname is NULL when the object has none */
    size_t strings_size;
    const uint32_t *hashes; /* DT_GNU_HASH; NULL when the object has none */
    size_t hashes_size;     /* words up to the end of their segment */
    const ElfW(Rela) *tables[2];
    size_t counts[2];
    size_t relative; /* so many relocations at the front of the first table have no symbol */
};

/* Reads an object's dynamic section. Returns false when it has no symbols. The linker has believed what it says; here
 * nothing is read that lies outside of the object's segments. */
bool tw_object_read(uintptr_t base, const ElfW(Phdr) *headers, size_t count, struct tw_object *object);

/* Whether an address lies in one of the object's segments of this type that has all these flags. */
bool tw_object_holds(const struct tw_object *object, uintptr_t address, uint32_t type, uint32_t flags);

/* The functions that the object defines under a name, one for each version; returns how many are in `found`. */
size_t tw_object_exports(const struct tw_object *object, const char *name, ElfW(Sym) **found, size_t size);

/* A symbol's name; NULL when it lies outside of the object. */
const char *tw_object_name(const struct tw_object *object, const ElfW(Sym) *symbol);

/* How many symbols the object has; 0 when it does not tell. */
size_t tw_object_symbols(const struct tw_object *object);

/* Opens the pages that hold the symbols from `first` to `last`, or gives them their segment's protection again. */
bool tw_object_open_symbols(const struct tw_object *object, const ElfW(Sym) *first, const ElfW(Sym) *last, bool open);

/* Opens the pages that the linker made read-only after relocation (PROT_READ | PROT_WRITE), or closes them again. */
bool tw_object_protect(const struct tw_object *object, int protection);

#endif
