/* DNS messages (RFC 1035, 4): the names that are asked for, and the addresses of an answer. Reads bytes that anybody
 * may have written; judges nothing. */
#ifndef TW_DNS_PACKET_H
#define TW_DNS_PACKET_H

#include "names.h"
#include "policy.h"

struct tw_dns_reader {
    const uint8_t *bytes;
    size_t size, at;
    unsigned questions, answers; /* that are still to be read */
};

/* A question or an answer that was read; `broken`: the message does not hold what it says. */
enum tw_dns_read { TW_DNS_READ, TW_DNS_BROKEN, TW_DNS_END };

/* Stands in front of the first question. Returns false when it is too short for a message, or asks nothing. */
bool tw_dns_open(struct tw_dns_reader *reader, const void *bytes, size_t size);

/* The next question's name; `plain` says whether it has only bytes that can be compared. */
enum tw_dns_read tw_dns_question(struct tw_dns_reader *reader, char name[TW_NAME], bool *plain);

/* Passes the questions by, and finds the next answer that is an address. */
enum tw_dns_read tw_dns_answer(struct tw_dns_reader *reader, struct tw_address *address);

/* The next message of a TCP stream, each with its length in front; `at` is where it stands, and is moved. Returns false
 * when what is left is no whole message. */
bool tw_dns_message(const uint8_t *bytes, size_t size, size_t *at, const uint8_t **message, size_t *length);

#endif
