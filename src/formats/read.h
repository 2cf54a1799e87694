// Any weights file -> its tensors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "formats/inflate.h"
#include "model/tensor.h"

namespace smlp {

// A zip is PyTorch's own format or holds one file of another kind; gzip holds one file.
enum class FileKind { zip, gzip, torch_legacy, safetensors, onnx };

// Told by content, never by name. For anything else the error says what the file seems to be (empty, text, a web page
// saved under a model's name, a git-lfs pointer, a picture) and what to do.
Result<FileKind> detect_file_kind(std::span<const std::byte> bytes);
Result<FileKind> detect_file_kind(const std::filesystem::path& path);

// Reads PyTorch zip, PyTorch legacy and safetensors files, and each of them inside of a zip or gzip file. Tensors of
// uncompressed files are views of the mapped file. Errors name the file and the byte offset or tensor.
// An ONNX file gives its initializers, for listings: import_onnx() finds a network in it, by structure.
Result<TensorFile> read_tensor_file(const std::filesystem::path& path);

// The same for bytes in memory; `path` is for messages.
Result<TensorFile> read_tensor_bytes(const Blob& file, const std::filesystem::path& path);

}  // namespace smlp
