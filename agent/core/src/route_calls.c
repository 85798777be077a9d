/* A sender may tell routers by which addresses a packet is to go (source routes): where it arrives is then not where
 * the call says. Nobody needs that to reach a server; where addresses are judged it is refused. */
#define _GNU_SOURCE
#include "network_calls.h"

#include "act.h"

#include <errno.h>
#include <netinet/in.h>

/* Options and control messages that hold a route: linux/in.h and linux/in6.h; not all of it in glibc's headers. */
enum { ROUTE_OPTIONS = 4, ROUTE_RETURNED = 7, ROUTE_HEADER = 57, ROUTE_OLD_HEADER = 5, ROUTE_OLD_OPTIONS = 6 };

static bool is_route(int level, int name)
{
    return (level == IPPROTO_IP && (name == ROUTE_OPTIONS || name == ROUTE_RETURNED)) ||
           (level == IPPROTO_IPV6 && (name == ROUTE_HEADER || name == ROUTE_OLD_HEADER || name == ROUTE_OLD_OPTIONS));
}

static bool route_denied(void)
{
    const struct tw_policy *policy = tw_policy_active;

    if (policy == NULL || policy->network.effect == TW_EFFECT_DISABLE ||
        policy->network.allow_ips.count + policy->network.deny_ips.count + policy->dns.allow.count == 0)
        return false;
    const struct tw_verdict verdict = {
        policy->network.effect,
        "explicitlyDeniedIP",
        "the sender chooses the way of its packets, so that no list can tell where they go",
        NULL,
    };

    if (!tw_act(&verdict, TW_AUDIT_NETWORK, NULL, 0))
        return false;
    errno = EPERM;
    return true;
}

int tw_setsockopt(int socket, int level, int name, const void *value, socklen_t size)
{
    typedef int function(int, int, int, const void *, socklen_t);

    /* An empty value takes a route away. */
    if (is_route(level, name) && value != NULL && size > 0 && route_denied())
        return -1;
    return TW_REAL(setsockopt, function)(socket, level, name, value, size);
}

bool tw_message_route_denied(const struct msghdr *message)
{
    if (message->msg_control == NULL)
        return false;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL;
         at = CMSG_NXTHDR((struct msghdr *)(uintptr_t)message, at))
        if (is_route(at->cmsg_level, at->cmsg_type))
            return route_denied();
    return false;
}
