#include "data/npy.h"

#include <gmock/gmock.h>

#include <cmath>

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

// 2^63 is the first number beyond; floats have no whole numbers between it and 2^63 - 1024.
TEST(Npy, NumbersBeyondAnInteger64AreRefused) {
  const auto integers = [](const char* descr, auto value) -> std::string {
    const std::string data(reinterpret_cast<const char*>(&value), sizeof(value));
    const std::string bytes = npy(fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': (), }}", descr), data);
    const auto list = NpyArray::parse(bytes_of(bytes)).value().to_integers();
    return list ? fmt::to_string(list->front()) : list.error().message();
  };
  EXPECT_EQ(integers("<u8", std::uint64_t{INT64_MAX}), "9223372036854775807");
  EXPECT_THAT(integers("<u8", std::uint64_t{INT64_MAX} + 1), HasSubstr("no 64-bit integers"));
  EXPECT_EQ(integers("<f8", 0x1p63 - 1024), "9223372036854774784");
  EXPECT_EQ(integers("<f8", 1024 - 0x1p63), "-9223372036854774784");
  EXPECT_EQ(integers("<f8", -0.0), "0");
  for (const double beyond : {0x1p63, -0x1p64, 0.5, -1.5, static_cast<double>(NAN), HUGE_VAL}) {
    EXPECT_THAT(integers("<f8", beyond), HasSubstr("no 64-bit integers")) << beyond;
  }
  EXPECT_EQ(integers("|i1", std::int8_t{-128}), "-128");
  EXPECT_EQ(integers("|u1", std::uint8_t{255}), "255");
  EXPECT_EQ(integers("<i2", std::int16_t{-32768}), "-32768");
  EXPECT_EQ(integers("<u2", std::uint16_t{65535}), "65535");
  EXPECT_EQ(integers("<i4", INT32_MIN), "-2147483648");
  EXPECT_EQ(integers("<u4", UINT32_MAX), "4294967295");
}

TEST(Npy, PlainFloatsAreGivenWithoutACopy) {
  EXPECT_EQ(NpyArray::open(fixture("f4.npy"))->floats().size(), 6U);
  EXPECT_TRUE(NpyArray::open(fixture("f8_fortran.npy"))->floats().empty());
  EXPECT_TRUE(NpyArray::open(fixture("f4_big_endian.npy"))->floats().empty());
  EXPECT_TRUE(NpyArray::open(fixture("i8.npy"))->floats().empty());
  const std::string flat = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", std::string(8, '\0'));
  const auto floats_at = [&](std::size_t offset) {
    std::vector<char> room(offset + flat.size());  // aligned for anything
    std::ranges::copy(flat, room.begin() + static_cast<std::ptrdiff_t>(offset));
    return NpyArray::parse(std::as_bytes(std::span(room).subspan(offset))).value().floats().size();
  };
  const std::size_t aligned = (4 - flat.size() % 4) % 4;
  EXPECT_EQ(floats_at(aligned), 2U) << "a single row is the same in either order";
  EXPECT_EQ(floats_at(aligned + 1), 0U) << "no float may lie there";
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
  for (const char* shape : {"(-2,)", "(99999999999999999999,)", "(4611686018427387904, 4)", "(2", "2", "(2 2)", "(2,,)",
                            "(2)", "(02,)", "(,)", "(2, 01)"}) {
    EXPECT_NE(problem(npy(fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}", shape), data)),
              "no error");
  }
  for (const char* behind : {"7", "L", ",", "{}", " f \n"}) {  // blanks alone may follow the dict
    EXPECT_THAT(problem(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }" + std::string(behind), data)),
                HasSubstr("damaged .npy header"));
  }
  const auto of_rank = [&](int rank) {
    std::string shape;
    for (int i = 0; i < rank; ++i) shape += "1, ";
    return problem(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (" + shape + "), }", data));
  };
  EXPECT_EQ(of_rank(64), "no error");
  EXPECT_THAT(of_rank(65), HasSubstr("damaged .npy header")) << "numpy has 64 at most";
  EXPECT_EQ(problem(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }", data)), "no error") << "Python 2";
  for (const char* dict : {"{'descr': '<f4', 'shape': (2,), }", "{'descr': '<f4', 'fortran_order': False, }",
                           "{'fortran_order': False, 'shape': (2,), }", "{}", "",
                           "{'descr': '<f4', 'fortran_order': false, 'shape': (2,), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'descr': '<f4', }",
                           "{'fortran_order': False, 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
                           "{'descr': '<f4' 'fortran_order': False, 'shape': (2,), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1, }"}) {
    EXPECT_THAT(problem(npy(dict, data)), HasSubstr("damaged .npy header")) << dict;
  }
  std::string minor = npy(header, data);
  minor[7] = 1;
  EXPECT_THAT(problem(minor), HasSubstr("version 1.1 of the .npy format"));
  for (const char major : {'\0', '\4'}) {
    std::string other = npy(header, data);
    other[6] = major;
    EXPECT_THAT(problem(other), HasSubstr(fmt::format("version {}.0 of the .npy format", int{major})));
  }
  const std::string whole = read_text(fixture("f8_fortran.npy"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(problem(whole.substr(0, length)), "no error") << length;
  }
}

TEST(Npy, AHeaderHasALimit) {
  const auto of_length = [](std::size_t length) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    header.resize(length, ' ');
    std::string bytes("\x93NUMPY\x02\x00", 8);
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(length >> (8 * i));
    return problem(bytes + header + std::string(8, '\0'));
  };
  EXPECT_EQ(of_length(1 << 20), "no error");
  EXPECT_THAT(of_length((1 << 20) + 1), HasSubstr("an .npy header of 1048577 bytes"));
}

// What numpy.save writes in front of such arrays.
TEST(Npy, AHeaderIsTheTextThatNumpyWrites) {
  const auto text = [](std::vector<std::int64_t> shape) {
    const std::string header = npy_header("<f4", shape);
    EXPECT_EQ(header.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    EXPECT_EQ(static_cast<unsigned char>(header[8]) + 256 * static_cast<unsigned char>(header[9]), header.size() - 10);
    EXPECT_TRUE(header.ends_with(" \n"));
    return header.substr(10, header.find_last_not_of(" \n") - 9);
  };
  EXPECT_EQ(text({}), "{'descr': '<f4', 'fortran_order': False, 'shape': (), }");
  EXPECT_EQ(text({7}), "{'descr': '<f4', 'fortran_order': False, 'shape': (7,), }");
  EXPECT_EQ(text({2, 3}), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  EXPECT_EQ(text({1, 2, 3}), "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }");
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
