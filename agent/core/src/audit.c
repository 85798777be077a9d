#include "audit.h"

#include "agent_pages.h"
#include "defender.h"
#include "error_stream.h"
#include "shared_memory.h"
#include "text.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { EMPTY, WRITING, PENDING, WRITTEN };

struct slot {
    _Atomic unsigned state;
    /* How often it happened in this invocation; the line itself says 1. The upper half is the key's, so that nobody counts
     * what has become another's. */
    _Atomic uint64_t tally;
    _Atomic unsigned long key;
    pid_t process;
    size_t length;
    char line[TW_AUDIT_LINE];
};

/* Shared with children, and with programs that they become: they can often not write, since their descriptors are closed
 * or others already. So nothing in it may be trusted to be in bounds. */
struct ring {
    _Atomic unsigned long next; /* number of lines ever begun; a line's place is its number modulo the size */
    _Atomic unsigned long invocation_first; /* what it was when the invocation began */
    unsigned long drained;
    struct slot slots[TW_AUDIT_RING];
};

static struct {
    struct ring *ring;
    struct tw_remote place; /* of the ring, for programs */
    pid_t main_process, program; /* the runtime, and the process that this core was started in: it or one that it started */
    char function[TW_AUDIT_TEXT], region[64], provider[16], rule[TW_AUDIT_TEXT], runtime[64];
} audit;

/* The request id, which threads read while the next invocation begins: words, in places that are written in turn. */
enum { REQUEST_WORDS = TW_AUDIT_REQUEST / sizeof(unsigned long), REQUESTS = 8 };

static struct {
    _Atomic unsigned long words[REQUESTS][REQUEST_WORDS];
    _Atomic unsigned current;
} requests;

static const char *const effects[] = {"disable", "alert", "prevent", "block"};

static void copy(char *to, size_t size, const char *from)
{
    size_t length = from == NULL ? 0 : strnlen(from, size - 1);

    if (length > 0)
        memcpy(to, from, length);
    to[length] = '\0';
}

void tw_audit_request(char output[TW_AUDIT_REQUEST])
{
    const _Atomic unsigned long *words = requests.words[atomic_load(&requests.current) % REQUESTS];

    for (size_t i = 0; i < REQUEST_WORDS; i++) {
        unsigned long word = atomic_load_explicit(&words[i], memory_order_relaxed);

        memcpy(output + i * sizeof word, &word, sizeof word);
    }
    output[TW_AUDIT_REQUEST - 1] = '\0';
}

static void write_request(const char *id)
{
    char text[TW_AUDIT_REQUEST];
    unsigned next = atomic_load(&requests.current) + 1;

    memset(text, 0, sizeof text);
    copy(text, sizeof text, id);
    for (size_t i = 0; i < REQUEST_WORDS; i++) {
        unsigned long word;

        memcpy(&word, text + i * sizeof word, sizeof word);
        atomic_store_explicit(&requests.words[next % REQUESTS][i], word, memory_order_relaxed);
    }
    atomic_store(&requests.current, next);
}

static void open_own(void)
{
    audit.main_process = audit.program;
    tw_error_stream_open(audit.main_process);
    audit.ring = tw_shared_memory_make(sizeof *audit.ring, &audit.place);
}

/* Where the runtime's ring can't be reached, lines that this program can't write are lost. */
static void open_runtimes(const struct tw_parent *parent)
{
    audit.main_process = parent->process;
    tw_error_stream_follow(parent);
    audit.place = parent->ring;
    audit.ring = tw_shared_memory_join(parent->process, &parent->ring, sizeof *audit.ring);
    if (audit.ring == NULL)
        audit.ring = tw_shared_memory_make(sizeof *audit.ring, NULL);
}

bool tw_audit_open(const struct tw_audit_identity *identity, const struct tw_parent *parent, const char *request)
{
    copy(audit.function, sizeof audit.function, identity->function);
    copy(audit.region, sizeof audit.region, identity->region);
    copy(audit.provider, sizeof audit.provider, identity->provider);
    copy(audit.rule, sizeof audit.rule, identity->rule);
    copy(audit.runtime, sizeof audit.runtime, identity->runtime);
    write_request(request);
    audit.program = tw_process_id();
    if (parent == NULL)
        open_own();
    else
        open_runtimes(parent);
    tw_agent_pages_add(audit.ring, sizeof *audit.ring);
    return audit.ring != NULL;
}

