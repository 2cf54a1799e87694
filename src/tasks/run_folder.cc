#include "tasks/run_folder.h"

#include <chrono>
#include <ctime>
#include <thread>

namespace smlp {
namespace {

namespace fs = std::filesystem;

std::string time_name() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  ::localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof(text), "%Y_%m_%d-%H_%M_%S", &local);
  return text;
}

// The newest folder that is named by its time and has no summary yet: the run that --resume means.
std::optional<fs::path> newest_unfinished(const fs::path& output) {
  std::optional<fs::path> newest;
  std::error_code code, ignored;
  for (fs::directory_iterator entry(output, code), end; !code && entry != end; entry.increment(code)) {
    std::tm parsed = {};
    const std::string name = entry->path().filename().string();
    const char* rest = ::strptime(name.c_str(), "%Y_%m_%d-%H_%M_%S", &parsed);
    if (rest == nullptr || *rest != '\0' || fs::exists(summary_path(entry->path()), ignored)) continue;
    const auto identity = read_identity(entry->path());
    if (!identity || !*identity) continue;
    if (!newest || name > newest->filename().string()) newest = entry->path();
  }
  return newest;
}

// A folder that did not exist before this run, named by the second.
Result<fs::path> new_time_folder(const fs::path& output) {
  while (true) {
    const fs::path folder = output / time_name();
    std::error_code code, ignored;
    const bool taken = fs::exists(summary_path(folder), ignored);
    if (!taken && fs::create_directory(folder, code)) return folder;
    if (code) return system_error("make the folder", code.value(), folder);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::unexpected<Error> occupied(const fs::path& path, std::string what) {
  return fail(Error{.what = std::move(what),
                    .file = path.string(),
                    .remedy = "give --force to replace the results there, or another --output_dirname"});
}

Result<RunFolder> choose_named_folder(const fs::path& folder, const InferFilesOptions& options,
                                      const RunIdentity& identity) {
  SMLP_CHECK(make_directories(folder));
  SMLP_TRY(lock, DirectoryLock::acquire(folder));
  if (options.force && !options.resume) SMLP_CHECK(remove_results(folder));
  SMLP_TRY(earlier, read_identity(folder));
  std::error_code code;
  if (earlier && options.resume) {
    if (*earlier == identity) return RunFolder{folder, true, std::move(lock)};
    if (!options.force) {
      return occupied(folder,
                      "cannot be gone on with: it holds results of another model, other inputs or another format");
    }
    SMLP_CHECK(remove_results(folder));
  }
  if (options.force) return RunFolder{folder, false, std::move(lock)};
  if (earlier) {
    return fail(Error{.what = "holds the results of an earlier run",
                      .file = folder.string(),
                      .remedy = "give --resume to go on with it, --force to replace it, or another --output_dirname"});
  }
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (!is_temporary_name(entry.path().filename().string())) return occupied(folder, "is not empty");
  }
  if (fs::exists(summary_path(folder), code)) return occupied(summary_path(folder), "exists already");
  return RunFolder{folder, false, std::move(lock)};
}

}  // namespace

fs::path summary_path(const fs::path& folder) {
  return folder.parent_path() / (folder.filename().string() + "_summary.json");
}

Result<RunFolder> choose_folder(const InferFilesOptions& options, const RunIdentity& identity) {
  if (!options.output_dirname.empty()) {
    return choose_named_folder(options.output / options.output_dirname, options, identity);
  }
  SMLP_CHECK(make_directories(options.output));
  if (options.resume) {
    if (const auto unfinished = newest_unfinished(options.output)) {
      return choose_named_folder(*unfinished, options, identity);
    }
  }
  SMLP_TRY(folder, new_time_folder(options.output));
  SMLP_TRY(lock, DirectoryLock::acquire(folder));
  return RunFolder{folder, false, std::move(lock)};
}

}  // namespace smlp
