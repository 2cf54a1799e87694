#include "tasks/op_precision.h"

#include <string_view>

#include "base/file_map.h"

namespace smlp {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Result<void> read_line(std::string_view line, OpPrecision& modes) {
  if (line.empty() || line[0] == '#' || line[0] == ';' || line == "[ByOpType]") return {};
  if (line[0] == '[') {
    return fail(Error{.what = fmt::format("unknown section {}", line), .remedy = "the known section is [ByOpType]"});
  }
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) {
    return fail(
        Error{.what = fmt::format("'{}' is no assignment", line), .remedy = "write one such as Gelu=high_performance"});
  }
  const auto name = trim(line.substr(0, equals)), mode = trim(line.substr(equals + 1));
  if (name != "Gelu") {
    return fail(Error{.what = fmt::format("unknown operator '{}'", name), .remedy = "the known operators are: Gelu"});
  }
  for (const auto known : {GeluPrecision::high_precision, GeluPrecision::high_performance}) {
    if (mode != gelu_precision_name(known)) continue;
    if (modes.gelu && *modes.gelu != known) return fail("{} is set twice, to different modes", name);
    modes.gelu = known;
    return {};
  }
  return fail(Error{.what = fmt::format("unknown mode '{}' of {}", mode, name),
                    .remedy = "the known modes are: high_precision, high_performance"});
}

}  // namespace

Result<OpPrecision> read_op_precision(const std::filesystem::path& path) {
  SMLP_TRY(map, FileMap::open(path));
  std::string_view text(reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size());
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  OpPrecision modes;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    if (auto read = read_line(trim(text.substr(0, end)), modes); !read) {
      read.error().file = fmt::format("{}:{}", path.string(), number);
      return fail(std::move(read).error());
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return modes;
}

}  // namespace smlp
