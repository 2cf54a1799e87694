#include "tasks/run_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <set>
#include <thread>

#include "base/folder.h"
#include "data/result_files.h"

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

std::unexpected<Error> folder_error(const fs::path& path, std::string what, std::string remedy) {
  return fail(Error{.what = std::move(what), .file = path.string(), .remedy = std::move(remedy)});
}

// A run that was not finished, or whose summary is gone.
struct Interrupted {
  fs::path folder;
  bool same = false;  // has the identity that is looked for
};

Result<std::vector<Interrupted>> interrupted_runs(const fs::path& output, const RunIdentity& identity) {
  std::vector<Interrupted> runs;
  SMLP_TRY(entries, folder_entries(output));
  for (const FolderEntry& entry : entries) {
    if (!entry.is_folder()) continue;
    const auto record = read_run_record(entry.path);
    if (!record || !*record) continue;
    std::error_code ignored;
    if ((*record)->finished && fs::exists(summary_path(entry.path), ignored)) continue;
    runs.push_back({.folder = entry.path, .same = (*record)->identity == identity});
  }
  std::ranges::sort(runs, {}, &Interrupted::folder);
  return runs;
}

// The run that --resume without a name means; empty where no run was interrupted.
Result<fs::path> find_interrupted(const fs::path& output, const RunIdentity& identity) {
  SMLP_TRY(runs, interrupted_runs(output, identity));
  if (runs.empty()) return fs::path();
  if (runs.size() == 1) return runs.front().folder;
  const auto same = std::ranges::count(runs, true, &Interrupted::same);
  if (same == 1) return std::ranges::find(runs, true, &Interrupted::same)->folder;
  std::vector<std::string> names;
  for (const Interrupted& run : runs) {
    if (same == 0 || run.same) names.push_back(run.folder.filename().string());
  }
  return folder_error(output, fmt::format("holds {} interrupted runs: {}", names.size(), fmt::join(names, ", ")),
                      "name the one to resume with --output_dirname");
}

