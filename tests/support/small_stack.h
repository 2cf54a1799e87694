// Work on a thread with a stack of a size of its own.
#pragma once

#include <gtest/gtest.h>
#include <pthread.h>

#include <functional>

namespace smlp::test {

// Runs `work` on a thread that has `bytes` of stack, or that of an ended thread where glibc kept one that is larger.
inline void run_with_stack(std::size_t bytes, std::function<void()> work) {
  pthread_attr_t attributes;
  ASSERT_EQ(::pthread_attr_init(&attributes), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&attributes, bytes), 0);
  const auto start = [](void* function) -> void* {
    (*static_cast<std::function<void()>*>(function))();
    return nullptr;
  };
  pthread_t thread = {};
  ASSERT_EQ(::pthread_create(&thread, &attributes, start, &work), 0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
}

}  // namespace smlp::test
