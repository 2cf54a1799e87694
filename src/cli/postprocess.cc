// smlp postprocess: result files and labels -> accuracy.
#include "cli/command.h"
#include "cli/console.h"
#include "cli/json_line.h"
#include "tasks/score_results.h"

namespace smlp::cli {
namespace {

struct Options {
  ScoreOptions score;
  std::uint64_t n = 0;
  bool json = false;
};

Json interval_json(Interval interval) { return {interval.low, interval.high}; }

Json score_json(const Score& score, Interval one, Interval five) {
  return {{"pictures", score.pictures},
          {"not_finite", score.not_finite},
          {"right1", score.right1},
          {"right5", score.right5},
          {"acc1", score.acc1()},
          {"acc5", score.acc5()},
          {"acc1_interval", interval_json(one)},
          {"acc5_interval", interval_json(five)},
          {"classes", score.classes},
          {"truth", score.truth},
          {"warnings", score.warnings},
          {"results_program", score.results_program.empty() ? Json() : Json(score.results_program)},
          {"provenance", provenance_json(score.provenance)}};
}

Result<Exit> run(Options& options) {
  if (options.n > 0) options.score.n = options.n;
  SMLP_TRY(score, score_results(options.score));
  for (const std::string& warning : score.warnings) report_warning(warning);
  const auto count = static_cast<std::int64_t>(score.pictures);
  const Interval one = wilson_interval(static_cast<std::int64_t>(score.right1), count);
  const Interval five = wilson_interval(static_cast<std::int64_t>(score.right5), count);
  if (options.json) {
    print("{}\n", json_text(score_json(score, one, five)));
    return exit_ok;
  }
  print("acc@1:{:.4f}, acc@5:{:.4f}\n", score.acc1(), score.acc5());
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
      .help("labels.npy of preprocess (default: what the run recorded of its inputs)");
  line.text("--data", options->score.data_root)
      .named("DIR")
      .excludes("--labels")
      .help("ImageFolder of the pictures, instead of labels");
  line.flag("--json", options->json);
  line.examples({"smlp postprocess result/run1", "smlp postprocess --infer_result_dir result/run1 --n 50000"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
