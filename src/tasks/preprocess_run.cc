#include "tasks/preprocess_run.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/cpu_features.h"
#include "base/sha256.h"
#include "data/label_map.h"

namespace smlp {
namespace {

std::string listing_sha256(const PreprocessRun& run) {
  std::string listing;
  for (std::size_t i = 0; i < run.inputs.files.size(); ++i) {
    listing += run.inputs.files[i].own_name() + '\0' + std::to_string(run.labels[i]) + '\n';
  }
  return sha256_of(std::as_bytes(std::span(listing)));
}

// Does a list or shard number its classes?
bool numbered(const Inputs& inputs) {
  return inputs.label_source != LabelSource::folders &&
         std::ranges::all_of(inputs.labels, [](const std::string& word) { return whole_number(word).has_value(); });
}

// What labels.npy has for each word: its number where a list or shard numbers its classes, else its position.
std::vector<std::int64_t> numbers_of(const Inputs& inputs) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(inputs.labels.size());
  for (const std::string& word : inputs.labels) {
    numbers.push_back(numbered(inputs) ? *whole_number(word) : std::ssize(numbers));
  }
  return numbers;
}

Result<Inputs> list(const PreprocessFolderOptions& options) {
  InputLister lister(LabelUse::required, true);
  SMLP_CHECK(lister.add(options.data));
  SMLP_TRY(inputs, lister.finish());
  const auto prepared = std::ranges::find_if(inputs.files, [](const Input& i) { return i.kind != InputKind::picture; });
  if (prepared != inputs.files.end()) {
    return fail(Error{.what = "is prepared already", .file = prepared->name(), .remedy = "give it to smlp infer"});
  }
  SMLP_CHECK(keep_first(inputs.files, options.limit));
  return std::move(inputs);
}

// Keeps the pictures of this part, whose bins have the numbers that they have in the whole.
Result<void> take_part(PreprocessRun& run) {
  const auto batch = static_cast<std::uint64_t>(run.options.batch_size);
  const Shard::Range range = run.options.shard.of(run.listed, batch);
  if (range.size() == 0) {
    return fail(Error{.what = fmt::format("part {} has none of the {} pictures in bins of {}", run.options.shard.text(),
                                          run.listed, batch),
                      .file = run.options.data,
                      .remedy = "divide the job into fewer parts"});
  }
  const auto keep = [&](auto& list) {
    list = {list.begin() + static_cast<std::ptrdiff_t>(range.first),
            list.begin() + static_cast<std::ptrdiff_t>(range.last)};
  };
  keep(run.inputs.files);
  keep(run.labels);
  run.header.pictures = range.size();
  run.header.shard = run.options.shard.text();
  run.header.first_bin = range.first / batch;
  return {};
}

// A folder that holds pictures is not the place for their bins: it would be a class folder and none at once, and a run
// that is resumed would find other classes.
Result<void> check_apart(const std::filesystem::path& save_dir, const std::vector<Input>& inputs) {
  std::filesystem::path last;
  for (const Input& input : inputs) {
    std::filesystem::path folder = input.file.parent_path();
    if (folder.empty()) folder = ".";
    if (input.archive || folder == last) continue;
    last = folder;
    std::error_code code;
    const auto below =
        std::filesystem::weakly_canonical(std::filesystem::absolute(folder, code), code).lexically_relative(save_dir);
    if (code || below.empty() || *below.begin() == "..") continue;
    return fail(Error{.what = fmt::format("pictures lie in it, such as {}", input.name()),
                      .file = save_dir.string(),
                      .remedy = "choose another --save_dir"});
  }
  return {};
}

}  // namespace

std::unexpected<Error> foreign_file(const std::filesystem::path& where, std::string what) {
  return fail(Error{.what = std::move(what),
                    .file = where.string(),
                    .remedy = "move it away, or choose another --save_dir: neither this run nor --force replaces it"});
}

Provenance PreprocessRun::provenance() const {
  Provenance out = options.provenance;
  out.threads = options.threads > 0 ? options.threads : usable_cpus();
  out.preprocess = preprocess_text(options.how);
  out.inputs_sha256 = header.listing_sha256;
  out.label_rule = label_rule_name(numbered(inputs) ? LabelRule::index : LabelRule::position);
  return out;
}

Result<PreprocessRun> PreprocessRun::open(const PreprocessFolderOptions& options) {
  if (options.batch_size < 1) return fail("a batch of {} pictures; 1 or more are needed", options.batch_size);
  SMLP_TRY(inputs, list(options));
  SMLP_CHECK(make_directories(options.save_dir));
  std::error_code code;
  // So that the parent of "bins/" and of "." is right.
  const std::filesystem::path real = std::filesystem::canonical(options.save_dir, code);
  if (code) return system_error("open the folder", code.value(), options.save_dir);
  SMLP_CHECK(check_apart(real, inputs.files));
  PreprocessRun run{
      .options = options, .inputs = std::move(inputs), .folder = options.save_dir, .parent = real.parent_path()};
  const std::vector<std::int64_t> numbers = numbers_of(run.inputs);
  for (const Input& input : run.inputs.files) run.labels.push_back(numbers[static_cast<std::size_t>(input.label)]);
  run.listed = run.inputs.files.size();
  run.header = {.batch_size = options.batch_size, .listing_sha256 = listing_sha256(run), .how = options.how};
  SMLP_CHECK(take_part(run));
  return run;
}

}  // namespace smlp
