// A buffer with an inaccessible page at its edge: one element too far is a crash at the very instruction.
//
//   Guard::after    | accessible, unused .......... [ elements ] | PROT_NONE |
//   Guard::before   | PROT_NONE | [ elements ] ........ accessible, unused  |
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <span>

namespace smlp::test {

enum class Guard { after, before };

// `alignment` (bytes) is kept by shifting the elements away from the guard by less than `alignment`.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t count, Guard guard = Guard::after, std::size_t alignment = alignof(T)) : count_(count) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = count * sizeof(T), body = (bytes + page - 1) / page * page;
    mapped_ = body + 2 * page;
    base_ = static_cast<std::byte*>(mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || (body > 0 && mprotect(base_ + page, body, PROT_READ | PROT_WRITE) != 0)) std::abort();
    const std::size_t shift = guard == Guard::before ? 0 : (body - bytes) / alignment * alignment;
    data_ = reinterpret_cast<T*>(base_ + page + shift);
  }
  ~Guarded() { munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return count_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + count_; }
  operator std::span<const T>() const { return {data_, count_}; }

 private:
  std::size_t count_, mapped_;
  std::byte* base_;
  T* data_;
};

}  // namespace smlp::test
