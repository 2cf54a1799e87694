// Braces as shells and the webdataset library expand them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

// "shard-{000..002}.tar" -> shard-000.tar, shard-001.tar, shard-002.tar; "{train,val}.tar" -> train.tar, val.tar.
// Numbers keep their leading zeros and may fall; several braces give all combinations, the last changing fastest.
// Braces that hold neither stay as they are. Errors: braces within braces, more than 100,000 words.
Result<std::vector<std::string>> expand_braces(std::string_view word);

}  // namespace smlp
