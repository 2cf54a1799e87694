// PyTorch's legacy stream put together by hand: five pickles and the storages behind them.
#include <gmock/gmock.h>

#include "formats/fixtures.h"

namespace smlp {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

struct Stream {
  std::string magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s;
  std::string version = "I1001\n.", system =
                                        "(S'little_endian'\n\x88"
                                        "d.";
  std::string object = tensor("0", 2) + ".", keys = "(S'0'\nl.";
  std::vector<std::pair<std::int64_t, std::string>> storages = {{2, std::string("\0\0\x80\x3F\0\0\0\x40", 8)}};

  // One element of a storage of floats.
  static std::string tensor(const std::string& key, int elements) {
    return fmt::format(
        "ctorch._utils\n_rebuild_tensor\n((S'storage'\nctorch\nFloatStorage\nS'{}'\nS'cpu'\nI{}\ntQI1\n(I1\nt(I1\nttR",
        key, elements);
  }
  std::string bytes() const {
    std::string out = magic + version + system + object + keys;
    for (const auto& [elements, data] : storages) {
      out.append(reinterpret_cast<const char*>(&elements), 8);
      out += data;
    }
    return out;
  }
};

TEST(LegacyStream, IsReadInEitherSpelling) {
  Stream stream;
  for (const std::string& magic : {stream.magic, "L119547037146038801333356L\n."s}) {
    stream.magic = magic;
    for (const char* system : {"(S'little_endian'\n\x88"
                               "d.",
                               "}.", "N.", "(S'little_endian'\nI0\nd."}) {
      stream.system = system;
      const std::string bytes = stream.bytes();
      const auto file = read_bytes(bytes);
      ASSERT_TRUE(file) << file.error().message();
      EXPECT_EQ(file->format, "PyTorch legacy");
      EXPECT_THAT(*file->tensors.at(0).to_float(), testing::ElementsAre(2.0F));
    }
  }
}

TEST(LegacyStream, DamagedPartsAreNamed) {
  const auto problem = [](auto change) {
    Stream stream;
    change(stream);
    return error_of(stream.bytes());
  };
  EXPECT_THAT(problem([](Stream& s) { s.version = "I1002\n."; }), HasSubstr("version 1002 of PyTorch's stream format"));
  EXPECT_THAT(problem([](Stream& s) { s.version = "S'1001'\n."; }), HasSubstr("of PyTorch's stream format; only 1001"));
  EXPECT_THAT(problem([](Stream& s) { s.magic[5] ^= 1; }), HasSubstr("a Python pickle that torch.save did not write"));
  EXPECT_THAT(problem([](Stream& s) {
                s.system =
                    "(S'little_endian'\n\x89"
                    "d.";
              }),
              HasSubstr("a big-endian machine"));
  EXPECT_THAT(problem([](Stream& s) { s.keys = "(S'0'\nt."; }), HasSubstr("no list of storages"));
  EXPECT_THAT(problem([](Stream& s) { s.keys = "(S'1'\nl."; }), HasSubstr("storage '1' belongs to no tensor"));
  EXPECT_THAT(problem([](Stream& s) { s.keys = "]."; }), HasSubstr("its storage '0' is missing from the file"));
  EXPECT_THAT(problem([](Stream& s) { s.storages[0].first = 3; }), HasSubstr("'0' has 3 elements, expected 2"));
  EXPECT_THAT(problem([](Stream& s) { s.storages[0].second.pop_back(); }), HasSubstr("8 more bytes needed, 7 left"));
  EXPECT_THAT(problem([](Stream& s) { s.storages.clear(); }), HasSubstr("8 more bytes needed, 0 left"));
}

TEST(LegacyStream, AStorageHasOneSize) {
  Stream stream;
  stream.object = "(" + Stream::tensor("0", 2) + Stream::tensor("0", 2) + "t.";
  EXPECT_EQ(error_of(stream.bytes()), "no error");
  stream.object = "(" + Stream::tensor("0", 2) + Stream::tensor("0", 3) + "t.";
  EXPECT_THAT(error_of(stream.bytes()), HasSubstr("storage '0' has two sizes"));
}

}  // namespace
}  // namespace smlp
