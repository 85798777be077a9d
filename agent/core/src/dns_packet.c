#include "dns_packet.h"

#include "endpoint.h"

#include <string.h>

enum { HEADER = 12, WIRE_NAME = 255, TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1, RECORD = 10 };

static unsigned number_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

bool tw_dns_open(struct tw_dns_reader *reader, const void *bytes, size_t size)
{
    *reader = (struct tw_dns_reader){.bytes = bytes, .size = size, .at = HEADER};
    if (size < HEADER)
        return false;
    reader->questions = number_at(reader->bytes + 4);
    reader->answers = number_at(reader->bytes + 6);
    return reader->questions > 0;
}

/* A name on its way from the wire to text. */
struct spelling {
    char *name; /* NULL: it is only passed by */
    size_t length, wire;
    bool plain;
};

static void spell(struct spelling *spelling, const uint8_t *label, size_t length)
{
    if (spelling->length > 0)
        spelling->name[spelling->length++] = '.';
    for (size_t i = 0; i < length; i++) {
        uint8_t letter = label[i];

        spelling->plain &= letter > ' ' && letter < 0x7f && letter != '.' && letter != '\\';
        /* A NUL would end the text early. */
        spelling->name[spelling->length++] =
            (char)(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter == 0 ? '?' : letter);
    }
}

/* Reads the name at `at`, which is moved behind it. Each pointer has to lead to before where the labels that it ends
 * began, so that there is an end. */
static bool read_name(const struct tw_dns_reader *reader, size_t *at, struct spelling *spelling)
{
    size_t place = *at, start = *at;
    bool jumped = false;

    while (place < reader->size) {
        size_t length = reader->bytes[place];

        if (length >= 0xc0) {
            if (place + 2 > reader->size)
                return false;
            size_t target = number_at(reader->bytes + place) & 0x3fff;

            *at = jumped ? *at : place + 2;
            jumped = true;
            if (target >= start)
                return false;
            place = start = target;
            continue;
        }
        spelling->wire += length + 1;
        if (length > 63 || spelling->wire > WIRE_NAME || place + 1 + length > reader->size)
            return false;
        place += length + 1;
        if (length == 0) {
            *at = jumped ? *at : place;
            return true;
        }
        if (spelling->name != NULL)
            spell(spelling, reader->bytes + place - length, length);
    }
    return false;
}

enum tw_dns_read tw_dns_question(struct tw_dns_reader *reader, char name[TW_NAME], bool *plain)
{
    struct spelling spelling = {.name = name, .plain = true};

    name[0] = '\0';
    if (reader->questions == 0)
        return TW_DNS_END;
    reader->questions--;
    bool whole = read_name(reader, &reader->at, &spelling) && reader->size - reader->at >= 4;

    name[spelling.length] = '\0';
    *plain = whole && spelling.plain;
    reader->at += 4; /* type and class */
    return whole ? TW_DNS_READ : TW_DNS_BROKEN;
}

static bool skip_questions(struct tw_dns_reader *reader)
{
    for (; reader->questions > 0; reader->questions--) {
        struct spelling spelling = {0};

        if (!read_name(reader, &reader->at, &spelling) || reader->size - reader->at < 4)
            return false;
        reader->at += 4;
    }
    return true;
}

enum tw_dns_read tw_dns_answer(struct tw_dns_reader *reader, struct tw_address *address)
{
    if (!skip_questions(reader))
        return TW_DNS_BROKEN;
    for (; reader->answers > 0; reader->answers--) {
        struct spelling spelling = {0};

        if (!read_name(reader, &reader->at, &spelling) || reader->size - reader->at < RECORD)
            return TW_DNS_BROKEN;
        /* Type, class, four bytes of lifetime, length of the data. */
        const uint8_t *record = reader->bytes + reader->at, *data = record + RECORD;
        unsigned type = number_at(record), class = number_at(record + 2);
        size_t length = number_at(record + 8);

        if (reader->size - reader->at - RECORD < length)
            return TW_DNS_BROKEN;
        reader->at += RECORD + length;
        if (class != CLASS_IN || !((type == TYPE_A && length == 4) || (type == TYPE_AAAA && length == 16)))
            continue;
        reader->answers--;
        if (type == TYPE_A)
            *address = tw_address_mapped(data);
        else
            memcpy(address->bytes, data, sizeof address->bytes);
        return TW_DNS_READ;
    }
    return TW_DNS_END;
}

bool tw_dns_message(const uint8_t *bytes, size_t size, size_t *at, const uint8_t **message, size_t *length)
{
    if (*at > size || size - *at < 2)
        return false;
    *length = number_at(bytes + *at);
    if (size - *at - 2 < *length)
        return false;
    *message = bytes + *at + 2;
    *at += 2 + *length;
    return true;
}
