// Every system call, seen by the process that makes it.
//
// A seccomp filter lets the kernel deliver SIGSYS in place of the call. The handler counts the call and then makes it
// itself, through the one `syscall` instruction that the filter lets pass, told by its address:
//
//   futex(...) --filter--> SIGSYS --> on_system_call: count, smlp_test_gate --filter--> kernel
//                                                  \--> rt_sigreturn (let pass) with the call's result
//
// Clocks that the kernel maps into the process (vDSO) are no system calls, and page faults neither.
#include "support/watch.h"

#if defined(__x86_64__) && defined(__linux__) && SMLP_CAN_WATCH

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include <csignal>
#include <cstddef>
#include <cstdint>

// long smlp_test_gate(number, six arguments): the raw call, with the result as the kernel gives it.
asm(R"(
  .text
  .globl smlp_test_gate
  .hidden smlp_test_gate
  .hidden smlp_test_gate_passed
smlp_test_gate:
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  mov %rcx, %rdx
  mov %r8, %r10
  mov %r9, %r8
  mov 8(%rsp), %r9
  syscall
  .globl smlp_test_gate_passed
smlp_test_gate_passed:
  ret
)");

extern "C" {
long smlp_test_gate(long number, long, long, long, long, long, long);
extern const char smlp_test_gate_passed[];
}

namespace smlp::test {
namespace {

void on_system_call(int, siginfo_t* info, void* context) {
  watching::count_system_call(info->si_syscall);
  greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  registers[REG_RAX] = smlp_test_gate(info->si_syscall, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                                      registers[REG_R10], registers[REG_R8], registers[REG_R9]);
}

// Fails with errno where the system refuses.
bool install_filter() {
  const auto passed = reinterpret_cast<std::uintptr_t>(smlp_test_gate_passed);
  const auto load = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  // Skips `equal` or `other` instructions after it.
  const auto compare = [](std::uint64_t value, std::uint8_t equal, std::uint8_t other) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(value), equal, other);
  };
  sock_filter program[] = {
      load(offsetof(seccomp_data, arch)),
      compare(AUDIT_ARCH_X86_64, 0, 7),
      load(offsetof(seccomp_data, nr)),
      compare(SYS_rt_sigreturn, 4, 0),
      load(offsetof(seccomp_data, instruction_pointer)),
      compare(passed & 0xFFFFFFFFU, 0, 3),
      load(offsetof(seccomp_data, instruction_pointer) + 4),
      compare(passed >> 32, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  const sock_fprog filter = {.len = std::size(program), .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

}  // namespace

std::string watch_system_calls() {
  struct sigaction action = {};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0 || !install_filter()) {
    return std::string("seccomp filters are not permitted here: ") + std::strerror(errno);
  }
  return "";
}

}  // namespace smlp::test

#else

std::string smlp::test::watch_system_calls() { return "system calls are watched on Linux x86-64 without sanitizers"; }

#endif