// A folder that did not exist before this run, named by the second.
Result<fs::path> new_time_folder(const fs::path& output) {
  while (true) {
    fs::path folder = output / time_name();
    std::error_code code, ignored;
    const bool taken = fs::exists(summary_path(folder), ignored);
    if (!taken && fs::create_directory(folder, code)) return folder;
    if (code) return system_error("make the folder", code.value(), folder);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

using FileId = std::pair<dev_t, ino_t>;

std::optional<FileId> id_of(const fs::path& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileId(info.st_dev, info.st_ino);
}

// The files of the earlier run that are there, by their names in its record. Errors: one that has changed since, or is
// an input of this run.
Result<std::vector<std::string>> removable(const fs::path& folder, const RunRecord& earlier,
                                           std::span<const fs::path> inputs) {
  std::set<FileId> kept;
  for (const fs::path& input : inputs) {
    if (const auto id = id_of(input)) kept.insert(*id);
  }
  std::vector<std::string> names;
  for (const auto& [name, versions] : earlier.files) {
    SMLP_TRY(state, earlier.state_of(folder, name));
    if (state == FileState::absent) continue;
    const fs::path path = (folder / name).lexically_normal();
    if (name.find('/') != std::string::npos && name != summary_name(folder)) {
      return folder_error(folder / kRunRecord, fmt::format("lists '{}', which no run writes", name),
                          "choose another --output_dirname");
    }
    if (state == FileState::changed) {
      return folder_error(path, "has changed since the earlier run wrote it, so --force deletes nothing here",
                          "move it away, or choose another --output_dirname");
    }
    if (const auto id = id_of(path); id && kept.contains(*id)) {
      return folder_error(path, "is a result of the earlier run and an input of this one, so --force deletes nothing",
                          "choose another --output_dirname");
    }
    names.push_back(name);
  }
  return names;
}

// The record goes last, so that a kill in between leaves a folder whose files can still be told apart.
Result<void> remove_run(const DirectoryLock& lock, const RunRecord& earlier, std::span<const fs::path> inputs) {
  const PathAt folder = lock.folder();
  SMLP_TRY(names, removable(folder.shown, earlier, inputs));
  for (const std::string& name : names) {
    const bool beside = name == summary_name(folder.shown);
    SMLP_CHECK(delete_file(beside ? PathAt(summary_path(folder.shown)) : folder / name));
  }
  if (earlier.identity.packed) SMLP_CHECK(delete_file(packed_part(folder)));
  return delete_file(folder / kRunRecord);
}

std::string another_place(bool force) {
  return force ? "--force replaces only what a run of smlp wrote; choose another --output_dirname"
               : "choose another --output_dirname";
}

Result<void> refuse_foreign_summary(const fs::path& folder, bool force) {
  if (std::error_code code; !fs::exists(summary_path(folder), code)) return {};
  return folder_error(summary_path(folder), "exists already", another_place(force));
}

Result<void> refuse_foreign(const fs::path& folder, bool force) {
  SMLP_TRY(entries, folder_entries(folder));
  for (const FolderEntry& entry : entries) {
    if (!is_temporary_name(entry.name())) {
      return folder_error(folder, "is not empty, and no run of smlp is recorded in it", another_place(force));
    }
  }
  return refuse_foreign_summary(folder, force);
}

Result<RunFolder> choose_named_folder(const fs::path& folder, const RunFolderOptions& options,
                                      const RunIdentity& identity, std::span<const fs::path> inputs) {
  if (std::error_code code; !fs::exists(folder, code)) SMLP_CHECK(refuse_foreign_summary(folder, options.force));
  SMLP_CHECK(make_directories(folder));
  SMLP_TRY(lock, DirectoryLock::acquire(folder));
  SMLP_TRY(earlier, read_run_record(folder));
  if (!earlier) {
    SMLP_CHECK(refuse_foreign(folder, options.force));
    return RunFolder{.path = folder, .lock = std::move(lock)};
  }
  const auto differing = differences(earlier->identity, identity);
  if (options.resume && differing.empty()) {
    return RunFolder{.path = folder, .lock = std::move(lock), .earlier = std::move(earlier)};
  }
  if (!options.force) {
    if (!options.resume) {
      return folder_error(folder, "holds the results of an earlier run",
                          "give --resume to go on with it, --force to replace it, or another --output_dirname");
    }
    return folder_error(folder, fmt::format("cannot resume: the run there differs in {}", fmt::join(differing, ", ")),
                        "give --force to replace the results there, or another --output_dirname");
  }
  SMLP_CHECK(remove_run(lock, *earlier, inputs));
  if (std::error_code code; fs::exists(summary_path(folder), code)) {
    return folder_error(summary_path(folder), "was not written by the earlier run, and is not replaced",
                        "move it away, or choose another --output_dirname");
  }
  return RunFolder{.path = folder, .lock = std::move(lock)};
}

}  // namespace

fs::path summary_path(const fs::path& given) {
  fs::path folder = given.lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "run/", "run/."
  return folder.parent_path() / (folder.filename().string() + "_summary.json");
}

std::string summary_name(const fs::path& folder) { return "../" + summary_path(folder).filename().string(); }

Result<RunFolder> choose_folder(const RunFolderOptions& options, const RunIdentity& identity,
                                std::span<const fs::path> inputs) {
  if (!options.name.empty()) return choose_named_folder(options.output / options.name, options, identity, inputs);
  SMLP_CHECK(make_directories(options.output));
  if (options.resume) {
    SMLP_TRY(interrupted, find_interrupted(options.output, identity));
    if (!interrupted.empty()) return choose_named_folder(interrupted, options, identity, inputs);
  }
  SMLP_TRY(folder, new_time_folder(options.output));
  SMLP_TRY(lock, DirectoryLock::acquire(folder));
  return RunFolder{.path = folder, .lock = std::move(lock)};
}

}  // namespace smlp
