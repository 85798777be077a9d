/* Room "codec": base64, JSON and SHA-256. Pure functions on bounded buffers; no allocation, no I/O. */
#ifndef TW_CODEC_H
#define TW_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TW_JSON_DEEPEST = 32, TW_SHA256_SIZE = 32 };

/* Decodes padded standard base64 (RFC 4648, 4) with no bits left over. Returns the number of bytes written, or
 * -1 when the text is anything else or `size` is too small. */
long tw_base64_decode(const char *text, size_t length, uint8_t *output, size_t size);

void tw_sha256(const void *data, size_t size, uint8_t digest[TW_SHA256_SIZE]);

/* A reader over one JSON document (RFC 8259): the caller asks for what it expects. After the first error every
 * call fails, and `error` says why. */
struct tw_json {
    const char *start, *at, *end;
    unsigned depth;
    const char *error; /* NULL as long as all is well */
    bool wrong_type;   /* the document is JSON, but not what the caller expected */
};

enum tw_json_type {
    TW_JSON_OBJECT,
    TW_JSON_ARRAY,
    TW_JSON_STRING,
    TW_JSON_NUMBER,
    TW_JSON_TRUE,
    TW_JSON_FALSE,
    TW_JSON_NULL,
    TW_JSON_INVALID,
};

void tw_json_open(struct tw_json *json, const char *text, size_t length);

/* What the next value is, without moving. */
enum tw_json_type tw_json_peek(struct tw_json *json);

/* Objects and arrays: enter, then next before every member, which is false behind the last one; `first` is true
 * before the first call. */
bool tw_json_enter(struct tw_json *json, enum tw_json_type type);
bool tw_json_next(struct tw_json *json, enum tw_json_type type, bool *first);

/* A string as UTF-8 with an ending NUL, or a key and its colon. Returns the length, -1 on failure. */
long tw_json_string(struct tw_json *json, char *output, size_t size);
long tw_json_key(struct tw_json *json, char *output, size_t size);

bool tw_json_bool(struct tw_json *json, bool *value);
bool tw_json_null(struct tw_json *json);

/* A number without fraction and exponent between 0 and 999,999,999. */
bool tw_json_small(struct tw_json *json, uint32_t *value);

/* Passes over a value of any type, checking it whole. */
bool tw_json_skip(struct tw_json *json);

/* Whether nothing but space is left. */
bool tw_json_finish(struct tw_json *json);

#endif
