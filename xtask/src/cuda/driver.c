/* The CUDA driver, opened when it is first asked.
 *
 * A program that is linked with libcuda.so.1 does not start where there is no NVIDIA driver. This
 * stands in its place: every function of the driver is a jump through a slot. The first call opens
 * libcuda.so.1 and fills the slot; without a driver it gives CUDA_ERROR_STUB_LIBRARY, which is an
 * error like any other: the program goes on without a card.
 *
 * `functions.inc` is made from the toolkit's cuda.h: one line FUNCTION(cuInit) for each function.
 * Each has sections of its own, so that the linker keeps those that are called. x86-64, System V.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>

enum { CUDA_ERROR_STUB_LIBRARY = 34, CUDA_ERROR_NOT_FOUND = 500 };

static void *driver;
static pthread_once_t opened = PTHREAD_ONCE_INIT;

static void open_driver(void) { driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL); }

static int without_driver(void) { return CUDA_ERROR_STUB_LIBRARY; }

static int older_driver(void) { return CUDA_ERROR_NOT_FOUND; }

/* Where `name` is; remembered in `slot`. Two threads may find the same at once: that does no harm. */
__attribute__((visibility("hidden"), used)) void *reelbench_cuda_find(const char *name, void **slot)
{
    pthread_once(&opened, open_driver);
    void *found = driver ? dlsym(driver, name) : (void *)without_driver;
    if (!found) {
        found = (void *)older_driver;
    }
    __atomic_store_n(slot, found, __ATOMIC_RELAXED);
    return found;
}

/* Comes from a function's jump: r10 has its slot, r11 its name, and all arguments are still where the
 * caller put them (six in registers, more on the stack). They are kept, and the jump goes on. */
__asm__(
    ".section .text.reelbench_cuda_first_call,\"ax\",@progbits\n"
    ".type reelbench_cuda_first_call, @function\n"
    "reelbench_cuda_first_call:\n"
    "  pushq %rbp\n"
    "  movq %rsp, %rbp\n"
    "  pushq %rdi\n  pushq %rsi\n  pushq %rdx\n  pushq %rcx\n  pushq %r8\n  pushq %r9\n"
    "  subq $64, %rsp\n"
    "  movsd %xmm0, 0(%rsp)\n  movsd %xmm1, 8(%rsp)\n  movsd %xmm2, 16(%rsp)\n  movsd %xmm3, 24(%rsp)\n"
    "  andq $-16, %rsp\n"
    "  movq %r11, %rdi\n"
    "  movq %r10, %rsi\n"
    "  call reelbench_cuda_find\n"
    "  leaq -112(%rbp), %rsp\n"
    "  movsd 0(%rsp), %xmm0\n  movsd 8(%rsp), %xmm1\n  movsd 16(%rsp), %xmm2\n  movsd 24(%rsp), %xmm3\n"
    "  addq $64, %rsp\n"
    "  popq %r9\n  popq %r8\n  popq %rcx\n  popq %rdx\n  popq %rsi\n  popq %rdi\n"
    "  popq %rbp\n"
    "  jmpq *%rax\n"
    ".size reelbench_cuda_first_call, . - reelbench_cuda_first_call\n"
    ".text\n");

#define FUNCTION(name)                                             \
    __asm__(                                                       \
        ".section .bss." #name ",\"aw\",@nobits\n"                 \
        ".balign 8\n"                                              \
        ".Lslot_" #name ": .zero 8\n"                              \
        ".section .rodata." #name ",\"a\",@progbits\n"             \
        ".Lname_" #name ": .string \"" #name "\"\n"                \
        ".section .text." #name ",\"ax\",@progbits\n"              \
        ".globl " #name "\n"                                       \
        ".hidden " #name "\n"                                      \
        ".type " #name ", @function\n" #name ":\n"                 \
        "  movq .Lslot_" #name "(%rip), %rax\n"                    \
        "  testq %rax, %rax\n"                                     \
        "  je 1f\n"                                                \
        "  jmpq *%rax\n"                                           \
        "1: leaq .Lslot_" #name "(%rip), %r10\n"                   \
        "  leaq .Lname_" #name "(%rip), %r11\n"                    \
        "  jmp reelbench_cuda_first_call\n"                        \
        ".size " #name ", . - " #name "\n"                         \
        ".text\n");

#include "functions.inc"
