/* Node.js's entry: the same library is an addon. N-API is imported weakly, since other languages' processes lack it.
 *
 * Each thread that loads it (worker_threads) gets an object of its own; the core behind it is one and the same.
 * https://nodejs.org/api/n-api.html, version 1 alone: it is there in every Node.js since 8.
 */
#include "defender.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
typedef int napi_status; /* 0: done */

#define WEAK __attribute__((weak))

extern WEAK napi_status napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
extern WEAK napi_status napi_set_named_property(napi_env, napi_value, const char *, napi_value);
extern WEAK napi_status napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
extern WEAK napi_status napi_get_value_string_utf8(napi_env, napi_value, char *, size_t, size_t *);
extern WEAK napi_status napi_create_string_utf8(napi_env, const char *, size_t, napi_value *);
extern WEAK napi_status napi_create_int32(napi_env, int, napi_value *);

enum { ARGUMENTS = 4, MESSAGE = 512, REQUEST_ID = 256 };

/* What the first start answered: a second thread's shim is told the same. */
static _Atomic int first_result = TW_E_ALREADY;
/* Held while one thread starts the core: another that comes meanwhile has no answer to be told yet. */
static atomic_flag starting = ATOMIC_FLAG_INIT;

/* A string argument in memory of its own; NULL for anything else, as for undefined. */
static char *text_of(napi_env env, napi_value value)
{
    size_t length = 0;

    if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != 0)
        return NULL;
    char *text = malloc(length + 1);

    if (text != NULL && napi_get_value_string_utf8(env, value, text, length + 1, &length) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int start(napi_env env, const napi_value *given, char *message, size_t size)
{
    char *texts[ARGUMENTS];

    for (size_t i = 0; i < ARGUMENTS; i++)
        texts[i] = text_of(env, given[i]);
    while (atomic_flag_test_and_set(&starting))
        sched_yield();
    int result = tw_start_flat(texts[0], texts[1], texts[2] != NULL ? texts[2] : "nodejs", texts[3], message, size);

    for (size_t i = 0; i < ARGUMENTS; i++)
        free(texts[i]);
    if (result == TW_E_ALREADY)
        result = atomic_load(&first_result);
    else
        atomic_store(&first_result, result);
    atomic_flag_clear(&starting);
    return result;
}

/* start(policy, folder, runtime, readable, { message }) -> what tw_start answers; `message` is set on the object. */
static napi_value node_start(napi_env env, napi_callback_info info)
{
    napi_value given[ARGUMENTS + 1] = {NULL}, number = NULL, text = NULL;
    size_t count = ARGUMENTS + 1;
    char message[MESSAGE] = "";

    if (napi_get_cb_info(env, info, &count, given, NULL, NULL) != 0 || count < ARGUMENTS + 1)
        return NULL;
    int result = start(env, given, message, sizeof message);

    if (napi_create_string_utf8(env, message, strlen(message), &text) == 0)
        napi_set_named_property(env, given[ARGUMENTS], "message", text);
    return napi_create_int32(env, result, &number) == 0 ? number : NULL;
}

/* begin(requestId), where anything but a string means that there is none. */
static napi_value node_begin(napi_env env, napi_callback_info info)
{
    napi_value given = NULL;
    size_t count = 1, length = 0;
    char request[REQUEST_ID];
    bool has_id = napi_get_cb_info(env, info, &count, &given, NULL, NULL) == 0 && count == 1 &&
                  napi_get_value_string_utf8(env, given, request, sizeof request, &length) == 0 && length > 0;

    tw_invocation_begin(has_id ? request : NULL);
    return NULL;
}

static napi_value node_end(napi_env env, napi_callback_info info)
{
    (void)env;
    (void)info;
    tw_invocation_end();
    return NULL;
}

static void export(napi_env env, napi_value exports, const char *name, napi_callback call)
{
    napi_value function = NULL;

    if (napi_create_function(env, name, strlen(name), call, NULL, &function) == 0)
        napi_set_named_property(env, exports, name, function);
}

/* What process.dlopen looks for, whatever the file is called. */
TW_API napi_value napi_register_module_v1(napi_env env, napi_value exports);

napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
    export(env, exports, "start", node_start);
    export(env, exports, "begin", node_begin);
    export(env, exports, "end", node_end);
    return exports;
}
