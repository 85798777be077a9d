/* What the room "children" keeps, in read-only memory. Shared by its two files alone. */
#ifndef TW_CHILDREN_FACTS_H
#define TW_CHILDREN_FACTS_H

#define TW_PRELOAD "LD_PRELOAD"
#define TW_POLICY "TW_POLICY"
#define TW_PARENT "TW_PARENT"

struct tw_children_facts {
    const char *library; /* its path */
    const char *preload; /* whole entries: "LD_PRELOAD=..." */
    const char *policy;  /* NULL: the policy is the baked one, which the program's core finds itself */
    const char *parent;  /* TW_PARENT's value from behind the request id on */
};

/* NULL: nothing is done to programs. */
extern const struct tw_children_facts *tw_children_facts;

#endif
