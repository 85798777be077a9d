/* The sections "network" and, for Unix sockets, "filesystem". The copy of an address that was judged is the one that
 * the kernel gets. */
#define _GNU_SOURCE
#include "network_calls.h"

#include "act.h"
#include "dns_sends.h"
#include "endpoint.h"
#include "file_calls.h"
#include "files.h"
#include "pins.h"
#include "platform.h"
#include "resolved.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

typedef int name_function(int, const struct sockaddr *, socklen_t);
typedef int listen_function(int, int);

static const struct tw_policy *policy(void)
{
    const struct tw_policy *active = tw_policy_active;

    return active == NULL || active->network.effect == TW_EFFECT_DISABLE ? NULL : active;
}

bool tw_name_copy(const struct sockaddr *from, socklen_t size, struct tw_socket_name *name)
{
    if (from == NULL || size > sizeof name->storage)
        return false;
    memcpy(&name->storage, from, size);
    name->size = size;
    name->pin = -1;
    return true;
}

/* For a socket of IPv4, Linux takes an address of no family for one of IPv4. */
bool tw_name_endpoint(const struct tw_socket_name *name, struct tw_endpoint *to)
{
    struct sockaddr_in v4;

    if (name->size >= sizeof v4 && name->storage.ss_family == AF_UNSPEC) {
        memcpy(&v4, &name->storage, sizeof v4);
        *to = (struct tw_endpoint){tw_address_mapped(&v4.sin_addr), ntohs(v4.sin_port)};
        return true;
    }
    return tw_endpoint_read(&name->storage, name->size, to);
}

/* The kernel looks at the descriptor before it looks at the address: what is no socket fails as it would without us.
 * Returns whether it is one; else errno says what it is. */
static bool is_socket(int socket)
{
    int type;
    socklen_t size = sizeof type;

    return getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

static struct tw_verdict judge(const struct tw_policy *active, const struct tw_endpoint *to)
{
    struct tw_outbound_facts facts = {
        .address = to->address,
        .port = to->port,
        .implicit = tw_platform_is_address(&to->address, to->port),
        .resolved = (tw_resolved_kinds(&to->address) & TW_RESOLVED_LISTED) != 0,
    };

    return tw_judge_outbound(active, &facts);
}

static bool endpoint_denied(int socket, const struct tw_endpoint *to)
{
    const struct tw_policy *active = policy();
    struct tw_verdict verdict = active == NULL ? (struct tw_verdict){0} : judge(active, to);
    char ip[TW_ADDRESS_TEXT], port[TW_PORT_TEXT];
    const struct tw_detail details[] = {{"ip", ip, sizeof ip, false}, {"port", port, sizeof port, true}};
    int error = errno;

    if (verdict.effect == TW_EFFECT_DISABLE)
        return false;
    if (!is_socket(socket)) {
        if (verdict.effect != TW_EFFECT_ALERT)
            return true;
        errno = error;
        return false;
    }
    tw_address_text(&to->address, ip);
    tw_port_text(to->port, port);
    if (!tw_act(&verdict, TW_AUDIT_NETWORK, details, 2))
        return false;
    errno = EPERM;
    return true;
}

static bool is_unix(const struct tw_socket_name *name)
{
    return name->size >= sizeof name->storage.ss_family && name->storage.ss_family == AF_UNIX;
}

/* The other side never sees by which name it was found. */
static bool unix_denied(struct tw_socket_name *name)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&name->storage;

    if (!is_unix(name))
        return false;
    if (tw_socket_use_denied(address, name->size, &name->pin))
        return true;
    if (name->pin >= 0) {
        tw_descriptor_link(name->pin, address->sun_path);
        name->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address->sun_path) + 1);
    }
    return false;
}

bool tw_name_denied(int socket, struct tw_socket_name *name)
{
    struct tw_endpoint to;

    return tw_name_endpoint(name, &to) ? endpoint_denied(socket, &to) : unix_denied(name);
}

void tw_name_release(const struct tw_socket_name *name)
{
    tw_unpin(name->pin);
}

