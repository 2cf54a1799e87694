// Any weights file -> its tensors.
#pragma once

#include <filesystem>
#include <span>

#include "model/tensor.h"

namespace smlp {

enum class FileKind { torch_zip, torch_legacy, safetensors, onnx };

// Told by content, never by name. For anything else the error says what the file seems to be (empty, text, a web page
// saved under a model's name, a git-lfs pointer, a picture) and what to do.
Result<FileKind> detect_file_kind(std::span<const std::byte> bytes);
Result<FileKind> detect_file_kind(const std::filesystem::path& path);

// Reads PyTorch zip, PyTorch legacy and safetensors files. Tensors of uncompressed files are views of the mapped file.
// An ONNX file gives its initializers, for listings; its network is read by read_onnx().
// Errors name the file and the byte offset or tensor.
Result<TensorFile> read_tensor_file(const std::filesystem::path& path);

}  // namespace smlp
