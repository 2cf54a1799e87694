// PyTorch's zip format (since 1.6): NAME/data.pkl, NAME/data/KEY for every storage, NAME/byteorder.
#pragma once

#include "formats/zip_archive.h"
#include "model/tensor.h"

namespace smlp {

// The directory inside the archive that holds data.pkl, with its slash ("archive/", or "" for the top); an error where
// the archive is something else: a TorchScript program, PyTorch's old tar, any other zip.
Result<std::string> find_torch_root(const ZipArchive& archive);

// Appends the tensors of an opened archive to `file`.
Result<void> read_torch_zip(ZipArchive& archive, TensorFile& file);

}  // namespace smlp
