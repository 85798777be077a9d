#include "audit.h"

#include "audit_ring.h"
#include "defender.h"
#include "error_stream.h"

#include <string.h>
#include <time.h>

static struct {
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

bool tw_audit_open(const struct tw_audit_identity *identity, const struct tw_parent *parent, const char *request)
{
    copy(audit.function, sizeof audit.function, identity->function);
    copy(audit.region, sizeof audit.region, identity->region);
    copy(audit.provider, sizeof audit.provider, identity->provider);
    copy(audit.rule, sizeof audit.rule, identity->rule);
    copy(audit.runtime, sizeof audit.runtime, identity->runtime);
    write_request(request);
    return tw_ring_open(parent);
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

static void finish_audit(struct tw_slot *slot, struct tw_text *text)
{
    text->size = TW_AUDIT_LINE;
    tw_text_add(text, ",\"pid\":");
    tw_text_number(text, (unsigned long)slot->process);
    tw_text_add(text, ",\"count\":1}\n");
    tw_ring_emit(slot, text->length);
}

/* The end of a line is kept free, so that it is always whole JSON. */
static struct tw_text line_of(struct tw_slot *slot)
{
    return (struct tw_text){.start = slot->line, .size = TW_AUDIT_LINE - 128};
}

void tw_audit(enum tw_audit_type type, const struct tw_verdict *verdict, const struct tw_detail *details, size_t count)
{
    const char *effect = effects[verdict->effect];
    unsigned long key = hash(0xcbf29ce484222325, verdict->attack, strlen(verdict->attack));

    key = hash(key, effect, strlen(effect));
    for (size_t i = 0; i < count; i++)
        key = hash(key, details[i].value, details[i].value == NULL ? 0 : strlen(details[i].value));
    if (!tw_ring_is_open() || tw_ring_is_repeat(key))
        return;
    struct tw_slot *slot = tw_ring_take(key);
    struct tw_text text = line_of(slot);
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

    if (!tw_ring_is_open() || tw_ring_is_repeat(key))
        return;
    struct tw_slot *slot = tw_ring_take(key);
    struct tw_text text = line_of(slot);

    begin_audit(&text, TW_AUDIT_PROCESSES, "policyHijacked", effects[effect], "critical", what);
    finish_audit(slot, &text);
}

void tw_audit_last(void)
{
    tw_error_stream_end();
    tw_ring_emit_pending();
}

void tw_audit_invocation_begin(const char *request_id)
{
    /* A program that the runtime started belongs to the invocation that it was started in. */
    if (!tw_ring_is_runtimes_own())
        return;
    write_request(request_id);
    tw_ring_begin();
}

void tw_audit_invocation_end(void)
{
    if (tw_ring_is_runtimes_own())
        tw_ring_end();
}