struct tw_remote tw_audit_ring(void)
{
    return audit.place;
}

static size_t length_of(const struct slot *slot)
{
    size_t length = *(const volatile size_t *)&slot->length;

    return length < TW_AUDIT_LINE ? length : TW_AUDIT_LINE;
}

static void emit_slot(struct slot *slot)
{
    unsigned pending = PENDING;

    if (!atomic_compare_exchange_strong(&slot->state, &pending, WRITING))
        return;
    atomic_store(&slot->state, tw_error_stream_write(slot->line, length_of(slot)) ? WRITTEN : PENDING);
}

/* What children left; only the main process can be sure of its descriptor. */
static void emit_pending(void)
{
    for (size_t i = 0; audit.ring != NULL && i < TW_AUDIT_RING; i++)
        emit_slot(&audit.ring->slots[i]);
}

/* Days since 1970 to a date (Howard Hinnant's civil_from_days); libc's own conversions take locks. */
static void put_time(struct tw_text *text)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    unsigned long seconds = (unsigned long)now.tv_sec, days = seconds / 86400 + 719468;
    unsigned long era = days / 146097, of_era = days % 146097;
    unsigned long year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned long of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned long shifted = (5 * of_year + 2) / 153;
    unsigned long month = shifted < 10 ? shifted + 3 : shifted - 9;

    tw_text_padded(text, year_of_era + era * 400 + (month <= 2), 4);
    tw_text_add(text, "-");
    tw_text_padded(text, month, 2);
    tw_text_add(text, "-");
    tw_text_padded(text, of_year - (153 * shifted + 2) / 5 + 1, 2);
    tw_text_add(text, "T");
    tw_text_padded(text, seconds % 86400 / 3600, 2);
    tw_text_add(text, ":");
    tw_text_padded(text, seconds % 3600 / 60, 2);
    tw_text_add(text, ":");
    tw_text_padded(text, seconds % 60, 2);
    tw_text_add(text, ".");
    tw_text_padded(text, (unsigned long)now.tv_nsec / 1000000, 3);
    tw_text_add(text, "Z");
}

static void begin_line(struct tw_text *text, const char *type)
{
    tw_text_add(text, "{\"time\":\"");
    put_time(text);
    tw_text_add(text, "\",\"type\":\"");
    tw_text_add(text, type);
    tw_text_add(text, "\"");
}

