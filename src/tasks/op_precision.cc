#include "tasks/op_precision.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/file_map.h"

namespace smlp {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// "fuse", "FC1", "block.3.fc2".
bool names_product(std::string_view name) {
  if (name.starts_with("block.")) {
    name.remove_prefix(6);
    const auto digits = std::min(name.find_first_not_of("0123456789"), name.size());
    if (digits == 0 || digits > 6 || !name.substr(digits).starts_with('.')) return false;
    name.remove_prefix(digits + 1);
  }
  return std::ranges::find(kBlockProducts, name, &BlockProduct::name) != std::end(kBlockProducts);
}

Result<void> read_gelu(std::string_view mode, OpPrecision& modes) {
  for (const auto known : {GeluPrecision::high_precision, GeluPrecision::high_performance}) {
    if (mode != gelu_precision_name(known)) continue;
    if (modes.gelu && *modes.gelu != known) return fail("Gelu is set twice, to different modes");
    modes.gelu = known;
    return {};
  }
  return fail(Error{.what = fmt::format("unknown mode '{}' of Gelu", mode),
                    .remedy = "the known modes are: high_precision, high_performance"});
}

Result<void> read_product(const std::string& name, std::string_view mode, OpPrecision& modes) {
  const Precision* precision = find_precision(mode);
  if (precision == nullptr || *precision == Precision::fp32) {
    return fail(
        Error{.what = fmt::format("unknown mode '{}' of {}", mode, name), .remedy = "the known modes are: int8, bf16"});
  }
  const auto [found, is_new] = modes.products.emplace(name, *precision);
  if (!is_new && found->second != *precision) return fail("{} is set twice, to different modes", name);
  return {};
}

Result<void> read_line(std::string_view line, OpPrecision& modes) {
  if (line.empty() || line[0] == '#' || line[0] == ';' || line == "[ByOpType]" || line == "[ByNodeName]") return {};
  if (line[0] == '[') {
    return fail(Error{.what = fmt::format("unknown section {}", line),
                      .remedy = "the known sections are [ByOpType] and [ByNodeName]"});
  }
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) {
    return fail(
        Error{.what = fmt::format("'{}' is no assignment", line), .remedy = "write one such as Gelu=high_performance"});
  }
  const auto name = trim(line.substr(0, equals)), mode = trim(line.substr(equals + 1));
  if (name == "Gelu") return read_gelu(mode, modes);
  if (const std::string product = lower(name); names_product(product)) return read_product(product, mode, modes);
  return fail(
      Error{.what = fmt::format("unknown operator '{}'", name),
            .remedy = "the known operators are: Gelu, Fuse, FC1, FC2, and those of a block, such as block.0.fuse"});
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

Precision OpPrecision::of(int block, const BlockProduct& product) const {
  const auto by_name = products.find(fmt::format("block.{}.{}", block, product.name));
  if (by_name != products.end()) return by_name->second;
  const auto by_kind = products.find(std::string(product.name));
  return by_kind == products.end() ? Precision::int8 : by_kind->second;
}

}  // namespace smlp
