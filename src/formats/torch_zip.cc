#include "formats/torch_zip.h"

#include <algorithm>
#include <map>

#include "formats/torch_tensors.h"

namespace smlp {
namespace {

// Other sizes are fine in a pickle of data, but a checkpoint's has some hundred kilobytes.
constexpr std::uint64_t kMaxPickleBytes = std::uint64_t{1} << 30;

Result<void> check_byte_order(ZipArchive& archive, const std::string& root) {
  const ZipEntry* entry = archive.find(root + "byteorder");
  if (entry == nullptr) return {};
  SMLP_TRY(content, archive.read(*entry));
  const std::string_view order(reinterpret_cast<const char*>(content.bytes.data()), content.bytes.size());
  if (order == "little") return {};
  if (!order.starts_with("big")) {
    return fail(Error{.what = fmt::format("'{}' names no byte order", entry->name),
                      .remedy = "the file is damaged; save it again with torch.save"});
  }
  return fail(Error{.what = "written on a big-endian machine",
                    .remedy = "load it there, or with PyTorch, and save it as safetensors"});
}

// Reads each storage once and keeps what it decompressed.
class Storages {
 public:
  Storages(ZipArchive& archive, std::string root, TensorFile& file)
      : archive_(archive), root_(std::move(root)), file_(file) {}

  Result<std::span<const std::byte>> read(const TorchStorageId& id) {
    auto known = known_.find(id.key);
    if (known == known_.end()) {
      const std::string name = fmt::format("{}data/{}", root_, id.key);
      const ZipEntry* entry = archive_.find(name);
      if (entry == nullptr) return fail("its data, '{}', are missing from the zip archive", name);
      SMLP_TRY(content, archive_.read(*entry));
      file_.owners.push_back(content.owner);
      known = known_.emplace(id.key, content.bytes).first;
    }
    if (known->second.size() < static_cast<std::uint64_t>(id.bytes())) {
      return fail("its storage '{}' holds {} bytes, expected {}", id.key, known->second.size(), id.bytes());
    }
    return known->second;
  }

 private:
  ZipArchive& archive_;
  std::string root_;
  TensorFile& file_;
  std::map<std::string_view, std::span<const std::byte>> known_;
};

}  // namespace

Result<std::string> find_torch_root(const ZipArchive& archive) {
  constexpr std::string_view pickle = "data.pkl";
  std::string_view best;
  int found = 0;
  for (const ZipEntry& entry : archive.entries()) {
    if (!entry.name.ends_with(pickle)) continue;
    const std::string_view root = entry.name.substr(0, entry.name.size() - pickle.size());
    if (!root.empty() && !root.ends_with('/')) continue;
    if (found++ == 0 || root.size() < best.size()) best = root;
  }
  // PyTorch reads what lies in the folder of the first entry, whatever else there is.
  const std::string_view first = archive.entries().front().name;
  if (found > 1 && best != first.substr(0, first.find('/') + 1)) {
    return fail(
        Error{.what = fmt::format("an archive of several checkpoints: '{}{}' is not where its first entry, '{}', lies",
                                  best, pickle, first),
              .remedy = "give an archive that torch.save wrote"});
  }
  if (found == 0) return fail("a zip archive without a data.pkl: not written by torch.save");
  if (archive.find(std::string(best) + "constants.pkl") != nullptr) {
    return fail(Error{.what = "a TorchScript program (torch.jit.save), not a checkpoint",
                      .remedy = "save its weights with torch.save(torch.jit.load(FILE).state_dict(), ...)"});
  }
  return std::string(best);
}

Result<void> read_torch_zip(ZipArchive& archive, TensorFile& file) {
  SMLP_TRY(root, find_torch_root(archive));
  SMLP_CHECK(check_byte_order(archive, root));
  const ZipEntry& entry = *archive.find(root + "data.pkl");
  if (entry.size > kMaxPickleBytes)
    return fail("'{}' has {} bytes; at most {} are read", entry.name, entry.size, kMaxPickleBytes);
  SMLP_TRY(content, archive.read(entry));
  SMLP_TRY(offset, archive.data_offset(entry));
  ByteReader reader(content.bytes, ZipArchive::is_stored(entry) ? offset : 0);
  auto pickle = read_pickle(reader);
  if (!pickle) {
    // Offsets are those of the file; of an entry that had to be decompressed only its own exist.
    Error error = std::move(pickle).error();
    error.what += ZipArchive::is_stored(entry) ? fmt::format(" in '{}'", entry.name)
                                               : fmt::format(" in the decompressed '{}'", entry.name);
    return fail(std::move(error));
  }
  Storages storages(archive, root, file);
  return collect_tensors(*pickle, [&](const TorchStorageId& id) { return storages.read(id); }, file);
}

}  // namespace smlp
