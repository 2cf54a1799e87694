// The names that a pickle may mention. Whatever is not listed here is refused, and nothing listed here is ever called:
// a name is kept as text, a call as the pair of name and arguments.
#pragma once

#include <string_view>

namespace smlp {

// The listed spelling of "module.name" ("argparse.Namespace"), or an empty view for a name that is refused.
std::string_view find_inert_global(std::string_view module, std::string_view name);

// True for the types whose instances are plain dicts to us: collections.OrderedDict and its like.
bool makes_dict(std::string_view global);

// True for the functions by which torch.save has a tensor made.
bool is_tensor_call(std::string_view global);

}  // namespace smlp
