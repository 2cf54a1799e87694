// smlp preprocess: an ImageFolder -> bins, labels.npy and a manifest.
#include <optional>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "cli/shard_option.h"
#include "tasks/named_model.h"
#include "tasks/preprocess_folder.h"

namespace smlp::cli {
namespace {

struct Options {
  PreprocessFolderOptions folder;
  std::filesystem::path model;
  PreprocessOverrides preprocess;
  std::string shard;
  bool json = false;
};

Json report_json(const PreprocessFolderOptions& options, const PreprocessFolderReport& report) {
  return {{"pictures", report.pictures},
          {"broken", report.broken},
          {"bins", report.bins},
          {"resumed", report.resumed},
          {"batch", options.batch_size},
          {"shard",
           {{"index", options.shard.index},
            {"count", options.shard.count},
            {"first_bin", report.first_bin},
            {"listed", report.listed}}},
          {"folder", options.save_dir.string()},
          {"labels", report.labels.string()},
          {"manifest", report.manifest.string()},
          {"provenance", provenance_json(report.provenance)}};
}

void print_text(const PreprocessFolderOptions& options, const PreprocessFolderReport& report) {
  const bool nothing_left = report.resumed == report.pictures + report.broken;
  if (nothing_left) {
    print("an earlier run had made everything\n");
  } else if (report.resumed > 0) {
    print("went on after the {} pictures of an earlier run\n", report.resumed);
  }
  if (!options.shard.is_whole()) {
    print("part {} of {} pictures, bins from number {} on\n", options.shard.text(), report.listed, report.first_bin);
  }
  const auto& how = options.how;
  print("{} pictures -> {} bins of up to {} ({} x {} pixels, float32 NCHW) in {}\n", report.pictures, report.bins,
        options.batch_size, how.crop, how.crop, printable(options.save_dir.string()));
  print("labels: {}\nmanifest: {}\n", printable(report.labels.string()), printable(report.manifest.string()));
}

Result<Exit> run(Options& options) {
  const auto shard = shard_of(options.shard);
  if (!shard) return usage_error(shard.error().message());
  options.folder.shard = *shard;
  if (!options.model.empty()) {
    SMLP_TRY(named, load_named_model(options.model == "bundled" ? "" : options.model, {}, options.preprocess));
    options.folder.how = named.model.preprocessing();
    SMLP_TRY(provenance, provenance_of_file(options.model == "bundled" ? "" : options.model));
    options.folder.provenance = std::move(provenance);
  } else {
    SMLP_TRY(how, with_overrides(options.folder.how, options.preprocess, 0));
    options.folder.how = how;
  }
  std::optional<Progress> progress;
  const PreprocessFolderWatch watch{.progress =
                                        [&](std::uint64_t done, std::uint64_t total) {
                                          const auto count = static_cast<std::int64_t>(done);
                                          if (!progress)
                                            progress.emplace("pictures", static_cast<std::int64_t>(total), count);
                                          progress->update(count);
                                        },
                                    .broken =
                                        [&](const Error& error) {
                                          if (progress) progress->clear();
                                          report_error(error);
                                        },
                                    .remark = report_warning};
  auto report = preprocess_folder(options.folder, watch);
  progress.reset();
  if (!report) return fail(std::move(report).error());

  if (options.json) {
    print("{}\n", json_text(report_json(options.folder, *report)));
  } else {
    print_text(options.folder, *report);
  }
  if (report->broken == 0) return exit_ok;
  report_error(fmt::format("{} of {} pictures could not be read; they are in no bin and have no label", report->broken,
                           report->broken + report->pictures));
  return exit_bad_input;
}

}  // namespace

Run add_preprocess(CommandLine& line) {
  auto options = std::make_shared<Options>();
  PreprocessFolderOptions& folder = options->folder;
  line.text("--data", folder.data).plain("INPUT").required();
  line.text("--output", folder.save_dir)
      .plain("OUT")
      .named("DIR")
      .required()
      .help("Folder for batch-00000.bin ...; labels.npy and manifest.jsonl go to its parent");
  line.number("--batch", folder.batch_size, 1, 1 << 16).help("Pictures in one bin (default: 1)");
  line.text("--model", options->model)
      .help(
          "Prepare pictures as this model wants them ('bundled': the one that comes with smlp); default: 224 pixels, "
          "resized from 256, ImageNet's mean and deviation");
  add_limit_option(line, folder.limit);
  add_preprocess_options(line, options->preprocess);
  line.number("--threads", folder.threads, 1, 1024).help("Threads that decode (default: all)");
  add_shard_option(line, options->shard);
  line.flag("--json", options->json);
  line.flag("--force", folder.force).help("Start over, replacing what an earlier run made");
  line.examples({"smlp preprocess imagenet prep_dataset",
                 "smlp preprocess --data_root imagenet --save_dir prep_dataset",
                 "smlp preprocess imagenette/val work/bins --batch 8 --model bundled"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
