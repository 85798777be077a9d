#include "policy_reader.h"

#include <stdalign.h>
#include <string.h>

void *tw_arena_take(struct tw_arena *arena, size_t size)
{
    size_t start = (arena->used + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

    if (start > arena->size || size > arena->size - start)
        return NULL;
    arena->used = start + size;
    return arena->memory + start;
}

bool tw_decoder_invalid(struct tw_decoder *decoder, const char *why)
{
    if (decoder->json.error == NULL)
        decoder->json.error = why;
    return false;
}

static void *take(struct tw_decoder *decoder, size_t size)
{
    void *memory = tw_arena_take(decoder->arena, size);

    if (memory == NULL) {
        decoder->no_memory = true;
        tw_decoder_invalid(decoder, "the policy needs too much memory");
    }
    return memory;
}

/* A string value, checked, copied into the policy's memory. A string with a NUL in it is never valid. */
const char *tw_decoder_text(struct tw_decoder *decoder, bool (*check)(const char *), const char *why)
{
    long length = tw_json_string(&decoder->json, decoder->scratch, decoder->scratch_size);

    if (length < 0)
        return NULL;
    if (strlen(decoder->scratch) != (size_t)length || !check(decoder->scratch)) {
        tw_decoder_invalid(decoder, why);
        return NULL;
    }
    char *copy = take(decoder, (size_t)length + 1);

    if (copy != NULL)
        memcpy(copy, decoder->scratch, (size_t)length + 1);
    return copy;
}

/* Whether a key, which may hold a NUL, is among those of the object that begin at `start`; each has its length before
 * it and a NUL behind it. */
static bool seen_before(const struct tw_decoder *decoder, size_t start, size_t length)
{
    uint32_t size;

    for (size_t at = start; at < decoder->keys_used; at += sizeof size + size + 1) {
        memcpy(&size, decoder->keys + at, sizeof size);
        if (size == length && memcmp(decoder->keys + at + sizeof size, decoder->scratch, length) == 0)
            return true;
    }
    return false;
}

/* Reads a key and keeps it. NULL when it is none, or stands there twice. */
static const char *new_key(struct tw_decoder *decoder, size_t start, uint32_t *size)
{
    long length = tw_json_key(&decoder->json, decoder->scratch, decoder->scratch_size);

    if (length < 0)
        return NULL;
    *size = (uint32_t)length;
    if (seen_before(decoder, start, *size)) {
        tw_decoder_invalid(decoder, "a key stands there twice");
        return NULL;
    }
    if (sizeof *size + *size + 1 > decoder->keys_size - decoder->keys_used) {
        decoder->no_memory = true;
        tw_decoder_invalid(decoder, "the policy needs too much memory");
        return NULL;
    }
    char *key = decoder->keys + decoder->keys_used;

    memcpy(key, size, sizeof *size);
    memcpy(key + sizeof *size, decoder->scratch, *size + (size_t)1);
    decoder->keys_used += sizeof *size + *size + 1;
    return key + sizeof *size;
}

bool tw_decoder_object(struct tw_decoder *decoder, tw_member_reader *member, void *target)
{
    struct tw_json *json = &decoder->json;
    const size_t start = decoder->keys_used;
    bool first = true;

    if (!tw_json_enter(json, TW_JSON_OBJECT))
        return false;
    while (tw_json_next(json, TW_JSON_OBJECT, &first)) {
        uint32_t size;
        const char *key = new_key(decoder, start, &size);
        bool known = key != NULL && strlen(key) == size && member(decoder, key, target);

        if (json->error != NULL || (!known && !tw_json_skip(json)))
            return false;
    }
    decoder->keys_used = start;
    return json->error == NULL;
}

const struct tw_entry_kind tw_entries = {tw_is_entry, NULL}, tw_names = {tw_is_name, tw_name_normalise},
                           tw_paths = {tw_is_path, tw_path_normalise};

/* Enters a list, and takes memory for its entries. NULL when it is none, or there is no memory. */
static void *enter_list(struct tw_decoder *decoder, size_t size, size_t *items)
{
    struct tw_json count = decoder->json;
    bool first = true;

    *items = 0;
    if (!tw_json_enter(&decoder->json, TW_JSON_ARRAY))
        return NULL;
    if (tw_json_enter(&count, TW_JSON_ARRAY))
        while (tw_json_next(&count, TW_JSON_ARRAY, &first) && tw_json_skip(&count))
            ++*items;
    return take(decoder, (*items + 1) * size);
}

static bool next_entry(struct tw_decoder *decoder, size_t i, size_t items)
{
    bool first = i == 0;

    /* Where the document is damaged behind this point, the count is too low; reading on finds the damage. */
    return tw_json_next(&decoder->json, TW_JSON_ARRAY, &first) &&
           (i < items || tw_decoder_invalid(decoder, "the JSON is damaged"));
}

bool tw_decoder_strings(struct tw_decoder *decoder, const struct tw_entry_kind *kind, struct tw_list *list)
{
    size_t items, i = 0;
    const char **values = enter_list(decoder, sizeof *values, &items);

    if (values == NULL)
        return false;
    for (; next_entry(decoder, i, items); i++) {
        const char *value = tw_decoder_text(decoder, kind->check, "an entry of a list is not valid");

        if (value == NULL)
            return false;
        if (kind->normalise != NULL)
            kind->normalise((char *)(uintptr_t)value);
        values[i] = value;
    }
    *list = (struct tw_list){values, i};
    return decoder->json.error == NULL;
}

bool tw_decoder_blocks(struct tw_decoder *decoder, struct tw_blocks *list)
{
    size_t items, i = 0;
    struct tw_block *blocks = enter_list(decoder, sizeof *blocks, &items);

    if (blocks == NULL)
        return false;
    for (; next_entry(decoder, i, items); i++) {
        const char *value = tw_decoder_text(decoder, tw_is_entry, "an entry of a list is not valid");

        if (value == NULL || !tw_block_read(value, &blocks[i]))
            return tw_decoder_invalid(decoder, "an entry of a list is not valid");
    }
    *list = (struct tw_blocks){blocks, i};
    return decoder->json.error == NULL;
}

static bool port_pair(struct tw_decoder *decoder, struct tw_port_range *range)
{
    uint32_t ends[2] = {0, 0};
    size_t count = 0;
    bool first = true;

    if (!tw_json_enter(&decoder->json, TW_JSON_ARRAY))
        return false;
    while (tw_json_next(&decoder->json, TW_JSON_ARRAY, &first)) {
        if (count == 2)
            return tw_decoder_invalid(decoder, "ports are no pair");
        if (!tw_json_small(&decoder->json, &ends[count++]))
            return false;
    }
    if (decoder->json.error != NULL)
        return false;
    if (count != 2 || ends[0] < 1 || ends[1] > 65535 || ends[0] > ends[1])
        return tw_decoder_invalid(decoder, "ports are no range within 1 to 65535");
    *range = (struct tw_port_range){(uint16_t)ends[0], (uint16_t)ends[1]};
    return true;
}

bool tw_decoder_ports(struct tw_decoder *decoder, struct tw_ports *list)
{
    size_t items, i = 0;
    struct tw_port_range *ranges = enter_list(decoder, sizeof *ranges, &items);

    if (ranges == NULL)
        return false;
    for (; next_entry(decoder, i, items); i++)
        if (!port_pair(decoder, &ranges[i]))
            return false;
    *list = (struct tw_ports){ranges, i};
    return decoder->json.error == NULL;
}
