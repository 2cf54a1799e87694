#include "tasks/inspect.h"

#include "api/load.h"
#include "base/no_throw.h"
#include "base/sha256.h"
#include "formats/compiled.h"
#include "formats/read.h"

namespace smlp {

Result<FileReport> inspect_file(const std::filesystem::path& path) {
  auto inspected = no_throw([&]() -> Result<FileReport> {
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
  });
  if (!inspected) return fail(std::move(inspected).error().in(path.string()));
  return inspected;
}

}  // namespace smlp
