#include <algorithm>

#include "base/byte_reader.h"
#include "base/file_map.h"
#include "formats/read.h"
#include "formats/torch_legacy.h"

namespace smlp {
namespace {

std::string_view text_of(std::span<const std::byte> bytes, std::size_t limit = 512) {
  return {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), limit)};
}

bool starts_with_word(std::string_view text, std::string_view word) {
  return std::ranges::equal(text.substr(0, word.size()), word, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
}

bool is_page(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("\xEF\xBB\xBF \t\r\n"), text.size()));
  return starts_with_word(text, "<!doctype") || starts_with_word(text, "<html") || starts_with_word(text, "<?xml");
}

bool is_text(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 32 || c == '\n' || c == '\r' || c == '\t'; });
}

// A 64-bit header length that fits the file, then JSON.
bool is_safetensors(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const auto length = reader.read<std::uint64_t>();
  return length && *length >= 2 && *length <= reader.remaining() && bytes[8] == std::byte{'{'};
}

// A protobuf message whose fields are those of onnx.ModelProto (onnx.proto): it starts with ir_version (field 1,
// a small number) or, as some exporters write, with another of its low-numbered fields and lengths that fit.
bool is_onnx(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const auto varint = [&]() -> std::uint64_t {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = reader.read<std::uint8_t>();
      if (!byte) return ~std::uint64_t{0};
      value |= std::uint64_t{*byte & 0x7FU} << shift;
      if (*byte < 0x80) return value;
    }
    return ~std::uint64_t{0};
  };
  bool graph = false;
  for (int fields = 0; fields < 64 && reader.remaining() > 0; ++fields) {
    const std::uint64_t tag = varint(), field = tag >> 3, wire = tag & 7;
    const bool number = field == 1 || field == 5;  // ir_version, model_version
    if (field == 0 || field > 25 || wire != (number ? 0U : 2U)) return false;
    const std::uint64_t value = varint();
    if (field == 1 && (value == 0 || value > 1000)) return false;
    if (!number && !reader.take(value)) return graph || field == 7;  // cut off inside of the graph
    graph |= field == 7;
  }
  return graph;
}

std::unexpected<Error> unknown(std::span<const std::byte> bytes) {
  const std::string_view text = text_of(bytes);
  const auto error = [](std::string what, std::string remedy) {
    return fail(Error{.what = std::move(what), .remedy = std::move(remedy)});
  };
  const std::string give = "give a PyTorch checkpoint (.pth), .safetensors, .onnx or .smlp file";
  if (bytes.empty()) return error("the file is empty", "download or copy it again");
  if (text.starts_with("version https://git-lfs")) {
    return error("a git-lfs pointer, not the file itself", "run `git lfs pull` where it came from");
  }
  if (is_page(text)) return error("a web page, not a model", "open the link in a browser and download the file itself");
  if (text.starts_with("\x89PNG") || text.starts_with("\xFF\xD8\xFF")) return error("a picture, not a model", give);
  if (text.starts_with("\x89HDF")) return error("an HDF5 file (Keras), not a PyTorch checkpoint", give);
  if (text.starts_with("\x93NUMPY")) return error("a NumPy array, not a model", give);
  if (bytes.size() > 262 && text_of(bytes).substr(257).starts_with("ustar")) {
    return error("a tar archive (PyTorch wrote those before 0.1.10)",
                 "unpack it, or load it with PyTorch and save it again with torch.save(model.state_dict(), ...)");
  }
  if (text.starts_with('\x80')) {
    return error("a Python pickle that torch.save did not write", "load it in Python and save it with torch.save");
  }
  if (is_text(text)) return error("a text file, not a model", give);
  return error("neither a PyTorch checkpoint nor safetensors nor ONNX", give);
}

}  // namespace

Result<FileKind> detect_file_kind(std::span<const std::byte> bytes) {
  const std::string_view text = text_of(bytes, 4);
  if (text == "PK\x03\x04" || text == std::string_view("PK\x05\x06", 4)) return FileKind::zip;
  if (text.starts_with("\x1F\x8B")) return FileKind::gzip;
  if (is_torch_legacy(bytes)) return FileKind::torch_legacy;
  if (is_safetensors(bytes)) return FileKind::safetensors;
  if (is_onnx(bytes)) return FileKind::onnx;
  return unknown(bytes);
}

Result<FileKind> detect_file_kind(const std::filesystem::path& path) {
  SMLP_TRY(map, FileMap::open(path));
  auto kind = detect_file_kind(map->bytes());
  if (!kind) return fail(std::move(kind).error().in(path.string()));
  return kind;
}

}  // namespace smlp
