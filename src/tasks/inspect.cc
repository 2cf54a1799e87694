#include "tasks/inspect.h"

#include <exception>

#include "api/load.h"
#include "base/sha256.h"
#include "formats/compiled.h"
#include "formats/read.h"

namespace smlp {

Result<FileReport> inspect_file(const std::filesystem::path& path) {
  try {
    SMLP_TRY(file, read_tensor_file(path));
    SMLP_TRY(hash, sha256_file(path));
    std::error_code ignored;
    FileReport report{.path = path.string(),
                      .format = is_compiled(file) ? "compiled sMLPNet (" + file.format + ")" : file.format,
                      .bytes = static_cast<std::int64_t>(std::filesystem::file_size(path, ignored)),
                      .sha256 = hash,
                      .file = file};
    if (auto network = network_from_tensors(report.file)) {
      report.network = std::move(*network);
    } else {
      report.no_network = std::move(network).error();
      report.no_network->file.clear();  // the report says it
    }
    return report;
  } catch (const std::exception& error) {  // memory ran out
    return fail(Error{.what = fmt::format("cannot read: {}", error.what()), .file = path.string()});
  }
}

}  // namespace smlp
