#include "formats/torch_legacy.h"

#include <map>

#include "formats/torch_tensors.h"

namespace smlp {
namespace {

constexpr std::string_view kMagicBytes("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::string_view kMagicDecimal = "119547037146038801333356";  // in pickle protocols 0 and 1
constexpr std::int64_t kVersion = 1001;

bool is_magic(const Pickle& pickle) {
  const PickleValue& value = pickle.top();
  return value.kind == PickleKind::big_integer && (value.text == kMagicBytes || value.text == kMagicDecimal);
}

Result<void> check_header(ByteReader& reader) {
  SMLP_TRY(magic, read_pickle(reader));
  if (!is_magic(magic)) return fail("not written by torch.save: its magic number is missing");
  SMLP_TRY(version, read_pickle(reader));
  if (version.top().kind != PickleKind::integer || version.top().integer != kVersion) {
    return fail("version {} of PyTorch's stream format; only {} exists", version.top().integer, kVersion);
  }
  SMLP_TRY(system, read_pickle(reader));
  const PickleValue* little_endian = system.find(system.top(), "little_endian");
  if (little_endian != nullptr && little_endian->kind == PickleKind::boolean && little_endian->integer == 0) {
    return fail(Error{.what = "written on a big-endian machine",
                      .remedy = "load it there, or with PyTorch, and save it as safetensors"});
  }
  return {};
}

using StorageIds = std::map<std::string_view, TorchStorageId>;

// Every storage that the object refers to. One key has one type and size.
Result<StorageIds> storages_of(const Pickle& object) {
  StorageIds ids;
  for (const PickleValue& value : object.values) {
    if (value.kind != PickleKind::persistent) continue;
    SMLP_TRY(id, read_storage_id(object, value));
    const auto [known, added] = ids.emplace(id.key, id);
    if (!added && known->second.bytes() != id.bytes()) return fail("storage '{}' has two sizes", id.key);
  }
  return ids;
}

using StorageBytes = std::map<std::string_view, std::span<const std::byte>>;

Result<StorageBytes> read_storages(ByteReader& reader, const Pickle& keys, const StorageIds& ids) {
  if (keys.top().kind != PickleKind::list) return fail("no list of storages behind the pickled object");
  StorageBytes storages;
  for (const PickleRef ref : keys.top().items) {
    const std::string_view key = keys[ref].text;
    const auto id = ids.find(key);
    if (id == ids.end())
      return fail(Error{.what = fmt::format("storage '{}' belongs to no tensor", key), .offset = reader.offset()});
    const std::uint64_t at = reader.offset();
    SMLP_TRY(elements, reader.read<std::int64_t>());
    if (elements != id->second.elements) {
      return fail(
          Error{.what = fmt::format("storage '{}' has {} elements, expected {}", key, elements, id->second.elements),
                .offset = at,
                .remedy = "the file is cut off or damaged; get it again"});
    }
    SMLP_TRY(bytes, reader.take(static_cast<std::uint64_t>(id->second.bytes())));
    storages[key] = bytes;
  }
  return storages;
}

}  // namespace

bool is_torch_legacy(std::span<const std::byte> bytes) {
  ByteReader reader(bytes.first(std::min<std::size_t>(bytes.size(), 64)));
  const auto magic = read_pickle(reader);
  return magic && is_magic(*magic);
}

Result<void> read_torch_legacy(std::span<const std::byte> bytes, TensorFile& file) {
  ByteReader reader(bytes);
  SMLP_CHECK(check_header(reader));
  SMLP_TRY(object, read_pickle(reader));
  SMLP_TRY(ids, storages_of(object));
  SMLP_TRY(keys, read_pickle(reader));
  SMLP_TRY(storages, read_storages(reader, keys, ids));
  const auto find = [&](const TorchStorageId& id) -> Result<std::span<const std::byte>> {
    const auto found = storages.find(id.key);
    if (found == storages.end()) return fail("its storage '{}' is missing from the file", id.key);
    return found->second;
  };
  return collect_tensors(object, find, file);
}

}  // namespace smlp
