#include "formats/read.h"

#include <gmock/gmock.h>

#include "formats/fixtures.h"

namespace smlp {
namespace {

using testing::HasSubstr;

TEST(ReadTensorFile, SaysWhatAFileIsThatHoldsNoWeights) {
  EXPECT_THAT(error_of(""), HasSubstr("FILE: the file is empty"));
  EXPECT_THAT(error_of("lr = 0.1\nepochs = 3\n"), HasSubstr("a text file"));
  EXPECT_THAT(error_of("\n <!DOCTYPE html><html>"), HasSubstr("a web page"));
  EXPECT_THAT(error_of("<HTML><body>Not Found"), HasSubstr("a web page"));
  EXPECT_THAT(error_of("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
              HasSubstr("git lfs pull"));
  EXPECT_THAT(error_of("\x89PNG\r\n\x1a\n"), HasSubstr("a picture"));
  EXPECT_THAT(error_of(std::string("\x80\x03}q\x00.", 6)), HasSubstr("a Python pickle that torch.save did not write"));
  EXPECT_THAT(error_of(std::string(257, '\0') + "ustar\0" + std::string(300, '\0')), HasSubstr("a tar archive"));
  EXPECT_THAT(error_of(std::string("\x7f"
                                   "ELF\0\0\0\1\2\3",
                                   10)),
              HasSubstr("neither a PyTorch checkpoint nor"));
  EXPECT_THAT(error_of("PK\x03\x04 and then nothing"), HasSubstr("damaged zip archive"));
}

// A zip of stored, empty entries.
std::string zip_of(std::initializer_list<std::string> names, std::uint16_t flags = 0) {
  const auto u16 = [](std::size_t v) {
    return std::string{static_cast<char>(v & 255), static_cast<char>(v >> 8 & 255)};
  };
  const auto u32 = [&](std::size_t v) { return u16(v & 0xFFFF) + u16(v >> 16); };
  std::string local, central;
  for (const std::string& name : names) {
    const std::string common =
        u16(20) + u16(flags) + u16(0) + u32(0) + u32(0) + u32(0) + u32(0) + u16(name.size()) + u16(0);
    central += "PK\x01\x02" + u16(20) + common + u16(0) + u32(0) + u32(0) + u32(local.size()) + name;
    local += "PK\x03\x04" + common + name;
  }
  return local + central + "PK\x05\x06" + u32(0) + u16(names.size()) + u16(names.size()) + u32(central.size()) +
         u32(local.size()) + u16(0);
}

TEST(ReadTensorFile, OtherZipsAreNamed) {
  EXPECT_THAT(error_of(zip_of({"m/data.pkl", "m/constants.pkl", "m/code/x.py"})), HasSubstr("a TorchScript program"));
  EXPECT_THAT(error_of(zip_of({"a.txt", "b.txt"})), HasSubstr("a zip archive without a data.pkl"));
  EXPECT_THAT(error_of(zip_of({"mydata.pkl", "m/mydata.pkl"})), HasSubstr("a zip archive without a data.pkl"));
  EXPECT_THAT(error_of(zip_of({"mydata.pkl", "model/data.pkl", "model/constants.pkl"})),
              HasSubstr("a TorchScript program"));
  EXPECT_THAT(error_of(zip_of({})), HasSubstr("an empty zip archive"));
  EXPECT_THAT(error_of(zip_of({"m/data.pkl", "m/data.pkl"})), HasSubstr("two entries of the name"));
  EXPECT_THAT(error_of(zip_of({"m/data.pkl"}, 1)), HasSubstr("encrypted"));
  // PyTorch takes what lies beside the first entry; of several we take none but that.
  for (const std::string& zip :
       {zip_of({"zip/data.pkl", "a/data.pkl"}), zip_of({"x/version", "a/data.pkl", "a/b/data.pkl"}),
        zip_of({"a/b/data.pkl", "data.pkl"}), zip_of({"version", "a/data.pkl", "b/data.pkl"})}) {
    EXPECT_THAT(error_of(zip), HasSubstr("an archive of several checkpoints"));
  }
  EXPECT_THAT(error_of(zip_of({"a/data.pkl", "zip/data.pkl"})), HasSubstr("in 'a/data.pkl'"));
  EXPECT_THAT(error_of(zip_of({"zip/version", "zip/more/data.pkl", "zip/data.pkl"})), HasSubstr("in 'zip/data.pkl'"));
  EXPECT_THAT(error_of(zip_of({"weights.pth"})), HasSubstr("'weights.pth' in the zip archive: the file is empty"));
}

TEST(ReadTensorFile, BigEndianFilesAreRefused) {
  std::string zip = read_text(fixture("zip.pth"));
  const auto at = zip.find("little", zip.find("byteorder"));
  ASSERT_NE(at, zip.npos);
  zip.replace(at, 6, "big   ");
  // The checksum of the record no longer fits; torch.save can be told to write none.
  const auto central = zip.rfind("zip/byteorder");
  zip.replace(central - 30, 4, std::string(4, '\0'));
  EXPECT_THAT(error_of(zip), HasSubstr("big-endian"));
  zip.replace(at, 6, "little", 0, 5).insert(at + 5, "!");
  EXPECT_THAT(error_of(zip), HasSubstr("'zip/byteorder' names no byte order"));
  std::string legacy = read_text(fixture("legacy.pth"));
  const auto flag = legacy.find("little_endian") + 13;
  const auto truth = legacy.find('\x88', flag);
  ASSERT_LT(truth, flag + 8);
  legacy[truth] = '\x89';
  EXPECT_THAT(error_of(legacy), HasSubstr("big-endian"));
}

TEST(ReadTensorFile, NamesAMissingFile) {
  EXPECT_THAT(read_tensor_file("/nonexistent/x.pth").error().message(), HasSubstr("/nonexistent/x.pth: cannot open"));
}

TEST(DetectFileKind, GoesByContent) {
  const auto kind = [](const std::string& bytes) { return detect_file_kind(bytes_of(bytes)).value(); };
  EXPECT_EQ(detect_file_kind(fixture("zip.pth")), FileKind::zip);
  EXPECT_EQ(detect_file_kind(fixture("legacy.pth")), FileKind::torch_legacy);
  EXPECT_EQ(detect_file_kind(fixture("legacy.pth.gz")), FileKind::gzip);
  EXPECT_EQ(detect_file_kind(fixture("state.safetensors")), FileKind::safetensors);
  // ir_version 6, producer_name "pytorch", graph of 3 bytes, opset import
  EXPECT_EQ(kind(std::string("\x08\x06\x12\x07pytorch\x3a\x03\x0a\x01\x41\x42\x02\x10\x0b", 20)), FileKind::onnx);
}

}  // namespace
}  // namespace smlp
