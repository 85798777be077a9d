/* A name that is about to be looked up: judged by the section "dns", and what its answer is worth to the section
 * "network". */
#ifndef TW_QUESTION_H
#define TW_QUESTION_H

#include "names.h"
#include "policy.h"

#include <netdb.h>

struct tw_verdict;
struct __res_state;

/* The longest that libc's calls take, and its NUL. */
enum { TW_QUESTION_LARGEST = 1026 };

struct tw_question {
    const char *name;                /* what libc is to ask for: the copy, or the caller's own where it is too long */
    const struct __res_state *state; /* what the resolver goes by; NULL: the thread's own */
    bool is_query;                   /* asked as it stands: an address is a name like any other */
    unsigned kinds;                  /* what the addresses of the answer are (resolved.h) */
    char copy[TW_QUESTION_LARGEST];
};

/* Copies the name and judges the copy. Returns whether the call must fail. Keeps errno. */
bool tw_question_denied(struct tw_question *question, const char *name);

/* The same for a query that is a packet already. */
bool tw_query_denied(struct tw_question *question, const void *bytes, size_t size);

/* The same for the name that stands for an address. */
bool tw_reverse_denied(const struct tw_address *address);

/* Audits and acts on the verdict about a name; NULL or empty: it could not be read. */
bool tw_domain_act(const struct tw_verdict *verdict, const char *name);

/* What came back. */
void tw_question_addresses(const struct tw_question *question, const struct addrinfo *found);
void tw_question_entry(const struct tw_question *question, const struct hostent *entry);
void tw_question_answer(const struct tw_question *question, const void *answer, int size);

/* libc's resolver is at work between the two, in this thread and below this frame. Before glibc 2.34 it stands in
 * libraries of its own, whose calls are hooked like those of any other; what they send was judged already. */
const void *tw_resolver_enter(const void *frame);
void tw_resolver_leave(const void *before);
bool tw_resolver_runs(void);

#endif
