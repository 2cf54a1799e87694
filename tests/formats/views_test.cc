// Shapes, strides and offsets of PyTorch's tensors against the storages they look into, at the bounds and beyond.
#include <gmock/gmock.h>

#include "formats/fixtures.h"
#include "formats/pickle.h"
#include "formats/torch_tensors.h"

namespace smlp {
namespace {

using Extents = std::vector<std::int64_t>;

std::string integer(std::int64_t value) {  // LONG1, of eight bytes
  return std::string("\x8a\x08", 2) + std::string(reinterpret_cast<const char*>(&value), 8);
}

std::string tuple(const Extents& values) {
  std::string out = "(";
  for (const auto value : values) out += integer(value);
  return out + "t";
}

// One tensor 't' that is a view of a storage, as torch.save pickles it.
std::string view(std::int64_t elements, std::int64_t offset, const Extents& shape, const Extents& strides) {
  return "(dS't'\nctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\n" +
         integer(elements) + "tQ" + integer(offset) + tuple(shape) + tuple(strides) + "\x89}tRs.";
}

// Whether the view of a storage of 16 floats is taken; it is then read to its last element.
bool is_taken(std::int64_t offset, const Extents& shape, const Extents& strides, std::int64_t elements = 16) {
  const std::string bytes = view(elements, offset, shape, strides);
  ByteReader reader(bytes_of(bytes));
  const auto pickle = read_pickle(reader);
  EXPECT_TRUE(pickle) << pickle.error().message();
  const std::vector<float> storage(16, 1.0F);
  TensorFile file;
  const auto collected = collect_tensors(
      *pickle,
      [&](const TorchStorageId& id) -> Result<std::span<const std::byte>> {
        if (id.bytes() > 64) return fail("a storage of 64 bytes");
        return std::as_bytes(std::span(storage));
      },
      file);
  if (!collected) return false;
  EXPECT_EQ(file.tensors.size(), 1U);
  const auto values = file.tensors.at(0).to_float();
  EXPECT_TRUE(values) << values.error().message();
  for (const float value : *values) EXPECT_EQ(value, 1.0F);
  return true;
}

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST(TorchView, EndsAtTheStoragesLastElement) {
  EXPECT_TRUE(is_taken(0, {4, 4}, {4, 1}));
  EXPECT_FALSE(is_taken(1, {4, 4}, {4, 1}));
  EXPECT_TRUE(is_taken(15, {1}, {1}));
  EXPECT_FALSE(is_taken(16, {1}, {1}));
  EXPECT_TRUE(is_taken(12, {4}, {1}));
  EXPECT_FALSE(is_taken(13, {4}, {1}));
  EXPECT_TRUE(is_taken(0, {4}, {5}));
  EXPECT_FALSE(is_taken(0, {4}, {6}));
  EXPECT_TRUE(is_taken(0, {4, 4}, {1, 4}));    // transposed
  EXPECT_TRUE(is_taken(0, {100, 3}, {0, 1}));  // repeated
  EXPECT_TRUE(is_taken(15, {}, {}));
  EXPECT_FALSE(is_taken(16, {}, {}));
  EXPECT_TRUE(is_taken(0, {1, 1}, {1000, 1000}));  // steps that are never taken
}

TEST(TorchView, OfAsManyDimensionsAsPyTorchAllows) {
  EXPECT_TRUE(is_taken(0, Extents(64, 1), Extents(64, 1)));
  EXPECT_FALSE(is_taken(0, Extents(65, 1), Extents(65, 1)));
}

TEST(TorchView, ThatOverflowsOrIsNegativeIsRefused) {
  EXPECT_FALSE(is_taken(kMost, {2}, {1}));
  EXPECT_FALSE(is_taken(0, {2}, {kMost}));
  EXPECT_FALSE(is_taken(1, {2}, {kMost}));
  EXPECT_FALSE(is_taken(0, {kMost, 2}, {0, 0}));
  EXPECT_FALSE(is_taken(0, {kMost, kMost}, {0, 0}));
  EXPECT_FALSE(is_taken(0, {3, 3}, {kMost / 2, kMost / 2}));
  EXPECT_FALSE(is_taken(0, {std::int64_t{1} << 32, std::int64_t{1} << 32}, {0, 0}));
  EXPECT_FALSE(is_taken(0, {0, kMost, kMost}, {1, 1, 1}));
  EXPECT_FALSE(is_taken(-1, {1}, {1}));
  EXPECT_FALSE(is_taken(8, {2}, {-8}));
  EXPECT_FALSE(is_taken(0, {-1}, {1}));
  EXPECT_FALSE(is_taken(0, {-2, -2}, {1, 1}));
  EXPECT_FALSE(is_taken(0, {2, 2}, {1}));
  EXPECT_FALSE(is_taken(0, {2}, {1, 1}));
  EXPECT_TRUE(is_taken(0, {0, 4}, {4, 1}));
}

TEST(TorchView, RepeatsOfAStorageAreBounded) {
  EXPECT_TRUE(is_taken(0, {1 << 10, 1 << 10}, {0, 0}));
  const std::string bytes = view(16, 0, {1 << 11, 1 << 10}, {0, 0});
  ByteReader reader(bytes_of(bytes));
  const auto pickle = read_pickle(reader);
  ASSERT_TRUE(pickle);
  const std::vector<float> storage(16, 1.0F);
  TensorFile file;
  ASSERT_TRUE(collect_tensors(
      *pickle, [&](const auto&) { return Result<std::span<const std::byte>>(std::as_bytes(std::span(storage))); },
      file));
  EXPECT_FALSE(file.tensors[0].to_float());
}

TEST(TorchStorage, OfSizesThatOverflowIsRefused) {
  for (const std::int64_t elements : {std::int64_t{-1}, kMost, kMost / 4, std::int64_t{1} << 55, std::int64_t{17}}) {
    EXPECT_FALSE(is_taken(0, {1}, {1}, elements)) << elements;
  }
  EXPECT_TRUE(is_taken(0, {1}, {1}, 1));
  EXPECT_FALSE(is_taken(0, {2}, {1}, 1));
}

// Old files may share a part of a storage: (key, offset, elements).
TEST(TorchStorage, PartsOfOneLieWithinIt) {
  const auto is_part = [](std::int64_t offset, std::int64_t count) {
    const std::string bytes = "(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\n" + integer(16) + "(S'1'\n" +
                              integer(offset) + integer(count) + "ttQ.";
    ByteReader reader(bytes_of(bytes));
    const auto pickle = read_pickle(reader);
    EXPECT_TRUE(pickle) << pickle.error().message();
    return read_storage_id(*pickle, pickle->top()).has_value();
  };
  EXPECT_TRUE(is_part(0, 16));
  EXPECT_TRUE(is_part(15, 1));
  EXPECT_TRUE(is_part(16, 0));
  for (const auto& [offset, count] :
       {std::pair<std::int64_t, std::int64_t>{16, 1}, {0, 17}, {-1, 1}, {17, -1}, {kMost, 1}, {1, kMost}}) {
    EXPECT_FALSE(is_part(offset, count)) << offset << ", " << count;
  }
}

}  // namespace
}  // namespace smlp