bool tw_name_matters(const struct tw_socket_name *name)
{
    const struct tw_policy *active = policy();
    struct tw_endpoint to;

    if (tw_name_endpoint(name, &to))
        return active != NULL && judge(active, &to).effect != TW_EFFECT_DISABLE;
    return is_unix(name);
}

/* An address of no family dissolves a connection. */
int tw_connect(int socket, const struct sockaddr *address, socklen_t size)
{
    struct tw_socket_name name;
    struct tw_endpoint to;

    if (!tw_name_copy(address, size, &name))
        return TW_REAL(connect, name_function)(socket, address, size);
    bool internet = tw_endpoint_read(&name.storage, name.size, &to);

    if (internet ? endpoint_denied(socket, &to) : unix_denied(&name))
        return -1;
    tw_dns_note(internet ? to.port : 0);
    int result = TW_REAL(connect, name_function)(socket, (const struct sockaddr *)&name.storage, name.size);

    tw_name_release(&name);
    return result;
}

static bool port_denied(uint16_t number)
{
    const struct tw_policy *active = policy();
    struct tw_verdict verdict = active == NULL ? (struct tw_verdict){0} : tw_judge_listening(&active->network, number);
    char port[TW_PORT_TEXT];
    const struct tw_detail detail = {"port", port, sizeof port, true};

    if (verdict.effect == TW_EFFECT_DISABLE)
        return false;
    tw_port_text(number, port);
    if (!tw_act(&verdict, TW_AUDIT_NETWORK, &detail, 1))
        return false;
    errno = EPERM;
    return true;
}

/* Whether it is a socket of IPv4 or IPv6 and of this type. Keeps errno. */
static bool is_internet(int socket, int type)
{
    int error = errno, found = 0, domain = 0;
    socklen_t size = sizeof found;
    bool is = getsockopt(socket, SOL_SOCKET, SO_TYPE, &found, &size) == 0 && found == type &&
              getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
              (domain == AF_INET || domain == AF_INET6);

    errno = error;
    return is;
}

/* A socket of UDP takes what comes from then on; one of TCP has to listen first. Port 0 is a client's: any that is
 * free. */
int tw_bind(int socket, const struct sockaddr *address, socklen_t size)
{
    struct tw_socket_name name;
    struct tw_endpoint at;

    if (!tw_name_copy(address, size, &name))
        return TW_REAL(bind, name_function)(socket, address, size);
    if (policy() != NULL && tw_name_endpoint(&name, &at) && at.port != 0 && is_internet(socket, SOCK_DGRAM) &&
        port_denied(at.port))
        return -1;
    if (is_unix(&name) && tw_socket_making_denied((const struct sockaddr_un *)&name.storage, name.size))
        return -1;
    return TW_REAL(bind, name_function)(socket, (const struct sockaddr *)&name.storage, size);
}

static bool own_endpoint(int socket, struct tw_socket_name *name, struct tw_endpoint *at)
{
    name->size = sizeof name->storage;
    return getsockname(socket, (struct sockaddr *)&name->storage, &name->size) == 0 &&
           tw_endpoint_read(&name->storage, name->size, at);
}

/* The kernel gives a port to a socket that has none when it begins to listen: here it gets it before, to be judged. */
static bool find_port(int socket, uint16_t *port)
{
    struct tw_socket_name name;
    struct tw_endpoint at;
    int error = errno;
    bool found = is_internet(socket, SOCK_STREAM) && own_endpoint(socket, &name, &at);

    if (found && at.port == 0 && TW_REAL(bind, name_function)(socket, (struct sockaddr *)&name.storage, name.size) == 0)
        found = own_endpoint(socket, &name, &at);
    errno = error;
    if (found)
        *port = at.port;
    return found;
}

int tw_listen(int socket, int backlog)
{
    uint16_t port;

    if (policy() != NULL && find_port(socket, &port) && port_denied(port))
        return -1;
    return TW_REAL(listen, listen_function)(socket, backlog);
}
