#include "data/input_remarks.h"

#include <fmt/format.h>

namespace smlp {

std::vector<std::string> remarks_on(const Inputs& inputs) {
  std::vector<std::string> remarks = inputs.warnings;
  if (!inputs.empty_labels.empty()) {
    remarks.push_back(fmt::format(
        "class folder '{}'{} no picture", inputs.empty_labels.front(),
        inputs.empty_labels.size() == 1 ? " holds" : fmt::format(" and {} more hold", inputs.empty_labels.size() - 1)));
  }
  if (inputs.left_out.count > 0) remarks.push_back(left_out_text(inputs.left_out));
  return remarks;
}

}  // namespace smlp
