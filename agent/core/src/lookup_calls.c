/* Names of hosts and services, and addresses that are to become names again. */
#define _GNU_SOURCE
#include "dns_calls.h"
#include "endpoint.h"
#include "question.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

typedef int getaddrinfo_function(const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef int getaddrinfo_a_function(int, struct gaicb *[], int, struct sigevent *);
typedef struct hostent *gethostbyname_function(const char *);
typedef struct hostent *gethostbyname2_function(const char *, int);
typedef int gethostbyname_r_function(const char *, struct hostent *, char *, size_t, struct hostent **, int *);
typedef int gethostbyname2_r_function(const char *, int, struct hostent *, char *, size_t, struct hostent **, int *);
typedef struct netent *getnetbyname_function(const char *);
typedef int getnetbyname_r_function(const char *, struct netent *, char *, size_t, struct netent **, int *);
typedef struct hostent *gethostbyaddr_function(const void *, socklen_t, int);
typedef int gethostbyaddr_r_function(const void *, socklen_t, int, struct hostent *, char *, size_t, struct hostent **,
                                     int *);
typedef int getnameinfo_function(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int);

/* The call is libc's own, and what it does in turn was judged. */
#define RESOLVE(result, call)                                                      \
    do {                                                                           \
        const void *before = tw_resolver_enter(__builtin_frame_address(0));        \
                                                                                   \
        result = call;                                                             \
        tw_resolver_leave(before);                                                 \
    } while (0)

int tw_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    struct tw_question question = {.state = NULL, .is_query = false};
    struct addrinfo own = {0};
    int result;

    if (hints != NULL)
        own = *hints;
    if (node == NULL || (own.ai_flags & AI_NUMERICHOST) != 0)
        return TW_REAL(getaddrinfo, getaddrinfo_function)(node, service, hints == NULL ? NULL : &own, found);
    if (tw_question_denied(&question, node))
        return EAI_FAIL;
    RESOLVE(result, TW_REAL(getaddrinfo, getaddrinfo_function)(question.name, service, hints == NULL ? NULL : &own,
                                                               found));
    if (result == 0)
        tw_question_addresses(&question, *found);
    return result;
}

/* The names are read again by another thread, later: they can't be copied, and their addresses come too late. */
int tw_getaddrinfo_a(int mode, struct gaicb *list[], int count, struct sigevent *event)
{
    for (int i = 0; list != NULL && i < count; i++) {
        struct tw_question question = {.state = NULL, .is_query = false};

        if (list[i] != NULL && tw_question_denied(&question, list[i]->ar_name))
            return EAI_FAIL;
    }
    return TW_REAL(getaddrinfo_a, getaddrinfo_a_function)(mode, list, count, event);
}

static struct hostent *no_entry(void)
{
    h_errno = NO_RECOVERY;
    return NULL;
}

static int no_entry_r(struct hostent **found, int *error)
{
    *found = NULL;
    *error = h_errno = NO_RECOVERY; /* libc sets both */
    return EPERM;
}

struct hostent *tw_gethostbyname(const char *name)
{
    struct tw_question question = {.state = NULL, .is_query = false};
    struct hostent *entry;

    if (tw_question_denied(&question, name))
        return no_entry();
    RESOLVE(entry, TW_REAL(gethostbyname, gethostbyname_function)(question.name));
    if (entry != NULL)
        tw_question_entry(&question, entry);
    return entry;
}

struct hostent *tw_gethostbyname2(const char *name, int family)
{
    struct tw_question question = {.state = NULL, .is_query = false};
    struct hostent *entry;

    if (tw_question_denied(&question, name))
        return no_entry();
    RESOLVE(entry, TW_REAL(gethostbyname2, gethostbyname2_function)(question.name, family));
    if (entry != NULL)
        tw_question_entry(&question, entry);
    return entry;
}

int tw_gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t size, struct hostent **found,
                       int *error)
{
    struct tw_question question = {.state = NULL, .is_query = false};
    int result;

    if (tw_question_denied(&question, name))
        return no_entry_r(found, error);
    RESOLVE(result, TW_REAL(gethostbyname_r, gethostbyname_r_function)(question.name, entry, buffer, size, found,
                                                                       error));
    if (result == 0 && *found != NULL)
        tw_question_entry(&question, *found);
    return result;
}

