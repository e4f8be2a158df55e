// For LD_PRELOAD into the User-Mode Linux kernel, on processors with AMX.
//
// Linux 6.1 keeps 2696 bytes of a guest process's extended state (HOST_FP_SIZE in arch/x86/um/user-offsets.c: x87, SSE,
// AVX and AVX-512). The host's PTRACE_SETREGSET takes nothing but all of what its processor has (xstateregs_set in
// arch/x86/kernel/fpu/regset.c), which is 11008 bytes with AMX: the guest's init dies with "ptrace set fp regs failed,
// errno = 14". So what the kernel sets is put over what is there, and all of that is set. A guest has no use for the
// rest: tile data has to be asked for (arch_prctl), which User-Mode Linux does not pass on.
#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/syscall.h>
#include <unistd.h>

// Not on the stack: a kernel's has 16 KiB. There is one processor, and so one caller at a time.
static char all[1 << 16];

static long pass(long request, pid_t pid, void *addr, void *data) {
  // For PEEK requests the system call writes through data; the library returns the word (ptrace(2), NOTES).
  long word;
  if (request < 1 || request > 3) return syscall(SYS_ptrace, request, pid, addr, data);
  long status = syscall(SYS_ptrace, request, pid, addr, &word);
  return status < 0 ? status : word;
}

long ptrace(enum __ptrace_request request, ...) {
  va_list rest;
  va_start(rest, request);
  pid_t pid = va_arg(rest, pid_t);
  void *addr = va_arg(rest, void *);
  void *data = va_arg(rest, void *);
  va_end(rest);
  if (request == PTRACE_SETREGSET && (long)addr == NT_X86_XSTATE) {
    const struct iovec *set = data;
    struct iovec have = {all, sizeof all};
    if (pass(PTRACE_GETREGSET, pid, addr, &have) == 0 && have.iov_len > set->iov_len) {
      memcpy(all, set->iov_base, set->iov_len);
      return pass(PTRACE_SETREGSET, pid, addr, &have);
    }
  }
  return pass(request, pid, addr, data);
}
