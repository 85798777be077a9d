/* The hooks of the calls that look names up: libc's functions with the same types and the same failures. */
#ifndef TW_DNS_CALLS_H
#define TW_DNS_CALLS_H

#include "hooks.h"

#include <netdb.h>
#include <sys/socket.h>

struct __res_state;
struct gaicb;
struct sigevent;

/* lookup_calls.c */
int tw_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found);
int tw_getaddrinfo_a(int mode, struct gaicb *list[], int count, struct sigevent *event);
struct hostent *tw_gethostbyname(const char *name);
struct hostent *tw_gethostbyname2(const char *name, int family);
int tw_gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t size, struct hostent **found,
                       int *error);
int tw_gethostbyname2_r(const char *name, int family, struct hostent *entry, char *buffer, size_t size,
                        struct hostent **found, int *error);
struct netent *tw_getnetbyname(const char *name);
int tw_getnetbyname_r(const char *name, struct netent *entry, char *buffer, size_t size, struct netent **found,
                      int *error);
struct hostent *tw_gethostbyaddr(const void *address, socklen_t size, int family);
int tw_gethostbyaddr_r(const void *address, socklen_t size, int family, struct hostent *entry, char *buffer,
                       size_t buffer_size, struct hostent **found, int *error);
int tw_getnameinfo(const struct sockaddr *address, socklen_t size, char *host, socklen_t host_size, char *service,
                   socklen_t service_size, int flags);

/* query_calls.c */
int tw_res_query(const char *name, int class, int type, unsigned char *answer, int size);
int tw_res_search(const char *name, int class, int type, unsigned char *answer, int size);
int tw_res_querydomain(const char *name, const char *domain, int class, int type, unsigned char *answer, int size);
int tw_res_nquery(struct __res_state *state, const char *name, int class, int type, unsigned char *answer, int size);
int tw_res_nsearch(struct __res_state *state, const char *name, int class, int type, unsigned char *answer, int size);
int tw_res_nquerydomain(struct __res_state *state, const char *name, const char *domain, int class, int type,
                        unsigned char *answer, int size);
int tw_res_send(const unsigned char *query, int query_size, unsigned char *answer, int size);
int tw_res_nsend(struct __res_state *state, const unsigned char *query, int query_size, unsigned char *answer,
                 int size);

#endif
