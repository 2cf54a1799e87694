// The times of a run, from the pipeline's lists to the summary.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tasks/infer_files.h"

namespace smlp {
namespace {

using Json = nlohmann::json;

// Two batches, of 4 and 2 pictures, each executed twice.
TEST(InferSummary, EveryTimeIsListedWhereItBelongs) {
  InferFilesReport report;
  report_times({.fill = {1, 3}, .compute = {10, 20, 40, 50}, .collect = {0.25, 0.75}, .pictures = {4, 4, 2, 2}},
               report);
  const Json json = Json::parse(infer_summary(report, {}, {}, 10));
  EXPECT_EQ(json["npu_compute_time_list"], Json({10, 20, 40, 50}));
  EXPECT_EQ(json["smlp"]["h2d_list"], Json({1, 3}));
  EXPECT_EQ(json["smlp"]["d2h_list"], Json({0.25, 0.75}));
  EXPECT_EQ(json["smlp"]["executed_pictures"], Json({4, 4, 2, 2}));
  EXPECT_EQ(json["H2D_latency"]["mean"], 2);
  EXPECT_EQ(json["NPU_compute_time"]["mean"], 30);
  EXPECT_EQ(json["D2H_latency"]["mean"], 0.5);
  EXPECT_EQ(json["throughput"], 100) << "3 pictures in 30 ms";
}

}  // namespace
}  // namespace smlp
