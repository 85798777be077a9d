/* Order within the section: deny list, crypto miners, block-all, allow list (docs/policy.md). */
#include "judge.h"

#include "match.h"
#include "miners.inc"

#include <string.h>

static const char *first_match(const struct tw_list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *entry = list->items[i];

        if (tw_match(entry, strchr(entry, '/') != NULL ? path : tw_base_name(path), true))
            return entry;
    }
    return NULL;
}

static const char *miner(const char *path, const char *const *argv)
{
    for (size_t i = 0; i < sizeof tw_miner_names / sizeof *tw_miner_names; i++)
        if (tw_match(tw_miner_names[i], tw_base_name(path), false))
            return tw_miner_names[i];
    for (size_t i = 0; i < sizeof tw_miner_arguments / sizeof *tw_miner_arguments; i++)
        for (const char *const *argument = argv; argument != NULL && *argument != NULL; argument++)
            if (tw_match(tw_miner_arguments[i], *argument, false))
                return tw_miner_arguments[i];
    return NULL;
}

static struct tw_verdict denied(const struct tw_processes *section, const char *attack, const char *why,
                                const char *by)
{
    return (struct tw_verdict){section->effect, attack, why, by};
}

static struct tw_verdict judge_file(const struct tw_processes *section, const char *path, const char *const *argv)
{
    const char *entry = first_match(&section->deny, path);
    const char *sign = section->crypto_miners ? miner(path, argv) : NULL;

    if (entry != NULL)
        return denied(section, "explicitlyDeniedProcess", "the process is on the deny list", entry);
    if (sign != NULL)
        return denied(section, "cryptoMinerProcess", "the process looks like a crypto miner", sign);
    if (section->block_all)
        return denied(section, "explicitlyDeniedProcess", "every process but the main one is denied", NULL);
    if (section->allow.count > 0 && first_match(&section->allow, path) == NULL)
        return denied(section, "explicitlyDeniedProcess", "the process is not on the allow list", NULL);
    return (struct tw_verdict){0};
}

struct tw_verdict tw_judge_process(const struct tw_processes *section, const struct tw_process_facts *facts)
{
    struct tw_verdict verdict = {0};

    if (section->effect == TW_EFFECT_DISABLE)
        return verdict;
    verdict = judge_file(section, facts->path, facts->argv);
    if (verdict.effect == TW_EFFECT_DISABLE && facts->interpreter != NULL)
        verdict = judge_file(section, facts->interpreter, facts->argv);
    if (verdict.effect == TW_EFFECT_DISABLE && facts->unexamined && section->allow.count + section->deny.count > 0)
        verdict = denied(section, "explicitlyDeniedProcess", "the process could not be compared with the lists", NULL);
    return verdict;
}
