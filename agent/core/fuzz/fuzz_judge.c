/* An entry and a value, divided by a NUL, read as a network, a name and a path: what is valid has one normal form, and
 * the judge's answers are those of a plain search. */
#include "judge.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* A copy whose end the sanitizer guards. */
static char *copy(const char *text)
{
    char *found = strdup(text);

    must(found != NULL);
    return found;
}

/* By counting bits one by one. */
static bool has_bits(const struct tw_block *block, const struct tw_address *address)
{
    for (unsigned i = 0; i < block->prefix; i++)
        if (((block->address.bytes[i / 8] ^ address->bytes[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

static bool is_mapped(const struct tw_address *address)
{
    for (size_t i = 0; i < 12; i++)
        if (address->bytes[i] != (i < 10 ? 0 : 0xff))
            return false;
    return true;
}

static void network(const char *entry, const char *value)
{
    struct tw_block block = {0}, again = {0}, other = {0};
    char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 8];

    if (!tw_block_read(entry, &block))
        return;
    must(block.prefix <= 128 && inet_ntop(AF_INET6, block.address.bytes, host, sizeof host) != NULL);
    snprintf(text, sizeof text, "%s/%u", host, block.prefix);
    must(tw_block_read(text, &again) && again.prefix == block.prefix);
    must(memcmp(again.address.bytes, block.address.bytes, sizeof again.address.bytes) == 0);
    struct tw_policy policy = {.network = {.effect = TW_EFFECT_PREVENT, .deny_ips = {&block, 1}}};
    struct tw_outbound_facts facts = {.address = block.address, .port = 1};

    if (tw_block_read(value, &other))
        facts.address = other.address;
    bool plainly = has_bits(&block, &facts.address) && (block.prefix >= 96 || !is_mapped(&facts.address));

    must((tw_judge_outbound(&policy, &facts).effect == TW_EFFECT_PREVENT) == plainly);
    policy.network = (struct tw_network){.effect = TW_EFFECT_PREVENT, .allow_ips = {&block, 1}};
    must((tw_judge_outbound(&policy, &facts).effect == TW_EFFECT_PREVENT) != plainly);
}

static void name(const char *entry, const char *value)
{
    char *normal = copy(entry), *again;
    const char *items[] = {normal};
    struct tw_dns section = {.effect = TW_EFFECT_BLOCK, .deny = {items, 1}};

    tw_name_normalise(normal);
    if (tw_is_name(entry)) {
        must(tw_is_name(normal) && strlen(normal) <= strlen(entry));
        again = copy(normal);
        tw_name_normalise(again);
        must(strcmp(normal, again) == 0);
        free(again);
        must(tw_judge_name(&section, &(struct tw_name_facts){.name = normal}).by == normal);
    }
    bool denied = tw_judge_name(&section, &(struct tw_name_facts){.name = value}).effect == TW_EFFECT_BLOCK;

    must(!tw_name_is_listed(&section, value));
    section.allow = section.deny;
    section.deny.count = 0;
    must(tw_name_is_listed(&section, value) == denied);
    free(normal);
}

static bool is_below(const char *path, const char *entry)
{
    size_t length = strlen(entry);
    char *start = copy(path);

    if (strlen(path) > length)
        start[length] = '\0';
    bool below = strcmp(entry, "/") == 0 ||
                 (strcmp(start, entry) == 0 && (strlen(path) == length || path[length] == '/'));

    free(start);
    return below;
}

static void path(const char *entry, const char *value)
{
    char *normal = copy(entry), *other = copy(value), *again;
    const char *items[] = {normal};
    struct tw_filesystem section = {.effect = TW_EFFECT_ALERT, .deny = {items, 1}};

    if (tw_is_path(entry) && tw_is_path(value)) {
        tw_path_normalise(normal);
        tw_path_normalise(other);
        again = copy(normal);
        tw_path_normalise(again);
        must(tw_is_path(normal) && strcmp(normal, again) == 0 && strlen(normal) <= strlen(entry));
        must(strstr(normal, "//") == NULL && strstr(normal, "/./") == NULL);
        free(again);
        struct tw_file_facts facts = {.path = other, .reads_only = true};

        must((tw_judge_file(&section, &facts).by == normal) == is_below(other, normal));
        section.readable = section.deny;
        must((tw_judge_file(&section, &facts).by == normal) == is_below(other, normal));
        facts.with_all_below = true;
        must((tw_judge_file(&section, &facts).by == normal) == (is_below(other, normal) || is_below(normal, other)));
    }
    free(normal);
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 2);

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    char *entry = copy(text), *value = copy(text + strlen(text) + 1);

    network(entry, value);
    name(entry, value);
    path(entry, value);
    free(entry);
    free(value);
    free(text);
    return 0;
}
