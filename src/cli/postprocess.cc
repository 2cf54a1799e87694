// smlp postprocess: result files and labels -> accuracy.
#include "cli/command.h"
#include "cli/console.h"
#include "tasks/score_results.h"

namespace smlp::cli {
namespace {

struct Options {
  ScoreOptions score;
  std::uint64_t n = 0;
};

Result<Exit> run(Options& options) {
  if (options.n > 0) options.score.n = options.n;
  SMLP_TRY(score, score_results(options.score));
  for (const std::string& warning : score.warnings) report_warning(warning);
  print("acc@1:{:.4f}, acc@5:{:.4f}\n", score.acc1(), score.acc5());
  const auto count = static_cast<std::int64_t>(score.pictures);
  const Interval one = wilson_interval(static_cast<std::int64_t>(score.right1), count);
  const Interval five = wilson_interval(static_cast<std::int64_t>(score.right5), count);
  print("95 % interval: acc@1 {:.4f} to {:.4f}, acc@5 {:.4f} to {:.4f}\n", one.low, one.high, five.low, five.high);
  if (score.classes <= 5) print("acc@5 says nothing here: there are {} classes\n", score.classes);
  print("{} pictures, {} classes; truth: {}\n", score.pictures, score.classes, printable(score.truth));
  return exit_ok;
}

}  // namespace

Run add_postprocess(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.text("--results", options->score.results)
      .plain("DIR")
      .required()
      .help("Folder with batch-00000_0.npy ... (or .bin, .txt, or packed)");
  line.number("--limit", options->n, 1, 1e12).help("Score the first N pictures (default: all)");
  line.text("--labels", options->score.labels)
      .help("labels.npy of preprocess (default: looked for beside the inputs and the results)");
  line.text("--data", options->score.data_root)
      .excludes("--labels")
      .help("ImageFolder of the pictures, instead of labels");
  line.examples({"smlp postprocess result/run1", "smlp postprocess --infer_result_dir result/run1 --n 50000"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
