// A pinned engine keeps each of its threads on a processor of its own, and leaves its maker as it found it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include "base/affinity.h"
#include "engine/engine.h"
#include "engine/fold.h"
#include "support/cpus_of_thread.h"
#include "support/generator.h"
#include "support/golden.h"

namespace smlp::test {
namespace {

std::unique_ptr<Engine> engine(int threads, bool pin) {
  const GoldenNetwork& some = golden("dim4_grid1");
  const auto network = std::make_shared<const Network>(fold(make_weights(some.config, some.seed)));
  return std::move(Engine::create(network, {.threads = threads, .batch = threads, .isa = "", .pin = pin}).value());
}

// Of every thread of this process; a sanitizer's own, which starts with the first other, among them from the beginning.
std::map<std::string, std::string> cpus_of_threads() {
  [[maybe_unused]] static const bool is_settled = (std::thread([] {}).join(), true);
  std::map<std::string, std::string> cpus;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const std::string name = task.path().filename();
    cpus[name] = cpus_of_thread(std::stoi(name));
  }
  return cpus;
}

TEST(Pinning, EachThreadHasAProcessorOfItsOwn) {
  const auto before = cpus_of_threads();
  const std::vector<int> allowed = allowed_cpus();
  const int most = std::min(static_cast<int>(allowed.size()), 8);
  for (int threads = 1; threads <= most; ++threads) {
    const auto pinned = engine(threads, true);
    std::vector<std::string> ours;
    for (const auto& [name, cpus] : cpus_of_threads()) {
      if (name == std::to_string(::gettid()) || !before.contains(name)) ours.push_back(cpus);
    }
    ASSERT_EQ(ours.size(), static_cast<std::size_t>(threads));
    std::ranges::sort(ours);
    EXPECT_EQ(std::ranges::adjacent_find(ours), ours.end()) << "two threads on one processor";
    for (const std::string& cpu : ours) {
      EXPECT_NE(std::ranges::find(allowed, std::stoi(cpu)), allowed.end()) << cpu;
      EXPECT_EQ(cpu.find_first_not_of("0123456789"), std::string::npos) << cpu;
    }
  }
  EXPECT_EQ(cpus_of_threads(), before);
}

TEST(Pinning, MoreThreadsThanProcessorsTakeTurns) {
  const auto before = cpus_of_threads();
  const std::size_t processors = allowed_cpus().size();
  const auto pinned = engine(static_cast<int>(processors) + 1, true);
  std::map<std::string, int> threads_on;
  for (const auto& [name, cpus] : cpus_of_threads()) {
    if (name == std::to_string(::gettid()) || !before.contains(name)) ++threads_on[cpus];
  }
  EXPECT_EQ(threads_on.size(), processors);
}

TEST(Pinning, IsOffUnlessAskedFor) {
  const std::string before = cpus_of_thread(::gettid());
  const auto plain = engine(2, false);
  for (const auto& [name, cpus] : cpus_of_threads()) EXPECT_EQ(cpus, before) << name;
}

}  // namespace
}  // namespace smlp::test
