/* From the JSON document to the policy. Unknown keys are ignored; a key that stands twice, a wrong type or
 * anything behind the document makes it invalid. Two passes: the version decides whether the rest is for us. */
#include "defender.h"
#include "policy.h"

#include <stdalign.h>
#include <string.h>

struct decoder {
    struct tw_json json;
    struct tw_arena *arena;
    struct tw_policy *policy;
    char *scratch; /* room for the longest string that the document can hold */
    size_t scratch_size;
    bool no_memory;
};

void *tw_arena_take(struct tw_arena *arena, size_t size)
{
    size_t start = (arena->used + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

    if (start > arena->size || size > arena->size - start)
        return NULL;
    arena->used = start + size;
    return arena->memory + start;
}

static bool invalid(struct decoder *decoder, const char *why)
{
    if (decoder->json.error == NULL)
        decoder->json.error = why;
    return false;
}

static void *take(struct decoder *decoder, size_t size)
{
    void *memory = tw_arena_take(decoder->arena, size);

    if (memory == NULL) {
        decoder->no_memory = true;
        invalid(decoder, "the policy needs too much memory");
    }
    return memory;
}

/* A string value, checked, copied into the policy's memory. A string with a NUL in it is never valid. */
static const char *text(struct decoder *decoder, bool (*check)(const char *), const char *why)
{
    long length = tw_json_string(&decoder->json, decoder->scratch, decoder->scratch_size);

    if (length < 0)
        return NULL;
    if (strlen(decoder->scratch) != (size_t)length || !check(decoder->scratch)) {
        invalid(decoder, why);
        return NULL;
    }
    char *copy = take(decoder, (size_t)length + 1);

    if (copy != NULL)
        memcpy(copy, decoder->scratch, (size_t)length + 1);
    return copy;
}

/* One object: every key once; `member` reads the value of a key that it knows and returns false for others. */
typedef bool member_reader(struct decoder *decoder, const char *key, void *target);

static bool seen_before(const char *keys, const char *end, const char *key)
{
    for (; keys < end; keys += strlen(keys) + 1)
        if (strcmp(keys, key) == 0)
            return true;
    return false;
}

/* Keys are kept one behind the other for the comparison, then their memory is used again. */
static bool object(struct decoder *decoder, member_reader *member, void *target)
{
    struct tw_json *json = &decoder->json;
    /* Nesting of objects that are read is fixed: the document, its rule, a section, a part of one. */
    char keys[2048];
    size_t used = 0;
    bool first = true;

    if (!tw_json_enter(json, TW_JSON_OBJECT))
        return false;
    while (tw_json_next(json, TW_JSON_OBJECT, &first)) {
        long length = tw_json_key(json, decoder->scratch, decoder->scratch_size);

        if (length < 0)
            return false;
        if (seen_before(keys, keys + used, decoder->scratch))
            return invalid(decoder, "a key stands there twice");
        if (used + (size_t)length + 1 > sizeof keys)
            return invalid(decoder, "an object has too many keys");
        char *key = keys + used;

        memcpy(key, decoder->scratch, (size_t)length + 1);
        used += (size_t)length + 1;
        bool known = strlen(key) == (size_t)length && member(decoder, key, target);

        if (json->error != NULL || (!known && !tw_json_skip(json)))
            return false;
    }
    return json->error == NULL;
}

static bool any(const char *value)
{
    (void)value;
    return true;
}

static bool effect(struct decoder *decoder, enum tw_effect *effect)
{
    static const char *const names[] = {
        [TW_EFFECT_ALERT] = "alert", [TW_EFFECT_PREVENT] = "prevent", [TW_EFFECT_BLOCK] = "block"};
    long length = tw_json_string(&decoder->json, decoder->scratch, decoder->scratch_size);

    if (length < 0)
        return false;
    for (enum tw_effect i = TW_EFFECT_ALERT; i <= TW_EFFECT_BLOCK; i++)
        if (strlen(decoder->scratch) == (size_t)length && strcmp(decoder->scratch, names[i]) == 0) {
            *effect = i;
            return true;
        }
    return invalid(decoder, "an effect is none of alert, prevent and block");
}

/* A list of strings. With `list` NULL they are only checked. */
static bool strings(struct decoder *decoder, bool (*check)(const char *), struct tw_list *list)
{
    struct tw_json count = decoder->json;
    size_t items = 0;
    bool first = true;

    if (!tw_json_enter(&decoder->json, TW_JSON_ARRAY))
        return false;
    if (!tw_json_enter(&count, TW_JSON_ARRAY))
        return invalid(decoder, "the JSON is damaged");
    while (tw_json_next(&count, TW_JSON_ARRAY, &first) && tw_json_skip(&count))
        items++;
    const char **values = list == NULL ? NULL : take(decoder, (items + 1) * sizeof *values);
    size_t used = decoder->arena->used;

    first = true;
    for (size_t i = 0; tw_json_next(&decoder->json, TW_JSON_ARRAY, &first); i++) {
        const char *value = text(decoder, check, "an entry of a list is not valid");

        if (value == NULL)
            return false;
        if (values != NULL && i < items)
            values[i] = value;
        else
            decoder->arena->used = used;
    }
    if (list != NULL)
        *list = (struct tw_list){values, items};
    return decoder->json.error == NULL;
}

static bool ports(struct decoder *decoder)
{
    struct tw_json *json = &decoder->json;
    bool first = true;

    if (!tw_json_enter(json, TW_JSON_ARRAY))
        return false;
    while (tw_json_next(json, TW_JSON_ARRAY, &first)) {
        uint32_t range[2] = {0, 0};
        size_t count = 0;
        bool inner = true;

        if (!tw_json_enter(json, TW_JSON_ARRAY))
            return false;
        while (tw_json_next(json, TW_JSON_ARRAY, &inner)) {
            if (count == 2)
                return invalid(decoder, "ports are no pair");
            if (!tw_json_small(json, &range[count++]))
                return false;
        }
        if (json->error != NULL)
            return false;
        if (count != 2 || range[0] < 1 || range[1] > 65535 || range[0] > range[1])
            return invalid(decoder, "ports are no range within 1 to 65535");
    }
    return json->error == NULL;
}

static bool processes_member(struct decoder *decoder, const char *key, void *target)
{
    struct tw_processes *section = target;

    if (strcmp(key, "effect") == 0)
        return effect(decoder, &section->effect);
    if (strcmp(key, "block_all") == 0)
        return tw_json_bool(&decoder->json, &section->block_all);
    if (strcmp(key, "crypto_miners") == 0)
        return tw_json_bool(&decoder->json, &section->crypto_miners);
    if (strcmp(key, "allow") == 0)
        return strings(decoder, tw_is_entry, &section->allow);
    return strcmp(key, "deny") == 0 && strings(decoder, tw_is_entry, &section->deny);
}

static bool ports_member(struct decoder *decoder, const char *key, void *target)
{
    (void)target;
    if (strcmp(key, "allow_ports") == 0 || strcmp(key, "deny_ports") == 0)
        return ports(decoder);
    return false;
}

static bool outbound_member(struct decoder *decoder, const char *key, void *target)
{
    if (strcmp(key, "allow_ips") == 0 || strcmp(key, "deny_ips") == 0)
        return strings(decoder, tw_is_address, NULL);
    return ports_member(decoder, key, target);
}

static bool network_member(struct decoder *decoder, const char *key, void *target)
{
    if (strcmp(key, "effect") == 0)
        return effect(decoder, target);
    if (strcmp(key, "outbound") == 0)
        return object(decoder, outbound_member, NULL);
    return strcmp(key, "listening") == 0 && object(decoder, ports_member, NULL);
}

static bool dns_member(struct decoder *decoder, const char *key, void *target)
{
    if (strcmp(key, "effect") == 0)
        return effect(decoder, target);
    if (strcmp(key, "allow") == 0 || strcmp(key, "deny") == 0)
        return strings(decoder, tw_is_name, NULL);
    return false;
}

static bool filesystem_member(struct decoder *decoder, const char *key, void *target)
{
    if (strcmp(key, "effect") == 0)
        return effect(decoder, target);
    if (strcmp(key, "allow") == 0 || strcmp(key, "deny") == 0)
        return strings(decoder, tw_is_path, NULL);
    return false;
}

static bool section(struct decoder *decoder, member_reader *member, void *target, const enum tw_effect *effect)
{
    if (!object(decoder, member, target))
        return false;
    return *effect != TW_EFFECT_DISABLE || invalid(decoder, "a section has no effect");
}

static bool rule_member(struct decoder *decoder, const char *key, void *target)
{
    struct tw_policy *policy = target;

    if (strcmp(key, "name") == 0) {
        policy->rule = text(decoder, tw_is_text, "the rule's name has a control character");
        return true;
    }
    if (strcmp(key, "processes") == 0)
        return section(decoder, processes_member, &policy->processes, &policy->processes.effect);
    if (strcmp(key, "network") == 0)
        return section(decoder, network_member, &policy->network, &policy->network);
    if (strcmp(key, "dns") == 0)
        return section(decoder, dns_member, &policy->dns, &policy->dns);
    return strcmp(key, "filesystem") == 0 &&
           section(decoder, filesystem_member, &policy->filesystem, &policy->filesystem);
}

/* A string or null. */
static bool optional(struct decoder *decoder, const char **value)
{
    *value = NULL;
    if (tw_json_peek(&decoder->json) == TW_JSON_NULL)
        return tw_json_null(&decoder->json);
    *value = text(decoder, any, "a string has a NUL");
    return true;
}

static bool id_member(struct decoder *decoder, const char *key, void *target)
{
    struct tw_policy *policy = target;

    if (strcmp(key, "function") == 0)
        return optional(decoder, &policy->function);
    if (strcmp(key, "region") == 0)
        return optional(decoder, &policy->region);
    if (strcmp(key, "provider") != 0)
        return false;
    policy->provider = text(decoder, any, "the provider has a NUL");
    return true;
}

struct top {
    struct tw_policy *policy;
    bool version, id, runtime;
    uint32_t number;
    bool only_version;
};

static bool top_member(struct decoder *decoder, const char *key, void *target)
{
    struct top *top = target;
    struct tw_policy *policy = top->policy;
    const char *ignored;

    if (strcmp(key, "v") == 0) {
        top->version = true;
        return tw_json_small(&decoder->json, &top->number);
    }
    if (top->only_version)
        return false;
    if (strcmp(key, "id") == 0) {
        top->id = true;
        return object(decoder, id_member, policy);
    }
    if (strcmp(key, "console") == 0)
        return optional(decoder, &ignored);
    if (strcmp(key, "runtime") == 0) {
        top->runtime = true;
        if (tw_json_peek(&decoder->json) == TW_JSON_NULL)
            return tw_json_null(&decoder->json);
        return object(decoder, rule_member, policy) &&
               (policy->rule != NULL || invalid(decoder, "the rule has no name"));
    }
    if (strcmp(key, "file") == 0) {
        policy->file = text(decoder, tw_is_packaged_file, "the policy's file is no path inside the agent's folder");
        return true;
    }
    if (strcmp(key, "sha256") != 0)
        return false;
    policy->sha256 = text(decoder, tw_is_sha256, "the policy file's SHA-256 is none");
    return true;
}

static bool pass(struct decoder *decoder, const char *document, size_t length, struct top *top)
{
    tw_json_open(&decoder->json, document, length);
    return object(decoder, top_member, top) && tw_json_finish(&decoder->json);
}

static bool complete(struct decoder *decoder, const struct top *top)
{
    const struct tw_policy *policy = top->policy;

    if (policy->file != NULL || policy->sha256 != NULL) {
        if (top->runtime)
            return invalid(decoder, "the policy is both packaged and complete");
        return (policy->file != NULL && policy->sha256 != NULL) ||
               invalid(decoder, "a packaged policy needs both file and sha256");
    }
    if (!top->id || !top->runtime)
        return invalid(decoder, "the policy lacks id or runtime");
    return (policy->provider != NULL &&
            (strcmp(policy->provider, "aws") == 0 || strcmp(policy->provider, "azure") == 0)) ||
           invalid(decoder, "the provider is neither aws nor azure");
}

static int decode(struct decoder *decoder, const char *document, size_t length, const char **why)
{
    struct tw_policy none = {0};
    struct top version = {.policy = &none, .only_version = true}, top = {.policy = decoder->policy};
    bool whole = pass(decoder, document, length, &version);

    *decoder->policy = none;
    *why = decoder->json.error;
    if (!whole && !(version.version && decoder->json.wrong_type))
        return decoder->no_memory ? TW_E_SYSTEM : TW_E_DOCUMENT;
    *why = version.version ? "its version is not known to this agent" : "it has no version";
    if (!whole || version.number != 1)
        return version.version && whole ? TW_E_VERSION : TW_E_DOCUMENT;
    bool valid = pass(decoder, document, length, &top) && complete(decoder, &top);

    *why = decoder->json.error;
    return valid ? TW_OK : decoder->no_memory ? TW_E_SYSTEM : TW_E_DOCUMENT;
}

int tw_policy_decode(const char *document, size_t length, struct tw_arena *arena, struct tw_policy *policy,
                     const char **why)
{
    const size_t scratch = TW_POLICY_LARGEST + 1;

    *why = "TW_POLICY is over 64 KiB";
    if (length > TW_POLICY_LARGEST)
        return TW_E_DOCUMENT;
    *why = "there is no memory for the policy";
    if (arena->size - arena->used < scratch)
        return TW_E_SYSTEM;
    /* At the far end, so that what is kept lies together. */
    arena->size -= scratch;
    struct decoder decoder = {
        .arena = arena, .policy = policy, .scratch = arena->memory + arena->size, .scratch_size = scratch};
    int result = decode(&decoder, document, length, why);

    arena->size += scratch;
    return result;
}
