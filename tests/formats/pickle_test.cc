#include "formats/pickle.h"

#include <gmock/gmock.h>

#include "formats/fixtures.h"

namespace smlp {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

// `bytes` must outlive the answer where its texts are looked at.
Result<Pickle> read(const std::string& bytes) {
  ByteReader reader(bytes_of(bytes));
  return read_pickle(reader);
}

std::string problem(const std::string& bytes) {
  const auto pickle = read(bytes);
  return pickle ? "no error" : pickle.error().message();
}

std::string number32(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), 4}; }
std::string number64(std::uint64_t value) { return {reinterpret_cast<const char*>(&value), 8}; }

TEST(Pickle, RefusesEveryWayToNameAFunction) {
  EXPECT_THAT(problem("cos\nsystem\n(S'true'\ntR."), HasSubstr("refuses global 'os.system' (at byte 0)"));
  EXPECT_THAT(problem("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."s),
              HasSubstr("refuses global 'posix.system' (at byte 17)"));
  EXPECT_THAT(problem("(S'true'\nios\nsystem\n."), HasSubstr("refuses global 'os.system' (at byte 9)"));
  EXPECT_THAT(problem("(cos\nsystem\nS'true'\no."), HasSubstr("refuses global 'os.system' (at byte 1)"));
  EXPECT_THAT(problem("\x80\x02}q\x00(X\x01\x00\x00\x00"
                      "acsubprocess\nPopen\n)\x81u."s),
              HasSubstr("refuses global 'subprocess.Popen' (at byte 12)"));
  for (const std::string& code : {"\x82\x01"s, "\x83\x01\x00"s, "\x84\x01\x00\x00\x00"s}) {
    EXPECT_THAT(problem("\x80\x02" + code + ")R."), HasSubstr("refuses an extension code"));
  }
  for (const std::string name :
       {"builtins\neval", "builtins\ngetattr", "builtins\n__import__", "__builtin__\nexec",
        "torch.storage\n_load_from_bytes", "torch\nload", "torch.hub\nload", "runpy\n_run_code",
        "torch\nFloatStorage.from_file", "numpy.testing._private.utils\nruncmd"}) {
    EXPECT_THAT(problem("c" + name + "\n)R."), HasSubstr("refuses global")) << name;
  }
}

TEST(Pickle, AnUnprintableNameIsShownSafely) {
  EXPECT_THAT(problem("c\x1b[31mos\nsys\x07tem\n."), HasSubstr("refuses global '?[31mos.sys?tem'"));
}

TEST(Pickle, ACallIsKeptAsDataAndNotMade) {
  const std::string bytes = "cargparse\nNamespace\n)R}(S'a'\nI5\nub.";
  const auto pickle = read(bytes);
  ASSERT_TRUE(pickle) << pickle.error().message();
  EXPECT_EQ(pickle->top().kind, PickleKind::object);
  EXPECT_EQ(pickle->find((*pickle)[pickle->top().state], "a")->integer, 5);
}

TEST(Pickle, ReadsNumbersOfEveryOpcode) {
  const auto pickle =
      read("\x80\x02(I-7\nL123456789012L\nJ\xfe\xff\xff\xffK\xffM\xff\xff\x8a\x00\x8a\x01\xff\x8a\x08"s +
           number64(1ULL << 63) + "\x8b" + number32(3) + "\x01\x02\x03\x88I01\nl.");
  ASSERT_TRUE(pickle) << pickle.error().message();
  std::vector<std::int64_t> values;
  for (const PickleRef ref : pickle->top().items) values.push_back((*pickle)[ref].integer);
  EXPECT_THAT(values, testing::ElementsAre(-7, 123456789012, -2, 255, 65535, 0, -1,
                                           std::numeric_limits<std::int64_t>::min(), 0x030201, 1, 1));
}

TEST(Pickle, HugeCountsAreRefusedBeforeMemoryIsTaken) {
  EXPECT_THAT(problem("X" + number32(0xFFFFFFFF) + "a."), HasSubstr("file ends early"));
  EXPECT_THAT(problem("\x8d" + number64(~0ULL) + "a."), HasSubstr("file ends early"));
  EXPECT_THAT(problem("\x8e" + number64(1ULL << 62) + "."), HasSubstr("file ends early"));
  EXPECT_THAT(problem("\x8b" + number32(0x80000000) + "."), HasSubstr("file ends early"));
  EXPECT_THAT(problem("Nr" + number32(0xFFFFFFFF) + "."), HasSubstr("more than any checkpoint has"));
  EXPECT_THAT(problem("Np99999999999999999999\n."), HasSubstr("no number"));
}

TEST(Pickle, AnUnbalancedStackIsAnError) {
  for (const std::string bytes :
       {".",      "NN.", "(.",    "N(.",    "t.",   "e.",    "R.",      "NR.",   "b.",    "Nb.",  "0.",     "1.",
        "2.",     "a.",  "]a.",   "s.",     "}Ns.", "(NR.",  "]NNs.",   "}Na.",  "}(Nu.", "(Nd.", "h\x05.", "g5\n.",
        "q\x01.", "Q.",  "\x85.", "N\x87.", "(o.",  "\x93.", "NN\x93.", "\x81.", "\x92.", "N)R.", "\xff",   ""}) {
    EXPECT_FALSE(read(bytes)) << testing::PrintToString(bytes);
  }
}

