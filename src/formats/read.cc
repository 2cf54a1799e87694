#include "formats/read.h"

#include <algorithm>

#include "base/file_map.h"
#include "base/no_throw.h"
#include "formats/onnx_import.h"
#include "formats/safetensors.h"
#include "formats/torch_legacy.h"
#include "formats/torch_zip.h"

namespace smlp {
namespace {

constexpr int kMaxWrappers = 3;  // a checkpoint in a zip in a gzip

// Where the bytes come from.
struct Place {
  int wrappers = 0;                     // archives around them
  const std::filesystem::path& folder;  // where an ONNX file keeps weights beside itself
  Budget& inflated;                     // of the outermost file

  Place inside() const { return {wrappers + 1, folder, inflated}; }
};

Result<TensorFile> read_any(const Blob& file, const Place& place);

// The file that a zip was made of, where it is only one.
Result<const ZipEntry*> only_file(const ZipArchive& archive) {
  const ZipEntry* only = nullptr;
  for (const ZipEntry& entry : archive.entries()) {
    if (entry.name.ends_with('/') || entry.name.starts_with("__MACOSX/")) continue;
    if (only != nullptr) {
      return fail(Error{.what = "a zip archive without a data.pkl: not written by torch.save",
                        .remedy = "unpack it and give the checkpoint inside"});
    }
    only = &entry;
  }
  if (only == nullptr) return fail(Error{.what = "an empty zip archive", .remedy = "give a model file"});
  return only;
}

bool holds_pickle(const ZipArchive& archive) {
  return std::ranges::any_of(archive.entries(),
                             [](const ZipEntry& e) { return e.name == "data.pkl" || e.name.ends_with("/data.pkl"); });
}

Result<TensorFile> read_zip(const Blob& file, const Place& place) {
  SMLP_TRY(archive, ZipArchive::open(file, place.inflated));
  if (holds_pickle(archive)) {
    TensorFile out;
    out.format = "PyTorch zip";
    out.owners.push_back(file.owner);
    SMLP_CHECK(read_torch_zip(archive, out));
    return out;
  }
  SMLP_TRY(entry, only_file(archive));
  SMLP_TRY(content, archive.read(*entry));
  auto inner = read_any(content, place.inside());
  if (!inner) {
    Error error = std::move(inner).error();
    error.what = fmt::format("'{}' in the zip archive: {}", entry->name, error.what);
    error.offset.reset();  // not one of this file
    return fail(std::move(error));
  }
  return inner;
}

Result<TensorFile> read_any(const Blob& file, const Place& place) {
  if (place.wrappers > kMaxWrappers) return fail("archives nested more than {} deep", kMaxWrappers);
  SMLP_TRY(kind, detect_file_kind(file.bytes));
  TensorFile out;
  out.owners.push_back(file.owner);
  switch (kind) {
    case FileKind::zip:
      return read_zip(file, place);
    case FileKind::gzip: {
      SMLP_TRY(content, inflate_gzip(file.bytes, place.inflated));
      return read_any(content, place.inside());
    }
    case FileKind::torch_legacy:
      out.format = "PyTorch legacy";
      SMLP_CHECK(read_torch_legacy(file.bytes, out));
      return out;
    case FileKind::safetensors:
      out.format = "safetensors";
      SMLP_CHECK(read_safetensors(file.bytes, out));
      return out;
    case FileKind::onnx: {
      SMLP_TRY(listed, list_onnx_tensors(file.bytes, place.folder));
      listed.owners.push_back(file.owner);
      return std::move(listed);
    }
  }
  return fail("a kind of file that is not read");
}

}  // namespace

Result<TensorFile> read_tensor_bytes(const Blob& file, const std::filesystem::path& path) {
  const std::filesystem::path folder = onnx_folder(path);
  Budget inflated = inflate_budget(file.bytes.size());
  auto out = no_throw([&] { return read_any(file, {.folder = folder, .inflated = inflated}); });
  if (!out) return fail(std::move(out).error().in(path.string()));
  out->path = path.string();
  return out;
}

Result<TensorFile> read_tensor_file(const std::filesystem::path& path) {
  SMLP_TRY(map, FileMap::open(path));
  return read_tensor_bytes(Blob{map->bytes(), map}, path);
}

}  // namespace smlp
