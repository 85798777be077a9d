/* Tables of growing size; an address lies within a few places of the one that its hash names, or in a later table. */
#define _GNU_SOURCE
#include "resolved.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { TABLES = 24, SMALLEST = 256, REACH = 32 };
/* A slot's state; WRITTEN is joined with what the address is. */
enum { EMPTY = 0, WRITING = 8, WRITTEN = 16 };

struct slot {
    _Atomic uint32_t state;
    struct tw_address address;
};

static struct slot *_Atomic tables[TABLES];

static size_t size_of(size_t table)
{
    return (size_t)SMALLEST << table;
}

static size_t hash_of(const struct tw_address *address)
{
    uint64_t high, low;

    memcpy(&high, address->bytes, sizeof high);
    memcpy(&low, address->bytes + 8, sizeof low);
    uint64_t hash = (high ^ low * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;

    return (size_t)(hash ^ hash >> 32);
}

/* The table, made when nobody has needed it before; NULL: there is no memory. */
static struct slot *table_at(size_t number)
{
    struct slot *table = atomic_load(&tables[number]);
    size_t size = size_of(number) * sizeof(struct slot);

    if (table != NULL)
        return table;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    if (atomic_compare_exchange_strong(&tables[number], &table, memory))
        return memory;
    munmap(memory, size);
    return table; /* another thread's, that came first */
}

bool tw_resolved_open(void)
{
    return table_at(0) != NULL;
}

/* Returns whether the address has a slot. One that another thread has begun to write is passed by: twice in the set
 * does no harm. */
static bool put(struct slot *slot, const struct tw_address *address, unsigned kinds)
{
    uint32_t state = atomic_load(&slot->state);

    if (state == EMPTY && atomic_compare_exchange_strong(&slot->state, &state, WRITING)) {
        slot->address = *address;
        atomic_store(&slot->state, WRITTEN | kinds);
        return true;
    }
    if ((state & WRITTEN) == 0 || memcmp(&slot->address, address, sizeof *address) != 0)
        return false;
    if ((state & kinds) != kinds)
        atomic_fetch_or(&slot->state, kinds);
    return true;
}

void tw_resolved_add(const struct tw_address *address, unsigned kinds)
{
    size_t hash = hash_of(address);

    for (size_t number = 0; number < TABLES; number++) {
        struct slot *table = table_at(number);

        if (table == NULL)
            return;
        for (size_t i = 0; i < REACH; i++)
            if (put(&table[(hash + i) % size_of(number)], address, kinds))
                return;
    }
}

unsigned tw_resolved_kinds(const struct tw_address *address)
{
    size_t hash = hash_of(address);
    unsigned kinds = 0;

    for (size_t number = 0; number < TABLES; number++) {
        struct slot *table = atomic_load(&tables[number]);

        if (table == NULL)
            return kinds;
        for (size_t i = 0; i < REACH; i++) {
            struct slot *slot = &table[(hash + i) % size_of(number)];
            uint32_t state = atomic_load(&slot->state);

            /* Nothing is taken out, so whoever came here first did not have to go further. */
            if (state == EMPTY)
                return kinds;
            if ((state & WRITTEN) != 0 && memcmp(&slot->address, address, sizeof *address) == 0)
                kinds |= state & (WRITING - 1);
        }
    }
    return kinds;
}
