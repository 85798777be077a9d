/* From the JSON document to the policy. Unknown keys are ignored; a key that stands twice, a wrong type or
 * anything behind the document makes it invalid. Two passes: the version decides whether the rest is for us. */
#include "defender.h"
#include "policy_reader.h"

#include <string.h>

static bool any(const char *value)
{
    (void)value;
    return true;
}

static bool effect(struct tw_decoder *decoder, enum tw_effect *effect)
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
    return tw_decoder_invalid(decoder, "an effect is none of alert, prevent and block");
}

static bool processes_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct tw_processes *section = target;

    if (strcmp(key, "effect") == 0)
        return effect(decoder, &section->effect);
    if (strcmp(key, "block_all") == 0)
        return tw_json_bool(&decoder->json, &section->block_all);
    if (strcmp(key, "crypto_miners") == 0)
        return tw_json_bool(&decoder->json, &section->crypto_miners);
    if (strcmp(key, "allow") == 0)
        return tw_decoder_strings(decoder, &tw_entries, &section->allow);
    return strcmp(key, "deny") == 0 && tw_decoder_strings(decoder, &tw_entries, &section->deny);
}

static bool listening_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct tw_network *section = target;

    if (strcmp(key, "allow_ports") == 0)
        return tw_decoder_ports(decoder, &section->allow_listening);
    return strcmp(key, "deny_ports") == 0 && tw_decoder_ports(decoder, &section->deny_listening);
}

static bool outbound_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct tw_network *section = target;

    if (strcmp(key, "allow_ips") == 0)
        return tw_decoder_blocks(decoder, &section->allow_ips);
    if (strcmp(key, "deny_ips") == 0)
        return tw_decoder_blocks(decoder, &section->deny_ips);
    if (strcmp(key, "allow_ports") == 0)
        return tw_decoder_ports(decoder, &section->allow_outbound);
    return strcmp(key, "deny_ports") == 0 && tw_decoder_ports(decoder, &section->deny_outbound);
}

static bool network_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct tw_network *section = target;

    if (strcmp(key, "effect") == 0)
        return effect(decoder, &section->effect);
    if (strcmp(key, "outbound") == 0)
        return tw_decoder_object(decoder, outbound_member, section);
    return strcmp(key, "listening") == 0 && tw_decoder_object(decoder, listening_member, section);
}

static bool dns_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct tw_dns *section = target;

    if (strcmp(key, "effect") == 0)
        return effect(decoder, &section->effect);
    if (strcmp(key, "allow") == 0)
        return tw_decoder_strings(decoder, &tw_names, &section->allow);
    return strcmp(key, "deny") == 0 && tw_decoder_strings(decoder, &tw_names, &section->deny);
}

static bool filesystem_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct tw_filesystem *section = target;

    if (strcmp(key, "effect") == 0)
        return effect(decoder, &section->effect);
    if (strcmp(key, "allow") == 0)
        return tw_decoder_strings(decoder, &tw_paths, &section->allow);
    return strcmp(key, "deny") == 0 && tw_decoder_strings(decoder, &tw_paths, &section->deny);
}

static bool section(struct tw_decoder *decoder, tw_member_reader *member, void *target, const enum tw_effect *effect)
{
    if (!tw_decoder_object(decoder, member, target))
        return false;
    return *effect != TW_EFFECT_DISABLE || tw_decoder_invalid(decoder, "a section has no effect");
}

static bool rule_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct tw_policy *policy = target;

    if (strcmp(key, "name") == 0) {
        policy->rule = tw_decoder_text(decoder, tw_is_text, "the rule's name has a control character");
        return true;
    }
    if (strcmp(key, "processes") == 0)
        return section(decoder, processes_member, &policy->processes, &policy->processes.effect);
    if (strcmp(key, "network") == 0)
        return section(decoder, network_member, &policy->network, &policy->network.effect);
    if (strcmp(key, "dns") == 0)
        return section(decoder, dns_member, &policy->dns, &policy->dns.effect);
    return strcmp(key, "filesystem") == 0 &&
           section(decoder, filesystem_member, &policy->filesystem, &policy->filesystem.effect);
}

