#include "audit_ring.h"

#include "agent_pages.h"
#include "error_stream.h"
#include "shared_memory.h"

#include <string.h>

/* Shared with children, and with programs that they become: they can often not write, since their descriptors are
 * closed or others already. So nothing in it may be trusted to be in bounds. */
struct ring {
    _Atomic unsigned long next; /* number of lines ever begun; a line's place is its number modulo the size */
    _Atomic unsigned long invocation_first; /* what it was when the invocation began */
    unsigned long drained;
    atomic_bool dns_is_connected; /* no audit's matter; it is here since this is the memory that all have in common */
    struct tw_slot slots[TW_AUDIT_RING];
};

static struct {
    struct ring *ring;
    struct tw_remote place; /* of the ring, for programs */
    pid_t main_process, program; /* the runtime; and the process that this core runs in: it, or one that it started */
} own;

static void open_own(void)
{
    own.main_process = own.program;
    tw_error_stream_open(own.main_process);
    own.ring = tw_shared_memory_make(sizeof *own.ring, &own.place);
}

static void open_runtimes(const struct tw_parent *parent)
{
    own.main_process = parent->process;
    tw_error_stream_follow(parent);
    own.place = parent->ring;
    own.ring = tw_shared_memory_join(parent->process, &parent->ring, sizeof *own.ring);
    if (own.ring == NULL)
        own.ring = tw_shared_memory_make(sizeof *own.ring, NULL);
}

bool tw_ring_open(const struct tw_parent *parent)
{
    own.program = tw_process_id();
    if (parent == NULL)
        open_own();
    else
        open_runtimes(parent);
    tw_agent_pages_add(own.ring, sizeof *own.ring);
    return own.ring != NULL;
}

bool tw_ring_is_open(void)
{
    return own.ring != NULL;
}

bool tw_ring_is_runtimes_own(void)
{
    return own.program == own.main_process;
}

atomic_bool *tw_ring_dns_flag(void)
{
    return &own.ring->dns_is_connected;
}

struct tw_remote tw_audit_ring(void)
{
    return own.place;
}

static size_t length_of(const struct tw_slot *slot)
{
    size_t length = *(const volatile size_t *)&slot->length;

    return length < TW_AUDIT_LINE ? length : TW_AUDIT_LINE;
}

static void emit_slot(struct tw_slot *slot)
{
    unsigned pending = TW_SLOT_PENDING;

    if (!atomic_compare_exchange_strong(&slot->state, &pending, TW_SLOT_WRITING))
        return;
    atomic_store(&slot->state, tw_error_stream_write(slot->line, length_of(slot)) ? TW_SLOT_WRITTEN : TW_SLOT_PENDING);
}

void tw_ring_emit_pending(void)
{
    for (size_t i = 0; own.ring != NULL && i < TW_AUDIT_RING; i++)
        emit_slot(&own.ring->slots[i]);
}

enum { KEY_SHIFT = 32 };

static uint64_t first_of(unsigned long key)
{
    return (uint64_t)(uint32_t)key << KEY_SHIFT | 1;
}

/* Returns false when the line is another's by now. */
static bool count_one(struct tw_slot *slot, unsigned long key)
{
    uint64_t tally = atomic_load(&slot->tally);

    do
        if (tally >> KEY_SHIFT != (uint32_t)key)
            return false;
    while (!atomic_compare_exchange_weak(&slot->tally, &tally, tally + 1));
    return true;
}

bool tw_ring_is_repeat(unsigned long key)
{
    pid_t process = tw_process_id();
    unsigned long next = atomic_load(&own.ring->next), first = atomic_load(&own.ring->invocation_first);

    if (next - first > TW_AUDIT_RING)
        first = next - TW_AUDIT_RING;
    for (unsigned long number = first; number < next; number++) {
        struct tw_slot *slot = &own.ring->slots[number % TW_AUDIT_RING];

        if (atomic_load(&slot->key) != key)
            continue;
        /* A child that meets the same file again is still at its first attempt: it walks through PATH. */
        if ((process != own.program && slot->process == process) || count_one(slot, key))
            return true;
    }
    return false;
}

