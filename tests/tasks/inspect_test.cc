#include "tasks/inspect.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "base/sha256.h"
#include "support/model_file.h"
#include "support/scratch.h"
#include "tasks/machine.h"

namespace smlp {
namespace {

TEST(Inspect, AFileOfAnotherNetworkIsStillListed) {
  const test::Scratch scratch;
  const auto path =
      scratch.write("other.safetensors", std::string("\x40\0\0\0\0\0\0\0", 8) +
                                             R"({"fc.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )" +
                                             std::string(8, '\0'));
  const auto report = inspect_file(path);
  ASSERT_TRUE(report) << report.error().message();
  ASSERT_EQ(report->file.tensors.size(), 1U);
  EXPECT_EQ(report->file.tensors[0].name, "fc.weight");
  EXPECT_FALSE(report->network);
  ASSERT_TRUE(report->no_network);
  EXPECT_EQ(report->sha256, sha256_file(path).value());
}

TEST(Inspect, ANetworkIsRecognised) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "m.safetensors";
  test::write_model(path, test::small_config());
  const auto report = inspect_file(path);
  ASSERT_TRUE(report) << report.error().message();
  ASSERT_TRUE(report->network);
  EXPECT_EQ(report->network->config, test::small_config());
  EXPECT_EQ(report->bytes, static_cast<std::int64_t>(std::filesystem::file_size(path)));
}

// Every table that this kind of processor may have, best first; the last of each precision runs everywhere.
TEST(InspectMachine, ListsEveryTableWithAReason) {
  std::vector<std::string> names;
  const Machine machine = inspect_machine();
  for (const IsaChoice& choice : machine.isas) {
    names.push_back(choice.isa + " " + choice.precision);
    EXPECT_FALSE(choice.reason.empty()) << names.back();
    EXPECT_TRUE(choice.usable || !choice.taken) << names.back();
  }
#if defined(__x86_64__)
  const std::vector<std::string> expected = {"amx int8",      "avx512 int8",    "avx512vnni int8", "avxvnni int8",
                                             "avx2 int8",     "sse4 int8",      "portable int8",   "reference int8",
                                             "amx bf16",      "avx512 bf16",    "avx2 bf16",       "sse4 bf16",
                                             "portable bf16", "reference bf16", "avx512 fp32",     "avx2 fp32",
                                             "sse4 fp32",     "portable fp32",  "reference fp32"};
#else
  const std::vector<std::string> expected = {"bfdot int8",     "dotprod int8", "neon int8",
                                             "reference int8", "bfdot bf16",   "neon bf16",
                                             "reference bf16", "neon fp32",    "reference fp32"};
#endif
  EXPECT_EQ(names, expected);
  EXPECT_TRUE(machine.isas.back().usable);
  EXPECT_GT(machine.memory_bytes, 0);
  EXPECT_GE(machine.processors, machine.allowed);
  EXPECT_GE(machine.allowed, machine.usable);
  EXPECT_EQ(machine.processors, ::sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_NE(machine.cpu, "");
}

std::map<std::string, int> taken_of(const Machine& machine) {
  std::map<std::string, int> taken;
  for (const IsaChoice& choice : machine.isas) taken[choice.precision] += choice.taken;
  return taken;
}

const IsaChoice* find_choice(const Machine& machine, const char* isa, const char* precision) {
  for (const IsaChoice& choice : machine.isas) {
    if (choice.isa == isa && choice.precision == precision) return &choice;
  }
  return nullptr;
}

// Of each precision one is taken: the first that can run here, or what the environment names.
TEST(InspectMachine, SaysWhatASessionWouldRunOn) {
  const char* const named = std::getenv("SMLP_ISA");
  const std::string before = named == nullptr ? "" : named;
  const std::map<std::string, int> one_each = {{"int8", 1}, {"bf16", 1}, {"fp32", 1}};

  ::unsetenv("SMLP_ISA");
  const Machine free = inspect_machine();
  EXPECT_EQ(taken_of(free), one_each);
  EXPECT_EQ(free.isa_error, "");
  for (std::size_t i = 0; i < free.isas.size(); ++i) {
    const IsaChoice& choice = free.isas[i];
    const bool first = std::none_of(free.isas.begin(), free.isas.begin() + static_cast<std::ptrdiff_t>(i),
                                    [&](const IsaChoice& c) { return c.usable && c.precision == choice.precision; });
    EXPECT_EQ(choice.taken, choice.usable && first) << choice.isa << " " << choice.precision;
    if (!choice.usable) continue;
    EXPECT_EQ(choice.reason,
              first ? "the first of its precision that can run here" : "can run here, after the one taken");
  }

  ::setenv("SMLP_ISA", "reference", 1);
  const Machine forced = inspect_machine();
  EXPECT_EQ(taken_of(forced), one_each);
  EXPECT_EQ(find_choice(forced, "reference", "bf16")->reason, "SMLP_ISA names it");
  EXPECT_EQ(forced.isa_error, "");
#if defined(__x86_64__)
  EXPECT_EQ(find_choice(forced, "portable", "fp32")->reason, "SMLP_ISA names another");
  ::setenv("SMLP_ISA", "portable", 1);
  EXPECT_TRUE(find_choice(inspect_machine(), "portable", "int8")->taken);
#endif

  ::setenv("SMLP_ISA", "mmx", 1);
  const Machine unknown = inspect_machine();
  EXPECT_EQ(taken_of(unknown), (std::map<std::string, int>{{"int8", 0}, {"bf16", 0}, {"fp32", 0}}));
  EXPECT_THAT(unknown.isa_error, ::testing::HasSubstr("unknown instruction set 'mmx'"));
  named == nullptr ? ::unsetenv("SMLP_ISA") : ::setenv("SMLP_ISA", before.c_str(), 1);
}

std::string word_of(const std::string& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

// The system says who shares a cache as a list, which is read, and as a map of bits, which this counts.
TEST(InspectMachine, CachesAreThoseThatTheSystemLists) {
  const std::vector<CacheLevel> caches = inspect_machine().caches;
  for (std::size_t i = 0; i <= caches.size(); ++i) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
    const std::string size = word_of(folder + "size");
    ASSERT_EQ(i < caches.size(), !size.empty()) << folder;
    if (size.empty()) break;
    EXPECT_EQ(std::to_string(caches[i].level), word_of(folder + "level"));
    EXPECT_EQ(std::to_string(caches[i].bytes / 1024) + "K", size) << "Linux writes all sizes in KiB";
    const std::string type = word_of(folder + "type");
    EXPECT_EQ(caches[i].kind, std::string(1, static_cast<char>(type[0] + 'a' - 'A')) + type.substr(1));
    int bits = 0;
    for (const char digit : word_of(folder + "shared_cpu_map")) {
      if (digit != ',')
        bits += __builtin_popcount(static_cast<unsigned>(std::stoi(std::string(1, digit), nullptr, 16)));
    }
    EXPECT_EQ(caches[i].shared_by, std::max(bits, 1));
  }
}

}  // namespace
}  // namespace smlp
