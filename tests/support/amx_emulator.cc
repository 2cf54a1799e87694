#include "support/amx_emulator.h"

#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstring>

#include "base/cpu_features.h"
#include "support/amx_tiles.h"

namespace smlp::test {
namespace {

// Plain data: nothing is constructed or allocated inside of the handler.
constinit thread_local AmxTiles tiles_of_thread = {};
std::uint64_t counts[kAmxOps] = {};
struct sigaction previous = {};

void print(const char* text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) return;
}

AmxRegisters registers_of(const ucontext_t& context) {
  constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  const auto& saved = context.uc_mcontext.gregs;
  AmxRegisters registers = {};
  for (int i = 0; i < 16; ++i) registers.general[i] = static_cast<std::uint64_t>(saved[kOrder[i]]);
  registers.rip = static_cast<std::uint64_t>(saved[REG_RIP]);
  __asm__("mov %%fs:0, %0" : "=r"(registers.fs_base));  // the thread's control block begins with its own address
  return registers;
}

// The instruction runs again when the handler returns, and then ends the process.
void restore_default() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGILL, &action, nullptr);
}

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    print("AMX emulator: an illegal instruction that is none of the tile instructions\n");
    restore_default();
    if (info->si_code <= 0) ::raise(signal);  // somebody sent it; no instruction would run again
  }
}

// A signal costs more than any instruction here, so those that follow at once are done with the first: no register that
// they read changes in between.
void on_illegal_instruction(int signal, siginfo_t* info, void* context_pointer) {
  auto& context = *static_cast<ucontext_t*>(context_pointer);
  AmxRegisters registers = registers_of(context);
  const auto decode = [&](AmxInstruction& instruction) {
    return decode_amx(reinterpret_cast<const std::uint8_t*>(registers.rip), registers, instruction);
  };
  AmxInstruction instruction = {};
  if (info->si_code <= 0 || !decode(instruction)) {
    pass_on(signal, info, context_pointer);
    return;
  }
  do {
    if (const char* fault = execute(instruction, tiles_of_thread)) {
      for (const char* part : {"AMX emulator: ", name_of(instruction.op), ": ", fault, "\n"}) print(part);
      restore_default();
      break;
    }
    __atomic_fetch_add(&counts[static_cast<int>(instruction.op)], 1, __ATOMIC_RELAXED);
    registers.rip += instruction.length;
  } while (decode(instruction));
  context.uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(registers.rip);
}

bool install() {
  if (cpu_features().amx_bf16 || !cpu_features().avx512) return false;
  struct sigaction action = {};
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  return ::sigaction(SIGILL, &action, &previous) == 0;
}

}  // namespace

bool install_amx_emulator() {
  static const bool installed = install();
  return installed;
}

std::uint64_t amx_emulated(AmxOp op) { return __atomic_load_n(&counts[static_cast<int>(op)], __ATOMIC_RELAXED); }

void reset_amx_emulated() {
  for (std::uint64_t& count : counts) __atomic_store_n(&count, 0, __ATOMIC_RELAXED);
}

}  // namespace smlp::test
