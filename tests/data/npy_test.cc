#include "data/npy.h"

#include <gmock/gmock.h>

#include "formats/fixtures.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string npy(const std::string& header, const std::string& data) {
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  return out + header + data;
}

std::string problem(const std::string& bytes) {
  const auto array = NpyArray::parse(bytes_of(bytes));
  return array ? "no error" : array.error().message();
}

TEST(Npy, HoldsWhatNumpyWrote) {
  int files = 0;
  for (const auto& [name, expected] : expected_values().items()) {
    if (!name.ends_with(".npy")) continue;
    ++files;
    const auto array = NpyArray::open(fixture(name));
    ASSERT_TRUE(array) << array.error().message();
    EXPECT_EQ(nlohmann::json(array->shape()), expected["shape"]) << name;
    EXPECT_EQ(nlohmann::json(array->to_floats()), expected["values"]) << name;
  }
  EXPECT_EQ(files, 11);
}

TEST(Npy, IntegersAreExact) {
  EXPECT_THAT(*NpyArray::open(fixture("i8.npy"))->to_integers(), ElementsAre(-3, -2, -1, 0, 1, 2));
  EXPECT_FALSE(NpyArray::open(fixture("f4.npy"))->to_integers());
  const std::string big = npy("{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }\n", std::string(8, '\xff'));
  EXPECT_FALSE(NpyArray::parse(bytes_of(big))->to_integers());
}

TEST(Npy, PlainFloatsAreGivenWithoutACopy) {
  EXPECT_EQ(NpyArray::open(fixture("f4.npy"))->floats().size(), 6U);
  EXPECT_TRUE(NpyArray::open(fixture("f8_fortran.npy"))->floats().empty());
  EXPECT_TRUE(NpyArray::open(fixture("f4_big_endian.npy"))->floats().empty());
}

TEST(Npy, WhatIsWrittenIsWhatNumpyWrites) {
  const std::string path = testing::TempDir() + "/written.npy";
  const auto array = NpyArray::open(fixture("f4.npy"));
  ASSERT_TRUE(write_npy(path, array->shape(), array->floats(), Existing::replace));
  EXPECT_EQ(read_text(path), read_text(fixture("f4.npy")));
  const auto labels = NpyArray::open(fixture("i8.npy"));
  ASSERT_TRUE(write_npy(path, labels->shape(), *labels->to_integers(), Existing::replace));
  EXPECT_EQ(read_text(path), read_text(fixture("i8.npy")));
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{}, {7}, {1, 2}, {100000, 1000}}) {
    EXPECT_EQ(npy_header("<f4", shape).size() % 64, 0U);
  }
}

TEST(Npy, DamagedFilesAreErrors) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", data(8, '\0');
  EXPECT_EQ(problem(npy(header, data)), "no error");
  EXPECT_EQ(problem(npy("{\"shape\":(2,),'fortran_order':False,'descr':\"<f4\"}", data)), "no error");
  EXPECT_THAT(problem(npy(header, data + "x")), HasSubstr("9 bytes of data, expected 8"));
  EXPECT_THAT(problem(npy(header, "123")), HasSubstr("3 bytes of data, expected 8"));
  EXPECT_THAT(problem("not numpy"), HasSubstr("not an .npy file"));
  for (const char* type : {"<c8", "|O", "<U4", "<f16", "f4", ""}) {
    EXPECT_THAT(problem(npy(fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': (2,), }}", type), data)),
                HasSubstr("numpy type"));
  }
  EXPECT_THAT(problem(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", data)),
              HasSubstr("structured"));
  for (const char* shape :
       {"(-2,)", "(99999999999999999999,)", "(4611686018427387904, 4)", "(2", "2", "(2 2)", "(2,,)"}) {
    EXPECT_NE(problem(npy(fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}", shape), data)),
              "no error");
  }
  for (const char* behind : {"7", "L", ",", "{}", " f \n"}) {  // blanks alone may follow the dict
    EXPECT_THAT(problem(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }" + std::string(behind), data)),
                HasSubstr("damaged .npy header"));
  }
  std::string minor = npy(header, data);
  minor[7] = 1;
  EXPECT_THAT(problem(minor), HasSubstr("version 1.1 of the .npy format"));
  const std::string whole = read_text(fixture("f8_fortran.npy"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(problem(whole.substr(0, length)), "no error") << length;
  }
}

// The header alone says the same of a file as all of it, errors included.
TEST(Npy, AHeaderIsThatOfItsArray) {
  const test::Scratch scratch;
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  for (const std::string& bytes : {read_text(fixture("f8_fortran.npy")), npy(header, std::string(8, '\0')),
                                   npy(header, "123"), npy(header, std::string(9, '\0')), std::string("not numpy")}) {
    const auto path = scratch.write("a.npy", bytes);
    const auto array = NpyArray::open(path);
    const auto alone = read_npy_header(path, bytes.size());
    ASSERT_EQ(alone.has_value(), array.has_value());
    if (array) {
      EXPECT_EQ(alone->shape, array->shape());
      EXPECT_EQ(alone->descr, array->descr());
      EXPECT_EQ(alone->fortran, array->fortran_order());
    } else {
      EXPECT_EQ(alone.error().message(), array.error().message());
    }
  }
}

}  // namespace
}  // namespace smlp
