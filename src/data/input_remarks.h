// What nobody should overlook about inputs, before their results are believed.
#pragma once

#include <string>
#include <vector>

#include "data/inputs.h"

namespace smlp {

// Archives that may be cut off, class folders without a picture, files that are left out: a sentence each.
std::vector<std::string> remarks_on(const Inputs& inputs);

}  // namespace smlp
