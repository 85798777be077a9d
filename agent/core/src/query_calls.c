/* libc's resolver below the names of hosts: queries for records of any type, and whole packets. */
#define _GNU_SOURCE
#include "dns_calls.h"
#include "question.h"

#include <errno.h>
#include <resolv.h>
#include <string.h>

enum { QUERY_LARGEST = 4096 };

typedef int query_function(const char *, int, int, unsigned char *, int);
typedef int domain_function(const char *, const char *, int, int, unsigned char *, int);
typedef int send_function(const unsigned char *, int, unsigned char *, int);
typedef int nquery_function(struct __res_state *, const char *, int, int, unsigned char *, int);
typedef int ndomain_function(struct __res_state *, const char *, const char *, int, int, unsigned char *, int);
typedef int nsend_function(struct __res_state *, const unsigned char *, int, unsigned char *, int);

/* Before glibc 2.34 they had other names, and old headers have macros for these: so they are pasted, not expanded. */
#define RESOLVER(name, type) \
    ((type *)(tw_reals[TW_CALL_##name] != NULL ? tw_reals[TW_CALL_##name] : tw_reals[TW_CALL___##name]))

/* As in lookup_calls.c; then what the answer says is noted. */
#define RESOLVE(question, answer, size, call)                                       \
    const void *before = tw_resolver_enter(__builtin_frame_address(0));             \
    int length = call;                                                              \
                                                                                    \
    tw_resolver_leave(before);                                                      \
    tw_question_answer(question, answer, length < (size) ? length : (size));        \
    return length

static int refuse(struct __res_state *state)
{
    if (state != NULL)
        state->res_h_errno = NO_RECOVERY;
    h_errno = NO_RECOVERY;
    return -1;
}

int tw_res_query(const char *name, int class, int type, unsigned char *answer, int size)
{
    struct tw_question question = {.is_query = true};

    if (tw_question_denied(&question, name))
        return refuse(NULL);
    RESOLVE(&question, answer, size, RESOLVER(res_query, query_function)(question.name, class, type, answer, size));
}

int tw_res_search(const char *name, int class, int type, unsigned char *answer, int size)
{
    struct tw_question question = {.is_query = true};

    if (tw_question_denied(&question, name))
        return refuse(NULL);
    RESOLVE(&question, answer, size, RESOLVER(res_search, query_function)(question.name, class, type, answer, size));
}

int tw_res_nquery(struct __res_state *state, const char *name, int class, int type, unsigned char *answer, int size)
{
    struct tw_question question = {.is_query = true, .state = state};

    if (tw_question_denied(&question, name))
        return refuse(state);
    RESOLVE(&question, answer, size,
            RESOLVER(res_nquery, nquery_function)(state, question.name, class, type, answer, size));
}

int tw_res_nsearch(struct __res_state *state, const char *name, int class, int type, unsigned char *answer, int size)
{
    struct tw_question question = {.is_query = true, .state = state};

    if (tw_question_denied(&question, name))
        return refuse(state);
    RESOLVE(&question, answer, size,
            RESOLVER(res_nsearch, nquery_function)(state, question.name, class, type, answer, size));
}

/* The two in one, which is what libc asks for. Returns NULL when it is too long: libc refuses that too. */
static const char *join(const char *name, const char *domain, char joined[TW_QUESTION_LARGEST])
{
    size_t length = strnlen(name, TW_QUESTION_LARGEST);
    size_t size = domain == NULL ? 0 : strnlen(domain, TW_QUESTION_LARGEST);

    if (length + size + 2 > TW_QUESTION_LARGEST)
        return NULL;
    memcpy(joined, name, length);
    if (domain != NULL) {
        joined[length++] = '.';
        memcpy(joined + length, domain, size);
    }
    joined[length + size] = '\0';
    return joined;
}

int tw_res_querydomain(const char *name, const char *domain, int class, int type, unsigned char *answer, int size)
{
    struct tw_question question = {.is_query = true};
    char joined[TW_QUESTION_LARGEST];

    if (name != NULL && (join(name, domain, joined) == NULL || tw_question_denied(&question, joined)))
        return refuse(NULL);
    RESOLVE(&question, answer, size,
            RESOLVER(res_querydomain, domain_function)(name == NULL ? NULL : joined, NULL, class, type, answer, size));
}

int tw_res_nquerydomain(struct __res_state *state, const char *name, const char *domain, int class, int type,
                        unsigned char *answer, int size)
{
    struct tw_question question = {.is_query = true, .state = state};
    char joined[TW_QUESTION_LARGEST];

    if (name != NULL && (join(name, domain, joined) == NULL || tw_question_denied(&question, joined)))
        return refuse(state);
    RESOLVE(&question, answer, size,
            RESOLVER(res_nquerydomain, ndomain_function)(state, name == NULL ? NULL : joined, NULL, class, type, answer,
                                                         size));
}

/* A copy of the packet; one that is too long is judged as one that can't be read. */
static bool query_denied(struct tw_question *question, const unsigned char **query, int size,
                         unsigned char copy[QUERY_LARGEST])
{
    bool fits = *query != NULL && size > 0 && size <= QUERY_LARGEST;

    if (fits) {
        memcpy(copy, *query, (size_t)size);
        *query = copy;
    }
    if (!tw_query_denied(question, copy, fits ? (size_t)size : 0))
        return false;
    errno = EPERM;
    return true;
}

int tw_res_send(const unsigned char *query, int query_size, unsigned char *answer, int size)
{
    struct tw_question question = {.is_query = true};
    unsigned char copy[QUERY_LARGEST];

    if (query_denied(&question, &query, query_size, copy))
        return refuse(NULL);
    RESOLVE(&question, answer, size, RESOLVER(res_send, send_function)(query, query_size, answer, size));
}

int tw_res_nsend(struct __res_state *state, const unsigned char *query, int query_size, unsigned char *answer, int size)
{
    struct tw_question question = {.is_query = true, .state = state};
    unsigned char copy[QUERY_LARGEST];

    if (query_denied(&question, &query, query_size, copy))
        return refuse(state);
    RESOLVE(&question, answer, size, RESOLVER(res_nsend, nsend_function)(state, query, query_size, answer, size));
}
