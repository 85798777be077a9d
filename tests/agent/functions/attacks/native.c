/* Native code that starts programs by its own relocations: a library, one with a constructor, an extension. */
#include <stdlib.h>
#include <unistd.h>

#ifdef CONSTRUCTOR
static int answer = -2;
__attribute__((constructor)) static void attack(void) {
    const char *command = getenv("ATTACK_COMMAND");
    if (command) answer = system(command);
}
int attack_answer(void) { return answer; }
#elif defined(EXTENSION)
/* The stable part of Python's C interface, declared here: its headers are not everywhere. */
typedef struct object object;
typedef struct { const char *name; object *(*function)(object *, object *); int flags; const char *doc; } method;
typedef struct {
    long references; void *type, *init; long index; void *copy;
    const char *name, *doc; long size; method *methods; void *slots, *traverse, *clear, *free;
} definition;
object *PyModule_Create2(definition *, int);
object *PyLong_FromLong(long);
const char *PyUnicode_AsUTF8(object *);
static object *attack(object *module, object *command) {
    (void)module;
    return PyLong_FromLong(system(PyUnicode_AsUTF8(command)));
}
static method methods[] = {{"system", attack, 8 /* METH_O */, NULL}, {NULL, NULL, 0, NULL}};
static definition module = {.references = 1, .name = "attack", .size = -1, .methods = methods};
object *PyInit_attack(void) { return PyModule_Create2(&module, 3 /* PYTHON_ABI_VERSION */); }
#else
int attack_system(const char *command) { return system(command); }
int attack_execve(const char *program, char **arguments, char **environment) {
    return execve(program, arguments, environment);
}
/* A table of functions is filled by absolute relocations, not through the procedure linkage table. */
static int (*volatile const table[])(const char *) = {system};
int attack_table(const char *command) { return table[0](command); }
#endif