struct tw_slot *tw_ring_take(unsigned long key)
{
    struct tw_slot *slot;
    unsigned state, tries = 0;

    /* Where somebody is at it, the one after that. A child that was killed leaves one so: it is taken in the end. */
    do {
        slot = &own.ring->slots[atomic_fetch_add(&own.ring->next, 1) % TW_AUDIT_RING];
        state = atomic_load(&slot->state);
    } while (tries++ < TW_AUDIT_RING &&
             (state == TW_SLOT_WRITING || !atomic_compare_exchange_strong(&slot->state, &state, TW_SLOT_WRITING)));
    atomic_store(&slot->state, TW_SLOT_WRITING);
    atomic_store(&slot->tally, first_of(key));
    slot->process = tw_process_id();
    slot->length = 0;
    atomic_store(&slot->key, key);
    return slot;
}

void tw_ring_emit(struct tw_slot *slot, size_t length)
{
    slot->length = length;
    atomic_store(&slot->state, TW_SLOT_PENDING);
    emit_slot(slot);
    if (slot->process == own.main_process)
        tw_ring_emit_pending();
}

void tw_ring_begin(void)
{
    if (own.ring == NULL)
        return;
    unsigned long next = atomic_load(&own.ring->next);

    if (next != atomic_load(&own.ring->invocation_first)) /* by a program, since the last one ended */
        tw_ring_emit_pending();
    atomic_store(&own.ring->invocation_first, next);
}

static void emit_count(const struct tw_slot *slot, unsigned count)
{
    char line[TW_AUDIT_LINE];
    struct tw_text text = {.start = line, .size = sizeof line};

    size_t length = length_of(slot);

    if (length < 3)
        return;
    tw_text_put(&text, slot->line, length - 3); /* up to the count, which is 1 there */
    tw_text_number(&text, count);
    tw_text_add(&text, "}\n");
    tw_error_stream_write(line, text.length);
}

void tw_ring_end(void)
{
    if (own.ring == NULL)
        return;
    unsigned long next = atomic_load(&own.ring->next), first = atomic_load(&own.ring->invocation_first);

    if (next == 0)
        return;
    if (next != first)
        tw_ring_emit_pending();
    /* Older ones as well: another thread may have counted one after the last look. */
    for (unsigned long number = next > TW_AUDIT_RING ? next - TW_AUDIT_RING : 0; number < next; number++) {
        struct tw_slot *slot = &own.ring->slots[number % TW_AUDIT_RING];
        unsigned written = TW_SLOT_WRITTEN;

        /* One that somebody is at keeps its count until the next look. */
        if ((uint32_t)atomic_load(&slot->tally) < 2 ||
            !atomic_compare_exchange_strong(&slot->state, &written, TW_SLOT_WRITING))
            continue;
        uint64_t tally = atomic_exchange(&slot->tally, first_of(atomic_load(&slot->key)));

        emit_count(slot, (uint32_t)tally - 1);
        atomic_store(&slot->state, TW_SLOT_WRITTEN);
    }
    atomic_store(&own.ring->invocation_first, next);
}

size_t tw_audit_drain(char *buffer, size_t size)
{
    size_t used = 0;

    if (own.ring == NULL)
        return 0;
    unsigned long next = atomic_load(&own.ring->next);

    if (next - own.ring->drained > TW_AUDIT_RING)
        own.ring->drained = next - TW_AUDIT_RING;
    while (own.ring->drained < next) {
        const struct tw_slot *slot = &own.ring->slots[own.ring->drained % TW_AUDIT_RING];
        bool is_whole = atomic_load(&slot->state) != TW_SLOT_WRITING;
        size_t length = length_of(slot);

        /* The last line may still be written. One that was never finished is that of a child which was killed. */
        if ((!is_whole && own.ring->drained + 1 == next) || (is_whole && length > size - used))
            break;
        own.ring->drained++;
        if (!is_whole)
            continue;
        memcpy(buffer + used, slot->line, length);
        used += length;
    }
    return used;
}
