/* Values out of a policy's JSON, checked, and put into the policy's memory. What the values mean is policy_decode.c's
 * matter. After the first error every call fails, and the JSON reader's `error` says why. */
#ifndef TW_POLICY_READER_H
#define TW_POLICY_READER_H

#include "policy.h"

struct tw_decoder {
    struct tw_json json;
    struct tw_arena *arena;
    struct tw_policy *policy;
    char *scratch; /* room for the longest string that the document can hold */
    size_t scratch_size;
    char *keys; /* of the objects that are being read, for finding those that stand there twice */
    size_t keys_size, keys_used;
    bool no_memory;
};

/* Notes why the policy is invalid; returns false. */
bool tw_decoder_invalid(struct tw_decoder *decoder, const char *why);

/* A string value; NULL when `check` does not pass it. A string with a NUL in it is never valid. */
const char *tw_decoder_text(struct tw_decoder *decoder, bool (*check)(const char *), const char *why);

/* One object: every key once; `member` reads the value of a key that it knows and returns false for others. */
typedef bool tw_member_reader(struct tw_decoder *decoder, const char *key, void *target);
bool tw_decoder_object(struct tw_decoder *decoder, tw_member_reader *member, void *target);

/* The entries of a kind of list: which are valid, and what makes of one the one way to write it. */
struct tw_entry_kind {
    bool (*check)(const char *);
    void (*normalise)(char *); /* NULL: nothing; it never makes it longer */
};

extern const struct tw_entry_kind tw_entries, tw_names, tw_paths;

bool tw_decoder_strings(struct tw_decoder *decoder, const struct tw_entry_kind *kind, struct tw_list *list);
bool tw_decoder_blocks(struct tw_decoder *decoder, struct tw_blocks *list);
bool tw_decoder_ports(struct tw_decoder *decoder, struct tw_ports *list);

#endif
