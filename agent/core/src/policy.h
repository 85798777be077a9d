/* Room "policy": TW_POLICY decoded once into memory that is read-only from then on. Judges nothing. */
#ifndef TW_POLICY_H
#define TW_POLICY_H

#include "codec.h"

enum { TW_POLICY_LARGEST = 64 * 1024, TW_POLICY_MEMORY = 1024 * 1024 };

enum tw_effect { TW_EFFECT_DISABLE, TW_EFFECT_ALERT, TW_EFFECT_PREVENT, TW_EFFECT_BLOCK };

struct tw_list {
    const char *const *items;
    size_t count;
};

/* Both ends included. */
struct tw_port_range {
    uint16_t first, last;
};

struct tw_ports {
    const struct tw_port_range *items;
    size_t count;
};

/* IPv6 in network order; an IPv4 address is held as the IPv6 address that is mapped to it (::ffff:a.b.c.d). */
struct tw_address {
    uint8_t bytes[16];
};

struct tw_block {
    struct tw_address address;
    unsigned prefix;  /* bits, of 128 */
    const char *text; /* as the policy has it */
};

struct tw_blocks {
    const struct tw_block *items;
    size_t count;
};

struct tw_processes {
    enum tw_effect effect;
    bool block_all, crypto_miners;
    struct tw_list allow, deny;
};

struct tw_network {
    enum tw_effect effect;
    struct tw_blocks allow_ips, deny_ips;
    struct tw_ports allow_outbound, deny_outbound, allow_listening, deny_listening;
};

/* Names are in lower case, without a final dot, and have one leading wildcard at most. */
struct tw_dns {
    enum tw_effect effect;
    struct tw_list allow, deny;
};

/* Paths have no final or repeated slash and no part "."; each stands for all below it too. */
struct tw_filesystem {
    enum tw_effect effect;
    struct tw_list allow, deny;
    struct tw_list readable; /* what may be read without being allowed: not from the policy, but from where we run */
};

struct tw_policy {
    const char *function, *region; /* whom it was made for; NULL: not said */
    const char *provider;
    const char *console; /* host name, NULL: none */
    const char *rule;    /* NULL: no rule, nothing to enforce */
    struct tw_processes processes;
    struct tw_network network;
    struct tw_dns dns;
    struct tw_filesystem filesystem;
    /* The packaged form: the policy itself lies in a file below the agent's folder. */
    const char *file, *sha256;
};

/* What is judged by from now on: NULL until the hooks are in. */
extern const struct tw_policy *tw_policy_active;

/* The strongest effect of its sections: that of attempts on the agent itself. */
enum tw_effect tw_policy_strongest(const struct tw_policy *policy);

/* Memory that strings and lists are put into, from the front; nothing is given back. It has to be aligned for any
 * type, as a mapping is. */
struct tw_arena {
    char *memory;
    size_t size, used;
};

void *tw_arena_take(struct tw_arena *arena, size_t size);

/* Decodes a document (the JSON itself). Everything in `policy` lies in `arena`. Returns TW_OK, TW_E_VERSION,
 * TW_E_DOCUMENT or TW_E_SYSTEM; `why` is a line about it. */
int tw_policy_decode(const char *document, size_t length, struct tw_arena *arena, struct tw_policy *policy,
                     const char **why);

/* Single values, as the command line checks them too. */
bool tw_is_text(const char *text);
bool tw_is_entry(const char *text);
bool tw_block_read(const char *text, struct tw_block *block);
bool tw_is_name(const char *text);
bool tw_is_path(const char *text);

/* A name or path in the one way to write it, in place. */
void tw_name_normalise(char *name);
void tw_path_normalise(char *path);

bool tw_is_packaged_file(const char *text);
bool tw_is_sha256(const char *text);

/* Finds the policy: TW_POLICY, the file that it names, or the one baked into `folder`, and makes it read-only.
 * `readable` are folders that may be read without being allowed, as in struct tw_options. Returns what tw_start
 * returns. */
int tw_policy_find(const char *tw_policy, const char *folder, const char *readable, const struct tw_policy **policy,
                   const char **why);

/* Looks whether the policy's memory is what it was, and puts it back from a copy. Lost: neither can be trusted. */
enum tw_repair { TW_POLICY_WHOLE, TW_POLICY_REPAIRED, TW_POLICY_LOST };
enum tw_repair tw_policy_repair(void);

#endif
