// The guide's third step: any model file -> one `.smlp`, folded, with the precision chosen.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "model/network.h"
#include "tasks/accuracy_budget.h"
#include "tasks/calibrate.h"
#include "tasks/preprocess_overrides.h"

namespace smlp {

// `input:8,3,224,224` of the guide: the name and the sizes of the network's input.
struct InputShape {
  std::string name;
  int batch = 0;  // 0: any (-1 or N was given)
  int channels = 0, height = 0, width = 0;
};

// Reads NAME:N,C,H,W (the name may be left out; N may be -1 or a word such as N). Errors say what is wrong with it.
Result<InputShape> parse_input_shape(std::string_view text);

struct CompileOptions {
  std::filesystem::path model = {};
  std::filesystem::path output = {};        // ".smlp" is added where it does not end so
  std::optional<InputShape> input = {};     // checked against the model; its batch becomes the model's own
  std::optional<Precision> precision = {};  // nothing: the model's own, fp32 for weights
  std::filesystem::path op_precision = {};  // ini; empty: exact operators, in int8 all that can be
  CalibrationOptions calibration = {};      // for int8
  CalibrationProgress progress = [](std::int64_t, std::int64_t) {};  // of the calibration
  // Points of top-1 that int8 may lose on `judged`; without pictures there, answers of the calibration's that may
  // differ from fp32's. Which products therefore stay in bf16 is written beside the output, as OUTPUT.op_precision.ini.
  std::optional<double> max_drop = {};
  Inputs judged = {};
  BudgetProgress budget_progress = [](std::int64_t, std::int64_t) {};
  std::filesystem::path classes = {};   // a name a line; empty: those that the model carries
  PreprocessOverrides preprocess = {};  // recorded as the model's own
  bool force = false;                   // replace an output that exists
};

struct CompileReport {
  std::filesystem::path output;
  std::uint64_t output_bytes = 0;
  Network network;  // what was written
  std::optional<Calibration> calibration = {};
  std::optional<BudgetOutcome> budget = {};
  std::filesystem::path op_precision = {};  // that was written
};

// Further errors for int8: no pictures to measure the scales on, or a model that is in int8 already; see calibrate().
Result<CompileReport> compile_model(const CompileOptions& options);

}  // namespace smlp