/* A string or null. */
static bool optional(struct tw_decoder *decoder, const char **value)
{
    *value = NULL;
    if (tw_json_peek(&decoder->json) == TW_JSON_NULL)
        return tw_json_null(&decoder->json);
    *value = tw_decoder_text(decoder, any, "a string has a NUL");
    return true;
}

static bool id_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct tw_policy *policy = target;

    if (strcmp(key, "function") == 0)
        return optional(decoder, &policy->function);
    if (strcmp(key, "region") == 0)
        return optional(decoder, &policy->region);
    if (strcmp(key, "provider") != 0)
        return false;
    policy->provider = tw_decoder_text(decoder, any, "the provider has a NUL");
    return true;
}

struct top {
    struct tw_policy *policy;
    bool version, id, runtime;
    uint32_t number;
    bool only_version;
};

static bool top_member(struct tw_decoder *decoder, const char *key, void *target)
{
    struct top *top = target;
    struct tw_policy *policy = top->policy;

    if (strcmp(key, "v") == 0) {
        top->version = true;
        return tw_json_small(&decoder->json, &top->number);
    }
    if (top->only_version)
        return false;
    if (strcmp(key, "id") == 0) {
        top->id = true;
        return tw_decoder_object(decoder, id_member, policy);
    }
    if (strcmp(key, "console") == 0)
        return optional(decoder, &policy->console);
    if (strcmp(key, "runtime") == 0) {
        top->runtime = true;
        if (tw_json_peek(&decoder->json) == TW_JSON_NULL)
            return tw_json_null(&decoder->json);
        return tw_decoder_object(decoder, rule_member, policy) &&
               (policy->rule != NULL || tw_decoder_invalid(decoder, "the rule has no name"));
    }
    if (strcmp(key, "file") == 0) {
        policy->file = tw_decoder_text(decoder, tw_is_packaged_file,
                                       "the policy's file is no path inside the agent's folder");
        return true;
    }
    if (strcmp(key, "sha256") != 0)
        return false;
    policy->sha256 = tw_decoder_text(decoder, tw_is_sha256, "the policy file's SHA-256 is none");
    return true;
}

static bool pass(struct tw_decoder *decoder, const char *document, size_t length, struct top *top)
{
    tw_json_open(&decoder->json, document, length);
    decoder->keys_used = 0;
    return tw_decoder_object(decoder, top_member, top) && tw_json_finish(&decoder->json);
}

static bool complete(struct tw_decoder *decoder, const struct top *top)
{
    const struct tw_policy *policy = top->policy;

    if (policy->file != NULL || policy->sha256 != NULL) {
        if (top->runtime)
            return tw_decoder_invalid(decoder, "the policy is both packaged and complete");
        return (policy->file != NULL && policy->sha256 != NULL) ||
               tw_decoder_invalid(decoder, "a packaged policy needs both file and sha256");
    }
    if (!top->id || !top->runtime)
        return tw_decoder_invalid(decoder, "the policy lacks id or runtime");
    return (policy->provider != NULL &&
            (strcmp(policy->provider, "aws") == 0 || strcmp(policy->provider, "azure") == 0)) ||
           tw_decoder_invalid(decoder, "the provider is neither aws nor azure");
}

static int decode(struct tw_decoder *decoder, const char *document, size_t length, const char **why)
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
    const size_t scratch = TW_POLICY_LARGEST + 1, keys = 2 * TW_POLICY_LARGEST;

    *why = "TW_POLICY is over 64 KiB";
    if (length > TW_POLICY_LARGEST)
        return TW_E_DOCUMENT;
    *why = "there is no memory for the policy";
    if (arena->size - arena->used < scratch + keys)
        return TW_E_SYSTEM;
    /* At the far end, so that what is kept lies together. */
    arena->size -= scratch + keys;
    struct tw_decoder decoder = {
        .arena = arena,
        .policy = policy,
        .scratch = arena->memory + arena->size,
        .scratch_size = scratch,
        .keys = arena->memory + arena->size + scratch,
        .keys_size = keys,
    };
    int result = decode(&decoder, document, length, why);

    arena->size += scratch + keys;
    return result;
}
