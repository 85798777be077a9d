/* Room "judge": one pure function a section, facts in, verdict out. It asks the system nothing. */
#ifndef TW_JUDGE_H
#define TW_JUDGE_H

#include "policy.h"

/* A program about to start: canonical paths of the file and, for a script, of its interpreters. */
struct tw_process_facts {
    const char *path;
    const char *const *argv; /* ends in NULL; NULL: not known */
    const char *interpreter; /* NULL: none */
    bool unexamined;         /* these are names alone: no list can tell what would run */
};

struct tw_verdict {
    enum tw_effect effect; /* TW_EFFECT_DISABLE: allowed */
    const char *attack;    /* the audit's attackType */
    const char *why;       /* why it was denied, for people */
    const char *by;        /* the entry or pattern that decided, or NULL */
};

struct tw_verdict tw_judge_process(const struct tw_processes *section, const struct tw_process_facts *facts);

#endif
