/* A program without a dynamic linker and without a C library: it becomes another program. */
static long start_program(const char *name, char **arguments) {
    char *none[] = {0};
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(59L), "D"(name), "S"(arguments), "d"(none) : "rcx", "r11", "memory");
    return result;
#else
    register long number __asm__("x8") = 221, first __asm__("x0") = (long)name;
    register char **second __asm__("x1") = arguments, **third __asm__("x2") = none;
    __asm__ volatile("svc 0" : "+r"(first) : "r"(number), "r"(second), "r"(third) : "memory");
    return first;
#endif
}

/* Called with the stack as the kernel made it: the number of arguments, then they. */
void begin(long *stack) {
    char *command[] = {"touch", ((char **)stack)[2], 0};
    start_program("/usr/bin/touch", command);
    for (;;)
        *(volatile int *)8 = 0;
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#else
__asm__(".globl _start\n_start:\n mov x0, sp\n bl begin\n");
#endif
