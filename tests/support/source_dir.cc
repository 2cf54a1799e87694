#include "support/source_dir.h"

namespace smlp {

std::filesystem::path source_dir() { return SMLP_SOURCE_DIR; }

}  // namespace smlp
