// Whatever happens to a file on its way, reading it gives an error or a value, never a crash.
#include <gmock/gmock.h>

#include <random>

#include "formats/compiled.h"
#include "formats/fixtures.h"
#include "model/checkpoint.h"

namespace smlp {
namespace {

// Reads everything there is to read.
bool read_all(const std::string& bytes) {
  const auto file = read_bytes(bytes);
  if (!file) {
    EXPECT_FALSE(file.error().what.empty());
    return false;
  }
  for (const Tensor& tensor : file->tensors) static_cast<void>(tensor.to_float());
  static_cast<void>(weights_from_tensors(*file));
  static_cast<void>(read_compiled(*file));
  return true;
}

class DamagedFile : public testing::TestWithParam<std::string> {};

TEST_P(DamagedFile, CutOffAnywhereIsAnError) {
  const std::string whole = read_text(fixture(GetParam()));
  ASSERT_TRUE(read_all(whole));
  const std::size_t step = whole.size() > 12'000 ? 7 : 1;
  // A gzip file ends in a checksum and a length, which are not needed to decompress it.
  const std::size_t end = whole.size() - (GetParam().ends_with(".gz") ? 8 : 0);
  for (std::size_t length = 0; length < end; length += step) {
    const std::string cut = whole.substr(0, length);
    EXPECT_FALSE(read_all(cut)) << length << " of " << whole.size() << " bytes";
  }
}

TEST_P(DamagedFile, AnyByteChangedIsSurvived) {
  const std::string whole = read_text(fixture(GetParam()));
  std::mt19937 random(1);
  for (std::size_t at = 0; at < whole.size(); at += whole.size() > 12'000 ? 5 : 1) {
    std::string changed = whole;
    changed[at] = static_cast<char>(random());
    read_all(changed);
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, DamagedFile,
                         testing::Values("zip.pth", "legacy.pth", "legacy_protocol4.pth", "legacy_views.pth",
                                         "training.pth", "deflated.pth", "odd.pth", "legacy_in_a.zip", "legacy.pth.gz",
                                         "state.safetensors"),
                         [](const auto& fixture_name) {
                           std::string name = fixture_name.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

TEST(DamagedFile, AChangedWeightInAZipFailsItsChecksum) {
  std::string bytes = read_text(fixture("shared.pth"));
  const auto file = read_bytes(bytes);
  ASSERT_TRUE(file);
  const auto at = reinterpret_cast<const char*>(file->tensors[0].storage.data()) - bytes.data();
  bytes[static_cast<std::size_t>(at) + 3] ^= 1;
  EXPECT_THAT(error_of(bytes), testing::HasSubstr("fails its CRC check"));
}

}  // namespace
}  // namespace smlp
