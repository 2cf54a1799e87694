#include "data/bin_folder.h"

#include <gtest/gtest.h>

#include "data/labels.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

TEST(BinFolder, BinsComeByNumber) {
  const test::Scratch scratch;
  for (const char* name : {"batch-100000.bin", "batch-00002.bin", "batch-00010.bin", "batch-00010.txt", "batch-.bin",
                           "notes.bin", "xbatch-00001.bin"}) {
    scratch.write(name, "");
  }
  const auto bins = list_bins(scratch.folder());
  ASSERT_TRUE(bins);
  std::vector<std::uint64_t> numbers;
  for (const Bin& bin : *bins) numbers.push_back(bin.batch);
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{2, 10, 100000}));
  EXPECT_EQ(bin_name(7), "batch-00007.bin");
  EXPECT_FALSE(list_bins(scratch.folder() / "missing"));
  EXPECT_FALSE(batch_number("batch-99999999999999999999"));
}

// Cut anywhere, labels.npy is an error, never fewer labels.
TEST(Labels, ACutAnywhereIsRefused) {
  const test::Scratch scratch;
  const LabelTable table{.batch_size = 3, .labels = {2, 0, 1, 9, kNoLabel, kNoLabel}};
  EXPECT_EQ(table.bins(), 2U);
  EXPECT_EQ(table.pictures(), 4U);
  const std::string whole = labels_bytes(table);
  const auto read = read_labels(scratch.write("whole.npy", whole));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->labels, table.labels);
  EXPECT_EQ(read->batch_size, 3U);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const fs::path file = scratch.write("cut.npy", std::string_view(whole).substr(0, length));
    const auto cut = read_labels(file);
    ASSERT_FALSE(cut) << length;
    EXPECT_EQ(cut.error().file, file.string());
  }
  EXPECT_FALSE(read_labels(scratch.write("long.npy", whole + "x")));
}

// Whatever one byte is changed to: an error or a table of the same size, never a crash.
TEST(Labels, AnyByteMayBeWrong) {
  const test::Scratch scratch;
  const std::string whole = labels_bytes({.batch_size = 2, .labels = {2, 0, 1, kNoLabel}});
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char byte : {'\0', '\xFF', '9', '(', '\n', static_cast<char>(whole[at] ^ 1)}) {
      std::string changed = whole;
      changed[at] = byte;
      const auto read = read_labels(scratch.write("changed.npy", changed));
      if (read) {
        EXPECT_LE(read->labels.size(), whole.size()) << at;
      } else {
        EXPECT_FALSE(read.error().message().empty());
      }
    }
  }
}

}  // namespace
}  // namespace smlp
