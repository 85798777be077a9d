/* Room "judge": one pure function a section, facts in, verdict out. It asks the system nothing. */
#ifndef TW_JUDGE_H
#define TW_JUDGE_H

#include "policy.h"

struct tw_verdict {
    enum tw_effect effect; /* TW_EFFECT_DISABLE: allowed */
    const char *attack;    /* the audit's attackType */
    const char *why;       /* why it was denied, for people */
    const char *by;        /* the entry or pattern that decided, or NULL */
};

/* A program about to start: canonical paths of the file and, for a script, of its interpreters. */
struct tw_process_facts {
    const char *path;
    const char *const *argv; /* ends in NULL; NULL: not known */
    const char *interpreter; /* NULL: none */
    bool unexamined;         /* these are names alone: no list can tell what would run */
};

struct tw_verdict tw_judge_process(const struct tw_processes *section, const struct tw_process_facts *facts);

/* A connection about to be made, or a packet about to be sent. */
struct tw_outbound_facts {
    struct tw_address address;
    uint16_t port;
    bool implicit; /* one of those that every function may reach: loopback, the platform's own, resolvers */
    bool resolved; /* returned for a name that the allow list of dns has */
};

/* By the section network; the allow list of dns counts as one of addresses too (docs/policy.md). */
struct tw_verdict tw_judge_outbound(const struct tw_policy *policy, const struct tw_outbound_facts *facts);

/* A port that is about to be listened on. */
struct tw_verdict tw_judge_listening(const struct tw_network *section, uint16_t port);

/* A name about to be asked for: without a final dot, in any case. */
struct tw_name_facts {
    const char *name;
    bool implicit;   /* one that every function may ask for: its own, the platform's, the console's */
    bool unexamined; /* the resolver may ask for another name than this: no list can tell */
};

struct tw_verdict tw_judge_name(const struct tw_dns *section, const struct tw_name_facts *facts);

/* Whether the allow list has the name, and the deny list has not. */
bool tw_name_is_listed(const struct tw_dns *section, const char *name);

/* A file about to be opened, made, changed or taken away. */
struct tw_file_facts {
    const char *path; /* the real one; of this process's own files in /proc: /proc/self/... */
    bool reads_only;
    bool unexamined; /* this is a name alone: no list can tell which file is meant */
    bool with_all_below; /* the call also reaches what lies below: an entry of the deny list there denies it */
};

struct tw_verdict tw_judge_file(const struct tw_filesystem *section, const struct tw_file_facts *facts);

#endif
