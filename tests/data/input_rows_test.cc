// Rows of prepared files against the whole array that NumPy wrote, and files that change under the reader.
#include "data/input_rows.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <thread>

#include "data/input_check.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using testing::HasSubstr;

constexpr int kRows = 5;
const InputSpec kSpec{.channels = 3, .side = 2, .how = {}, .max_rows = 0};

// Value e of row r is 100 r + e, which every type holds.
float value_of(int row, std::size_t element) { return static_cast<float>(100 * row + static_cast<int>(element)); }

template <class T>
void put(std::string& out, float value, bool swapped) {
  const T as_type = static_cast<T>(value);
  char raw[sizeof(T)];
  std::memcpy(raw, &as_type, sizeof(T));
  if (swapped) std::reverse(raw, raw + sizeof(T));
  out.append(raw, sizeof(T));
}

std::string npy_text(const std::string& descr, bool fortran, const std::string& data) {
  const std::string dict =
      "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': (5, 3, 2, 2), }\n";
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(dict.size()) + '\0' + dict + data;
}

template <class T>
std::string data_of(bool swapped, bool fortran) {
  std::string data;
  const std::size_t floats = kSpec.floats();
  for (std::size_t i = 0; i < kRows * floats; ++i) {
    if (!fortran) {
      put<T>(data, value_of(static_cast<int>(i / floats), i % floats), swapped);
      continue;
    }
    // The first index is the fastest: i = n + 5 (c + 3 (y + 2 x)).
    const std::size_t n = i % 5, c = i / 5 % 3, y = i / 15 % 2, x = i / 30;
    put<T>(data, value_of(static_cast<int>(n), c * 4 + y * 2 + x), swapped);
  }
  return data;
}

class InputRowsTest : public testing::Test {
 protected:
  Result<Input> listed(const std::string& name, const std::string& bytes) {
    Input input{.file = scratch_.write(name, bytes), .kind = name.ends_with(".bin") ? InputKind::bin : InputKind::npy};
    std::vector<std::string> warnings;
    SMLP_CHECK(check_prepared(std::span(&input, 1), kSpec, warnings));
    return input;
  }

  void expect_rows(const std::string& name, const std::string& bytes) {
    const auto file = listed(name, bytes);
    ASSERT_TRUE(file) << file.error().message();
    ASSERT_EQ(file->rows, kRows);
    const auto rows = InputRows::open(*file, kSpec);
    ASSERT_TRUE(rows) << rows.error().message();
    for (const int row : {4, 0, 2, 2, 1, 3}) {
      std::vector<float> got(kSpec.floats());
      const auto outcome = (*rows)->read(row, got);
      ASSERT_TRUE(outcome) << outcome.error().message();
      for (std::size_t e = 0; e < got.size(); ++e) ASSERT_EQ(got[e], value_of(row, e)) << name << " " << row;
    }
  }

  test::Scratch scratch_;
};

TEST_F(InputRowsTest, EveryKindOfFileGivesItsRows) {
  expect_rows("plain.bin", data_of<float>(false, false));
  expect_rows("f4.npy", npy_text("<f4", false, data_of<float>(false, false)));
  expect_rows("f4_swapped.npy", npy_text(">f4", false, data_of<float>(true, false)));
  expect_rows("f8.npy", npy_text("<f8", false, data_of<double>(false, false)));
  expect_rows("i2.npy", npy_text("<i2", false, data_of<std::int16_t>(false, false)));
  expect_rows("fortran.npy", npy_text("<f4", true, data_of<float>(false, true)));
  expect_rows("fortran_f8.npy", npy_text(">f8", true, data_of<double>(true, true)));
}

TEST_F(InputRowsTest, AFileThatChangedSinceItWasListedIsAnError) {
  const auto file = listed("grown.bin", data_of<float>(false, false));
  ASSERT_TRUE(file);
  scratch_.write("grown.bin", data_of<float>(false, false) + "more");
  const auto rows = InputRows::open(*file, kSpec);
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message(), HasSubstr("grown.bin: has changed since it was checked"));
}

TEST_F(InputRowsTest, AnArrayOfOtherRowsThanWereListedHasChanged) {
  for (const bool fortran : {false, true}) {
    auto file = listed("rows.npy", npy_text("<f4", fortran, data_of<float>(false, fortran)));
    ASSERT_TRUE(file);
    for (const int rows : {kRows - 1, kRows + 1}) {
      file->rows = rows;
      const auto opened = InputRows::open(*file, kSpec);
      ASSERT_FALSE(opened) << rows;
      EXPECT_THAT(opened.error().message(), HasSubstr("rows.npy: has changed since it was checked"));
    }
  }
}

TEST_F(InputRowsTest, AFileThatIsCutOffWhileItIsOpenIsAnError) {
  const auto file = listed("cut.bin", data_of<float>(false, false));
  ASSERT_TRUE(file);
  const auto rows = InputRows::open(*file, kSpec);
  ASSERT_TRUE(rows);
  std::filesystem::resize_file(file->file, 100);
  std::vector<float> got(kSpec.floats());
  EXPECT_TRUE((*rows)->read(0, got));
  const auto outcome = (*rows)->read(3, got);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message(), HasSubstr("cut.bin: changed while it was read"));
}

TEST_F(InputRowsTest, ThreadsMayReadOneFile) {
  const auto file = listed("shared.bin", data_of<float>(false, false));
  ASSERT_TRUE(file);
  const auto rows = InputRows::open(*file, kSpec);
  ASSERT_TRUE(rows);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<float> got(kSpec.floats());
      for (int i = 0; i < 500; ++i) {
        const int row = (i + t) % kRows;
        EXPECT_TRUE((*rows)->read(row, got));
        EXPECT_EQ(got[7], value_of(row, 7));
      }
    });
  }
}

}  // namespace
}  // namespace smlp
