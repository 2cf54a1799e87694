// smlp preprocess: an ImageFolder -> bins, labels.npy and a manifest.
#include <optional>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/progress.h"
#include "smlp/model.h"
#include "tasks/preprocess_folder.h"

namespace smlp::cli {
namespace {

struct Options {
  PreprocessFolderOptions folder;
  std::filesystem::path model;
};

Result<Exit> run(Options& options) {
  if (!options.model.empty()) {
    SMLP_TRY(model, options.model == "bundled" ? Model::bundled() : Model::load(options.model));
    options.folder.how = model.preprocessing();
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
                                          report_error(error.message());
                                        }};
  auto report = preprocess_folder(options.folder, watch);
  progress.reset();
  if (!report) return fail(std::move(report).error());

  const bool nothing_left = report->resumed == report->pictures + report->broken;
  if (nothing_left) {
    print("an earlier run had made everything\n");
  } else if (report->resumed > 0) {
    print("went on after the {} pictures of an earlier run\n", report->resumed);
  }
  const auto& how = options.folder.how;
  print("{} pictures -> {} bins of up to {} ({} x {} pixels, float32 NCHW) in {}\n", report->pictures, report->bins,
        options.folder.batch_size, how.crop, how.crop, printable(options.folder.save_dir.string()));
  print("labels: {}\nmanifest: {}\n", printable(report->labels.string()), printable(report->manifest.string()));
  if (report->broken == 0) return exit_ok;
  report_error(fmt::format("{} of {} pictures could not be read; they are in no bin and have no label", report->broken,
                           report->broken + report->pictures));
  return exit_bad_input;
}

}  // namespace

Run add_preprocess(CLI::App& app) {
  auto options = std::make_shared<Options>();
  PreprocessFolderOptions& folder = options->folder;
  app.add_option("--data_root,--data-root", folder.data_root,
                 "ImageFolder (a folder per class), or a folder that holds it as val/")
      ->required();
  app.add_option("--save_dir,--save-dir", folder.save_dir,
                 "Folder for batch-00000.bin ...; labels.npy and manifest.jsonl go to its parent")
      ->required();
  app.add_option("--batch_size,--batch-size", folder.batch_size, "Pictures in one bin (default 1)")
      ->check(CLI::Range(1, 1 << 16).description(""));
  app.add_option("--model", options->model,
                 "Prepare pictures as this model wants them ('bundled': the one that comes with smlp); default 224 "
                 "pixels, resized from 256, ImageNet's mean and deviation");
  app.add_option("--threads", folder.threads, "Threads that decode (default: all)")
      ->check(CLI::Range(1, 1024).description(""));
  app.add_flag("--force", folder.force, "Start over, replacing what an earlier run made");
  add_examples(app, {"smlp preprocess --data_root imagenet --save_dir prep_dataset",
                     "smlp preprocess --data_root imagenette/val --save_dir work/bins --batch_size 8 --model bundled"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
