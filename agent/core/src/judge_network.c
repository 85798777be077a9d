/* Order, outbound: implicit, deny lists, ports, addresses; listening: deny list, allow list (docs/policy.md). */
#include "judge.h"

#include <string.h>

/* In bits: where the IPv4 address stands in an IPv6 address that is mapped to it. */
enum { MAPPED = 96 };

static bool is_mapped(const struct tw_address *address)
{
    static const uint8_t mapped[MAPPED / 8] = {[10] = 0xff, [11] = 0xff};

    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

static bool covers(const struct tw_block *block, const struct tw_address *address)
{
    size_t whole = block->prefix / 8;
    unsigned rest = block->prefix % 8;

    /* ::/0 means every IPv6 address, as 0.0.0.0/0 means every IPv4 one, however either is written. */
    if (block->prefix < MAPPED && is_mapped(address))
        return false;
    if (memcmp(block->address.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || (block->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

static const struct tw_block *covering(const struct tw_blocks *blocks, const struct tw_address *address)
{
    for (size_t i = 0; i < blocks->count; i++)
        if (covers(&blocks->items[i], address))
            return &blocks->items[i];
    return NULL;
}

static bool has_port(const struct tw_ports *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->count; i++)
        if (port >= ports->items[i].first && port <= ports->items[i].last)
            return true;
    return false;
}

static struct tw_verdict denied(enum tw_effect effect, const char *attack, const char *why, const char *by)
{
    return (struct tw_verdict){effect, attack, why, by};
}

/* Whether only addresses of allowed names may be reached. A dns section on trial must not make a network section
 * stop anything; the other way round nothing is stopped. */
static bool names_count(const struct tw_policy *policy)
{
    enum tw_effect effect = policy->dns.effect;

    if (policy->dns.allow.count == 0 || effect == TW_EFFECT_DISABLE)
        return false;
    return effect != TW_EFFECT_ALERT || policy->network.effect == TW_EFFECT_ALERT;
}

struct tw_verdict tw_judge_outbound(const struct tw_policy *policy, const struct tw_outbound_facts *facts)
{
    static const char address[] = "explicitlyDeniedIP", port[] = "explicitlyDeniedOutboundPort";
    const struct tw_network *section = &policy->network;
    enum tw_effect effect = section->effect;

    if (effect == TW_EFFECT_DISABLE || facts->implicit)
        return (struct tw_verdict){0};
    const struct tw_block *deny = covering(&section->deny_ips, &facts->address);

    if (deny != NULL)
        return denied(effect, address, "the address is on the deny list", deny->text);
    if (has_port(&section->deny_outbound, facts->port))
        return denied(effect, port, "the port is on the deny list", NULL);
    if (section->allow_outbound.count > 0 && !has_port(&section->allow_outbound, facts->port))
        return denied(effect, port, "the port is not on the allow list", NULL);
    if (section->allow_ips.count == 0 && !names_count(policy))
        return (struct tw_verdict){0};
    if (facts->resolved || covering(&section->allow_ips, &facts->address) != NULL)
        return (struct tw_verdict){0};
    return denied(effect, address, "the address is not on the allow list, nor that of an allowed name", NULL);
}

struct tw_verdict tw_judge_listening(const struct tw_network *section, uint16_t port)
{
    static const char attack[] = "explicitlyDeniedListeningPort";

    if (section->effect == TW_EFFECT_DISABLE)
        return (struct tw_verdict){0};
    if (has_port(&section->deny_listening, port))
        return denied(section->effect, attack, "the port is on the deny list", NULL);
    if (section->allow_listening.count > 0 && !has_port(&section->allow_listening, port))
        return denied(section->effect, attack, "the port is not on the allow list", NULL);
    return (struct tw_verdict){0};
}