static const char *given(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

/* Lines that are no audits do not go into the ring: there is nothing to ship or count. */
static void notice(struct tw_text *text)
{
    tw_text_add(text, "}\n");
    tw_error_stream_write(text->start, text->length);
}

void tw_audit_notice(const char *message)
{
    char line[1024];
    struct tw_text text = {.start = line, .size = sizeof line};

    begin_line(&text, "defender");
    tw_text_field(&text, "version", TW_VERSION, TW_AUDIT_TEXT);
    tw_text_field(&text, "msg", message, 512);
    notice(&text);
}

void tw_audit_first_line(const char *message, const struct tw_policy *policy, const char *lock)
{
    char line[2048];
    struct tw_text text = {.start = line, .size = sizeof line};

    begin_line(&text, "defender");
    tw_text_field(&text, "version", TW_VERSION, TW_AUDIT_TEXT);
    tw_text_field(&text, "rule", policy->rule, TW_AUDIT_TEXT);
    tw_text_field(&text, "processes", effects[policy->processes.effect], TW_AUDIT_TEXT);
    tw_text_field(&text, "network", effects[policy->network.effect], TW_AUDIT_TEXT);
    tw_text_field(&text, "dns", effects[policy->dns.effect], TW_AUDIT_TEXT);
    tw_text_field(&text, "filesystem", effects[policy->filesystem.effect], TW_AUDIT_TEXT);
    tw_text_field(&text, "lock", lock, TW_AUDIT_TEXT);
    tw_text_field(&text, "msg", message, 512);
    notice(&text);
}

/* FNV-1a, 64 bits: tells repeats apart, and protects nothing. */
static unsigned long hash(unsigned long key, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        key = (key ^ (unsigned char)bytes[i]) * 0x100000001b3;
    return (key ^ 0xff) * 0x100000001b3;
}

enum { KEY_SHIFT = 32 };

static uint64_t first_of(unsigned long key)
{
    return (uint64_t)(uint32_t)key << KEY_SHIFT | 1;
}

/* Returns false when the line is another's by now. */
static bool count_one(struct slot *slot, unsigned long key)
{
    uint64_t tally = atomic_load(&slot->tally);

    do
        if (tally >> KEY_SHIFT != (uint32_t)key)
            return false;
    while (!atomic_compare_exchange_weak(&slot->tally, &tally, tally + 1));
    return true;
}

static bool is_repeat(unsigned long key, pid_t process)
{
    unsigned long next = atomic_load(&audit.ring->next), first = atomic_load(&audit.ring->invocation_first);

    if (next - first > TW_AUDIT_RING)
        first = next - TW_AUDIT_RING;
    for (unsigned long number = first; number < next; number++) {
        struct slot *slot = &audit.ring->slots[number % TW_AUDIT_RING];

        if (atomic_load(&slot->key) != key)
            continue;
        /* A child that meets the same file again is still at its first attempt: it walks through PATH. */
        if ((process != audit.program && slot->process == process) || count_one(slot, key))
            return true;
    }
    return false;
}

static const char *const types[] = {"processes", "network", "filesystem"};

/* What stands in every audit, from its time to its version. */
static void begin_audit(struct tw_text *text, enum tw_audit_type type, const char *attack, const char *effect,
                        const char *severity, const char *why)
{
    char request[TW_AUDIT_REQUEST];

    tw_audit_request(request);
    begin_line(text, types[type]);
    tw_text_field(text, "attackType", attack, TW_AUDIT_TEXT);
    tw_text_field(text, "effect", effect, TW_AUDIT_TEXT);
    tw_text_field(text, "severity", severity, 16);
    tw_text_field(text, "ruleName", audit.rule, TW_AUDIT_TEXT);
    tw_text_field(text, "msg", why, TW_AUDIT_TEXT);
    tw_text_field(text, "function", given(audit.function), TW_AUDIT_TEXT);
    tw_text_field(text, "requestID", given(request), TW_AUDIT_TEXT);
    tw_text_field(text, "region", given(audit.region), TW_AUDIT_TEXT);
    tw_text_field(text, "provider", audit.provider, TW_AUDIT_TEXT);
    tw_text_field(text, "runtime", given(audit.runtime), TW_AUDIT_TEXT);
    tw_text_field(text, "version", TW_VERSION, TW_AUDIT_TEXT);
}

/* The next place in the ring, for this process to write a line in. */
static struct slot *take_slot(unsigned long key, pid_t process)
{
    struct slot *slot;
    unsigned state, tries = 0;

    /* Where somebody is at it, the one after that. A child that was killed leaves one so: it is taken in the end. */
    do {
        slot = &audit.ring->slots[atomic_fetch_add(&audit.ring->next, 1) % TW_AUDIT_RING];
        state = atomic_load(&slot->state);
    } while (tries++ < TW_AUDIT_RING && (state == WRITING || !atomic_compare_exchange_strong(&slot->state, &state, WRITING)));
    atomic_store(&slot->state, WRITING);
    atomic_store(&slot->tally, first_of(key));
    slot->process = process;
    slot->length = 0;
    atomic_store(&slot->key, key);
    return slot;
}

static void finish_audit(struct slot *slot, struct tw_text *text)
{
    text->size = TW_AUDIT_LINE;
    tw_text_add(text, ",\"pid\":");
    tw_text_number(text, (unsigned long)slot->process);
    tw_text_add(text, ",\"count\":1}\n");
    slot->length = text->length;
    atomic_store(&slot->state, PENDING);
    emit_slot(slot);
    if (slot->process == audit.main_process)
        emit_pending();
}

static void add_detail(struct tw_text *text, const struct tw_detail *detail)
{
    if (!detail->is_number || detail->value == NULL) {
        tw_text_field(text, detail->key, detail->value, detail->most);
        return;
    }
    tw_text_add(text, ",\"");
    tw_text_add(text, detail->key);
    tw_text_add(text, "\":");
    tw_text_add(text, detail->value);
}

void tw_audit(enum tw_audit_type type, const struct tw_verdict *verdict, const struct tw_detail *details, size_t count)
{
    const char *effect = effects[verdict->effect];
    pid_t process = tw_process_id();

    if (audit.ring == NULL)
        return;
    unsigned long key = hash(0xcbf29ce484222325, verdict->attack, strlen(verdict->attack));

    key = hash(key, effect, strlen(effect));
    for (size_t i = 0; i < count; i++)
        key = hash(key, details[i].value, details[i].value == NULL ? 0 : strlen(details[i].value));
    if (is_repeat(key, process))
        return;
    struct slot *slot = take_slot(key, process);
    /* The end of the line is kept free, so that it is always whole JSON. */
    struct tw_text text = {.start = slot->line, .size = TW_AUDIT_LINE - 128};
    bool is_critical =
        strcmp(verdict->attack, "cryptoMinerProcess") == 0 || strcmp(verdict->attack, "policyHijacked") == 0;

    begin_audit(&text, type, verdict->attack, effect, is_critical ? "critical" : "high", verdict->why);
    tw_text_field(&text, "matched", verdict->by, TW_AUDIT_TEXT);
    for (size_t i = 0; i < count; i++)
        add_detail(&text, &details[i]);
    finish_audit(slot, &text);
}

void tw_audit_tampering(const char *what, enum tw_effect effect)
{
    unsigned long key = hash(0, what, strlen(what));
    pid_t process = tw_process_id();

    if (audit.ring == NULL || is_repeat(key, process))
        return;
    struct slot *slot = take_slot(key, process);
    struct tw_text text = {.start = slot->line, .size = TW_AUDIT_LINE - 128};

    begin_audit(&text, TW_AUDIT_PROCESSES, "policyHijacked", effects[effect], "critical", what);
    finish_audit(slot, &text);
}

void tw_audit_last(void)
{
    tw_error_stream_end();
    emit_pending();
}

void tw_audit_invocation_begin(const char *request_id)
{
    /* A program that the runtime started belongs to the invocation that it was started in. */
    if (audit.program != audit.main_process)
        return;
    write_request(request_id);
    if (audit.ring == NULL)
        return;
    unsigned long next = atomic_load(&audit.ring->next);

    if (next != atomic_load(&audit.ring->invocation_first)) /* by a program, since the last one ended */
        emit_pending();
    atomic_store(&audit.ring->invocation_first, next);
}

/* A repeated audit once more, with the number of its repeats: the counts of all lines add up. */
static void emit_count(const struct slot *slot, unsigned count)
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

void tw_audit_invocation_end(void)
{
    if (audit.ring == NULL || audit.program != audit.main_process)
        return;
    unsigned long next = atomic_load(&audit.ring->next), first = atomic_load(&audit.ring->invocation_first);

    if (next == 0)
        return;
    if (next != first)
        emit_pending();
    /* Older ones as well: another thread may have counted one after the last look. */
    for (unsigned long number = next > TW_AUDIT_RING ? next - TW_AUDIT_RING : 0; number < next; number++) {
        struct slot *slot = &audit.ring->slots[number % TW_AUDIT_RING];
        unsigned written = WRITTEN;

        /* One that somebody is at keeps its count until the next look. */
        if ((uint32_t)atomic_load(&slot->tally) < 2 || !atomic_compare_exchange_strong(&slot->state, &written, WRITING))
            continue;
        uint64_t tally = atomic_exchange(&slot->tally, first_of(atomic_load(&slot->key)));

        emit_count(slot, (uint32_t)tally - 1);
        atomic_store(&slot->state, WRITTEN);
    }
    atomic_store(&audit.ring->invocation_first, next);
}

size_t tw_audit_drain(char *buffer, size_t size)
{
    size_t used = 0;

    if (audit.ring == NULL)
        return 0;
    unsigned long next = atomic_load(&audit.ring->next);

    if (next - audit.ring->drained > TW_AUDIT_RING)
        audit.ring->drained = next - TW_AUDIT_RING;
    while (audit.ring->drained < next) {
        const struct slot *slot = &audit.ring->slots[audit.ring->drained % TW_AUDIT_RING];
        bool is_whole = atomic_load(&slot->state) != WRITING;
        size_t length = length_of(slot);

        /* The last line may still be written. One that was never finished is that of a child which was killed. */
        if ((!is_whole && audit.ring->drained + 1 == next) || (is_whole && length > size - used))
            break;
        audit.ring->drained++;
        if (!is_whole)
            continue;
        memcpy(buffer + used, slot->line, length);
        used += length;
    }
    return used;
}