TEST(Pickle, AMillionLevelsOfNestingTakeNoStack) {
  const std::string lists = std::string(1'000'000, ']') + std::string(999'999, 'a') + ".";
  EXPECT_TRUE(read(lists));
  EXPECT_TRUE(read(std::string(1'000'000, '(') + "N" + std::string(1'000'000, 't') + "."));
}

TEST(Pickle, MoreValuesThanACheckpointHasAreRefused) {
  EXPECT_THAT(problem("(" + std::string(5'000'000, 'N') + "t."), HasSubstr("far more than any checkpoint"));
  // The same list handed to OrderedDict again and again would be copied quadratically.
  std::string bomb = "}q\x00("s;
  for (int i = 0; i < 20'000; ++i) bomb += "NN";
  bomb +=
      "uh\x00\x85q\x01"
      "0ccollections\nOrderedDict\nq\x02";
  for (int i = 0; i < 20'000; ++i) bomb += "h\x02h\x01R0";
  EXPECT_FALSE(read(bomb + "."s));
}

// PyTorch's legacy stream around one pickled object.
std::string legacy(const std::string& object) {
  return "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."s + object + "].";
}

TEST(PickledTensors, SharedAndCyclicDictsAreWalkedOnce) {
  // d = {}; d["self"] = d
  EXPECT_EQ(error_of(legacy("}q\x00(X\x04\x00\x00\x00selfh\x00u."s)), "no error");
  // Each dict holds the one before twice: 2^64 paths.
  std::string doubling =
      "}q\x00(U\x01"
      "aNu"s;
  for (char i = 0; i < 64; ++i)
    doubling += "0}q"s + char(i + 1) +
                "(U\x01"
                "ah"s +
                i +
                "U\x01"
                "bh"s +
                i + "u";
  EXPECT_EQ(error_of(legacy(doubling + ".")), "no error");
}

TEST(PickledTensors, TooDeepNestingIsAnError) {
  std::string nested = "}";
  for (int i = 0; i < 100; ++i)
    nested =
        "}(U\x01"
        "a" +
        nested + "u";
  EXPECT_THAT(error_of(legacy(nested + ".")), HasSubstr("nested more than"));
}

// {"t": _rebuild_tensor_v2(storage of 4 floats, offset, size, stride, ...)}, and its storage.
std::string tensor_file(const std::string& offset, const std::string& size, const std::string& stride,
                        const std::string& elements = "K\x04") {
  const std::string object =
      "}(U\x01tctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x01"
      "0U\x03"
      "cpu" +
      elements + "NtQ" + offset + size + stride + "\x89}tRu.";
  std::string file = legacy(object);
  file.resize(file.size() - 2);
  return file +
         "](U\x01"
         "0e." +
         number64(4) + std::string(16, '\x3f');
}

std::string integer(std::int64_t value) { return "\x8a\x08" + number64(static_cast<std::uint64_t>(value)); }

TEST(PickledTensors, ViewsOutsideOfTheirStorageAreRefused) {
  const auto tuple = [](std::initializer_list<std::int64_t> values) {
    std::string out = "(";
    for (const auto v : values) out += integer(v);
    return out + "t";
  };
  constexpr auto huge = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(error_of(tensor_file(integer(0), tuple({2, 2}), tuple({2, 1}))), "no error");
  EXPECT_EQ(error_of(tensor_file(integer(3), tuple({5}), tuple({0}))), "no error");
  EXPECT_EQ(error_of(tensor_file(integer(0), tuple({0, huge}), tuple({1, 1}))), "no error");
  EXPECT_THAT(error_of(tensor_file(integer(1), tuple({2, 2}), tuple({2, 1}))),
              HasSubstr("tensor 't': shape (2, 2), strides (2, 1), offset 1: outside of its storage of 4 elements"));
  EXPECT_THAT(error_of(tensor_file(integer(-1), tuple({1}), tuple({1}))), HasSubstr("negative"));
  EXPECT_THAT(error_of(tensor_file(integer(0), tuple({-1}), tuple({1}))), HasSubstr("negative"));
  EXPECT_THAT(error_of(tensor_file(integer(3), tuple({2}), tuple({-1}))), HasSubstr("negative"));
  EXPECT_THAT(error_of(tensor_file(integer(0), tuple({huge, huge}), tuple({1, 1}))), HasSubstr("outside"));
  EXPECT_THAT(error_of(tensor_file(integer(0), tuple({3, 3}), tuple({huge, huge}))), HasSubstr("outside"));
  EXPECT_THAT(error_of(tensor_file(integer(huge), tuple({1}), tuple({1}))), HasSubstr("outside"));
  EXPECT_THAT(error_of(tensor_file(integer(0), tuple({4}), tuple({}))), HasSubstr("one stride per dimension"));
  EXPECT_THAT(error_of(tensor_file(integer(0), "N", tuple({1}))), HasSubstr("no tuple"));
  EXPECT_THAT(error_of(tensor_file(integer(0), tuple({1}), tuple({1}), "K\x05")), HasSubstr("4 elements, expected 5"));
  EXPECT_THAT(error_of(tensor_file(integer(0), tuple({1}), tuple({1}), integer(-4))), HasSubstr("malformed storage"));
  EXPECT_THAT(error_of(tensor_file(integer(0), tuple({1}), tuple({1}), integer(huge))), HasSubstr("malformed storage"));
}

}  // namespace
}  // namespace smlp
