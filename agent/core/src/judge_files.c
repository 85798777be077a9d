/* Order within the section: deny list, allow list; what a function needs to run at all may be read unless an entry
 * names it (docs/policy.md). */
#include "judge.h"

#include "match.h"

#include <string.h>

/* Whether `path` is `entry` or lies below it. A plain loop: nearly all entries part within the first letters, where
 * calls of strlen and strncmp take several times as long, and every open asks of every entry. */
static bool covers(const char *entry, const char *path)
{
    size_t length = 0;

    if (entry[0] == '/' && entry[1] == '\0')
        return true; /* the root: its slash is the one that everything begins with */
    while (entry[length] != '\0' && entry[length] == path[length])
        length++;
    return entry[length] == '\0' && (path[length] == '\0' || path[length] == '/');
}

static const char *covering(const struct tw_list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (covers(list->items[i], path))
            return list->items[i];
    return NULL;
}

/* Of the process's own files those that hold secrets, or reach into any memory; of each thread too. */
static bool is_private(const char *path)
{
    if (!covers("/proc/self", path))
        return false;
    const char *name = tw_base_name(path);

    return strcmp(name, "environ") == 0 || strcmp(name, "mem") == 0;
}

/* The entry of `readable` that makes this an implicit read, NULL where it is none. Of several it is the one that lies
 * highest: who denies /opt means all of it, although /opt/python may be readable too. */
static const char *implicitly(const struct tw_filesystem *section, const struct tw_file_facts *facts)
{
    const struct tw_list *readable = &section->readable;
    const char *highest = NULL;

    if (!facts->reads_only || is_private(facts->path))
        return NULL;
    for (size_t i = 0; i < readable->count; i++)
        if (covers(readable->items[i], facts->path) && (highest == NULL || covers(readable->items[i], highest)))
            highest = readable->items[i];
    return highest;
}

/* What may be read implicitly is looked for last: the usual path is below no entry of this list. */
static bool denies(const struct tw_filesystem *section, const struct tw_file_facts *facts, const char *entry)
{
    if (facts->with_all_below && covers(facts->path, entry))
        return true;
    if (!covers(entry, facts->path))
        return false;
    const char *implicit = implicitly(section, facts);

    return implicit == NULL || covers(implicit, entry);
}

static const char *denying(const struct tw_filesystem *section, const struct tw_file_facts *facts)
{
    for (size_t i = 0; i < section->deny.count; i++)
        if (denies(section, facts, section->deny.items[i]))
            return section->deny.items[i];
    return NULL;
}

static struct tw_verdict denied(const struct tw_filesystem *section, const char *why, const char *by)
{
    return (struct tw_verdict){section->effect, "regFileAccess", why, by};
}

struct tw_verdict tw_judge_file(const struct tw_filesystem *section, const struct tw_file_facts *facts)
{
    if (section->effect == TW_EFFECT_DISABLE)
        return (struct tw_verdict){0};
    const char *entry = denying(section, facts);

    if (entry != NULL)
        return denied(section, "the path is on the deny list", entry);
    if (section->allow.count > 0 && covering(&section->allow, facts->path) == NULL &&
        implicitly(section, facts) == NULL)
        return denied(section, "the path is not on the allow list", NULL);
    if (facts->unexamined && section->allow.count + section->deny.count > 0)
        return denied(section, "the path could not be compared with the lists", NULL);
    return (struct tw_verdict){0};
}
