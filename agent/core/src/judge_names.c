/* Order within the section: implicit, deny list, allow list (docs/policy.md). */
#include "judge.h"

#include "match.h"

static const char *first_match(const struct tw_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (tw_match(list->items[i], name, false))
            return list->items[i];
    return NULL;
}

static struct tw_verdict denied(const struct tw_dns *section, const char *why, const char *by)
{
    return (struct tw_verdict){section->effect, "explicitlyDeniedDNS", why, by};
}

struct tw_verdict tw_judge_name(const struct tw_dns *section, const struct tw_name_facts *facts)
{
    if (section->effect == TW_EFFECT_DISABLE || facts->implicit)
        return (struct tw_verdict){0};
    const char *entry = first_match(&section->deny, facts->name);

    if (entry != NULL)
        return denied(section, "the name is on the deny list", entry);
    if (section->allow.count > 0 && first_match(&section->allow, facts->name) == NULL)
        return denied(section, "the name is not on the allow list", NULL);
    if (facts->unexamined && section->allow.count + section->deny.count > 0)
        return denied(section, "the name could not be compared with the lists", NULL);
    return (struct tw_verdict){0};
}

bool tw_name_is_listed(const struct tw_dns *section, const char *name)
{
    return section->effect != TW_EFFECT_DISABLE && first_match(&section->allow, name) != NULL &&
           first_match(&section->deny, name) == NULL;
}
