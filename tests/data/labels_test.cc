// labels.npy as somebody else may have made it.
#include "data/labels.h"

#include <gmock/gmock.h>

#include <cstring>

#include "data/npy.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using testing::HasSubstr;

// An .npy of int64 with this text for its shape, whatever the data are.
std::string npy(const std::string& shape, const std::vector<std::int64_t>& values, const std::string& descr = "<i8") {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string file("\x93NUMPY\x01\x00", 8);
  file += {static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  file += header;
  return file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t));
}

class LabelsFile : public testing::Test {
 protected:
  Result<LabelTable> read(const std::string& bytes) { return read_labels(scratch_.write("labels.npy", bytes)); }
  std::string problem(const std::string& bytes) {
    const auto table = read(bytes);
    return table ? "no error" : table.error().message();
  }
  test::Scratch scratch_;
};

TEST_F(LabelsFile, AreReadRowByRow) {
  const auto table = read(npy("(2, 2)", {3, 1, 4, -1}));
  ASSERT_TRUE(table) << table.error().message();
  EXPECT_EQ(table->batch_size, 2U);
  EXPECT_EQ(table->labels, (std::vector<std::int64_t>{3, 1, 4, -1}));
  EXPECT_EQ(table->pictures(), 3U);
}

TEST_F(LabelsFile, AFlatListHasARowAPicture) {
  const auto table = read(npy("(3,)", {3, 1, -1}));
  ASSERT_TRUE(table) << table.error().message();
  EXPECT_EQ(table->batch_size, 1U);
  EXPECT_EQ(table->bins(), 3U);
  EXPECT_EQ(table->pictures(), 2U);
  EXPECT_EQ(table->labels, (std::vector<std::int64_t>{3, 1, -1}));
}

TEST_F(LabelsFile, OfShapesThatOverflowOrHoldNothingAreRefused) {
  for (const std::string shape : {"(0, 4)", "(4, 0)", "(0,)", "(0, 4611686018427387904)", "(4611686018427387904, 0)",
                                  "(4611686018427387904, 4, 0)", "(4294967296, 4294967296)", "(9223372036854775807, 2)",
                                  "(2305843009213693952, 4)", "(1, 1, 1)", "()", "(-1, 1)", "(18446744073709551615,)",
                                  "(1, -9223372036854775808)"}) {
    EXPECT_NE(problem(npy(shape, {})), "no error") << shape;
    EXPECT_NE(problem(npy(shape, {1, 2})), "no error") << shape;
  }
}

TEST_F(LabelsFile, ThatAreNegativeInTheMiddleAreRefused) {
  EXPECT_THAT(problem(npy("(2, 2)", {3, -1, 4, 5})), HasSubstr("label -1 of picture 1"));
  EXPECT_THAT(problem(npy("(2, 2)", {3, 1, 4, -2})), HasSubstr("label -2 of picture 3"));
  EXPECT_THAT(problem(npy("(1, 2)", {-9223372036854775807 - 1, 0})), HasSubstr("label -9223372036854775808"));
}

TEST_F(LabelsFile, CutOffAtEveryByteAreRefused) {
  const std::string whole = npy("(2, 2)", {3, 1, 4, 5});
  ASSERT_EQ(problem(whole), "no error");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(problem(whole.substr(0, length)), "no error") << length;
  }
  EXPECT_NE(problem(whole + "x"), "no error");
}

TEST_F(LabelsFile, WithAnyByteOfTheHeaderChangedAreReadOrRefused) {
  const std::string whole = npy("(2, 2)", {3, 1, 4, 5});
  for (std::size_t at = 0; at + 32 < whole.size(); ++at) {
    for (const char value : {'\0', '\xff', '0', '9', '(', ',', '-', '}', 'f'}) {
      std::string changed = whole;
      changed[at] = value;
      if (const auto table = read(changed)) {
        EXPECT_EQ(table->labels.size() % table->batch_size, 0U);
        EXPECT_LE(table->labels.size() * 8, whole.size() * 8);
      }
    }
  }
}

}  // namespace
}  // namespace smlp