int tw_gethostbyname2_r(const char *name, int family, struct hostent *entry, char *buffer, size_t size,
                        struct hostent **found, int *error)
{
    struct tw_question question = {.state = NULL, .is_query = false};
    int result;

    if (tw_question_denied(&question, name))
        return no_entry_r(found, error);
    RESOLVE(result, TW_REAL(gethostbyname2_r, gethostbyname2_r_function)(question.name, family, entry, buffer, size,
                                                                         found, error));
    if (result == 0 && *found != NULL)
        tw_question_entry(&question, *found);
    return result;
}

/* Of networks; where the system's settings say so, name servers are asked for those, too. What comes back is no
 * address. */
struct netent *tw_getnetbyname(const char *name)
{
    struct tw_question question = {.state = NULL, .is_query = true};
    struct netent *entry;

    if (tw_question_denied(&question, name)) {
        h_errno = NO_RECOVERY;
        return NULL;
    }
    RESOLVE(entry, TW_REAL(getnetbyname, getnetbyname_function)(question.name));
    return entry;
}

int tw_getnetbyname_r(const char *name, struct netent *entry, char *buffer, size_t size, struct netent **found,
                      int *error)
{
    struct tw_question question = {.state = NULL, .is_query = true};
    int result;

    if (tw_question_denied(&question, name)) {
        *found = NULL;
        *error = h_errno = NO_RECOVERY;
        return EPERM;
    }
    RESOLVE(result, TW_REAL(getnetbyname_r, getnetbyname_r_function)(question.name, entry, buffer, size, found, error));
    return result;
}

/* Copies the address that is asked about. Returns false when libc would refuse it. */
static bool copy_address(const void *from, socklen_t size, int family, uint8_t bytes[16], struct tw_address *address)
{
    bool is_v4 = family == AF_INET && size == 4;

    if (from == NULL || (!is_v4 && (family != AF_INET6 || size != 16)))
        return false;
    memcpy(bytes, from, size);
    if (is_v4)
        *address = tw_address_mapped(bytes);
    else
        memcpy(address->bytes, bytes, sizeof address->bytes);
    return true;
}

struct hostent *tw_gethostbyaddr(const void *given, socklen_t size, int family)
{
    uint8_t bytes[16];
    struct tw_address address;
    struct hostent *entry;

    if (!copy_address(given, size, family, bytes, &address))
        return TW_REAL(gethostbyaddr, gethostbyaddr_function)(given, size, family);
    if (tw_reverse_denied(&address))
        return no_entry();
    RESOLVE(entry, TW_REAL(gethostbyaddr, gethostbyaddr_function)(bytes, size, family));
    return entry;
}

int tw_gethostbyaddr_r(const void *given, socklen_t size, int family, struct hostent *entry, char *buffer,
                       size_t buffer_size, struct hostent **found, int *error)
{
    uint8_t bytes[16];
    struct tw_address address;
    int result;

    if (!copy_address(given, size, family, bytes, &address))
        return TW_REAL(gethostbyaddr_r, gethostbyaddr_r_function)(given, size, family, entry, buffer, buffer_size,
                                                                  found, error);
    if (tw_reverse_denied(&address))
        return no_entry_r(found, error);
    RESOLVE(result, TW_REAL(gethostbyaddr_r, gethostbyaddr_r_function)(bytes, size, family, entry, buffer, buffer_size,
                                                                       found, error));
    return result;
}

int tw_getnameinfo(const struct sockaddr *given, socklen_t size, char *host, socklen_t host_size, char *service,
                   socklen_t service_size, int flags)
{
    struct sockaddr_storage name;
    struct tw_endpoint endpoint;
    int result;

    if (given == NULL || size > sizeof name || host == NULL || host_size == 0 || (flags & NI_NUMERICHOST) != 0)
        return TW_REAL(getnameinfo, getnameinfo_function)(given, size, host, host_size, service, service_size, flags);
    memcpy(&name, given, size);
    if (tw_endpoint_read(&name, size, &endpoint) && tw_reverse_denied(&endpoint.address))
        return EAI_FAIL;
    RESOLVE(result, TW_REAL(getnameinfo, getnameinfo_function)((const struct sockaddr *)&name, size, host, host_size,
                                                               service, service_size, flags));
    return result;
}
