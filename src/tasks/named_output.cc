#include "tasks/named_output.h"

#include "base/open_file.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStart = 1 << 20;  // metadata may begin with a thousand names

}  // namespace

Result<void> clear_leftovers(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (std::error_code ignored; !fs::is_directory(folder, ignored)) return {};
  return remove_temporaries(folder, path.filename().string());
}

Result<void> check_replaceable(const fs::path& path, const IsOurs& is_ours, std::string_view what) {
  std::error_code code;
  if (!fs::is_regular_file(fs::symlink_status(path, code))) return {};  // nothing, or what AtomicFile refuses
  SMLP_TRY(start, read_start(path, kStart));
  if (start.empty() || is_ours(start)) return {};
  return fail(Error{.what = fmt::format("is not {}, so --force does not replace it", what),
                    .file = path.string(),
                    .remedy = "choose another name, or move it away"});
}

Result<void> check_writable(const fs::path& path, Existing existing) {
  SMLP_CHECK(AtomicFile::create(path, existing));
  return clear_leftovers(path);
}

Result<NamedOutput> NamedOutput::create(const fs::path& path, Mode mode, const IsOurs& is_ours, std::string_view what) {
  if (mode == Mode::force) SMLP_CHECK(check_replaceable(path, is_ours, what));
  SMLP_CHECK(clear_leftovers(path));
  SMLP_TRY(file, AtomicFile::create(path, mode == Mode::fresh ? Existing::keep : Existing::replace));
  return NamedOutput(path, mode, std::move(file));
}

Result<void> NamedOutput::write(std::string_view text) {
  hash_.update(std::as_bytes(std::span(text)));
  return file_.write(text);
}

Result<void> NamedOutput::commit() {
  if (mode_ == Mode::resume && name_is_taken(path_)) {
    SMLP_TRY(there, sha256_file(path_));
    if (there == hash_.hex()) return {};
    return fail(Error{.what = "is there already and is not what this run writes",
                      .file = path_.string(),
                      .remedy = "move it away, or give --force to replace it"});
  }
  return file_.commit();
}

}  // namespace smlp
