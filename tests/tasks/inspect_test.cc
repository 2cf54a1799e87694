#include "tasks/inspect.h"

#include <gmock/gmock.h>

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
}

}  // namespace
}  // namespace smlp
