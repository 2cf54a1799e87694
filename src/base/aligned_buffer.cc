#include "base/aligned_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace smlp {
namespace {

bool guard_wanted() {
  const char* value = std::getenv("SMLP_GUARD");
  return value != nullptr && std::string_view(value) == "1";
}

std::size_t round_up(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }

}  // namespace

// [ base_ ... | data_ ... data_ + padded ][ guard page ]   the data end where the guard page begins
AlignedBuffer::AlignedBuffer(std::size_t bytes) : size_(bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t padded = round_up(bytes, 64) + 64;
  const std::size_t guard = guard_wanted() ? page : 0;
  mapped_ = round_up(padded, page) + guard;
  void* map = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<std::byte*>(map);
  data_ = guard == 0 ? base_ : base_ + mapped_ - guard - padded;
  if (guard != 0) {
    ::mprotect(base_ + mapped_ - guard, guard, PROT_NONE);
  } else {
    ::madvise(base_, mapped_, MADV_HUGEPAGE);
  }
}

AlignedBuffer::~AlignedBuffer() {
  if (base_ != nullptr) ::munmap(base_, mapped_);
}

}  // namespace smlp
