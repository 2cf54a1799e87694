// Where a result comes from, kept beside it and compared.
#include "tasks/provenance.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "smlp/session.h"
#include "support/model_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Provenance full() {
  return {.version = "0.1.0",
          .commit = "abc",
          .model = "m.smlp",
          .model_sha256 = "11",
          .precision = "bf16",
          .isa = "avx2",
          .threads = 3,
          .preprocess = "resize 32",
          .inputs_sha256 = "22",
          .label_rule = "wnid"};
}

TEST(Provenance, OfASessionHasItsModelAndHowItRuns) {
  const test::Scratch scratch;
  const auto file = scratch.folder() / "m.safetensors";
  test::write_model(file, test::small_config());
  const Session session =
      Session::create(Model::load(file).value(), {.threads = 3, .precision = Precision::bf16, .isa = "reference"})
          .value();
  const Provenance p = provenance_of(session, file, "bf16").value();
  EXPECT_EQ(p.version, program_version());
  EXPECT_EQ(p.commit, program_commit());
  EXPECT_EQ(p.model, file.string());
  EXPECT_EQ(p.model_sha256, sha256_file(file).value());
  EXPECT_EQ(p.precision, "bf16");
  EXPECT_EQ(p.isa, "reference");
  EXPECT_EQ(p.threads, 3);
  EXPECT_EQ(p.preprocess, "resize 36 bicubic, centre crop 32, mean 0.485 0.456 0.406, std 0.229 0.224 0.225");
  EXPECT_EQ(p.inputs_sha256 + p.label_rule, "") << "of the inputs nothing is known yet";
  EXPECT_FALSE(provenance_of(session, scratch.folder() / "none.smlp", "bf16"));
}

TEST(Provenance, IsReadBackAsItWasWritten) {
  Provenance no_model = full();
  no_model.model = no_model.model_sha256 = no_model.commit = "";
  no_model.threads = 0;
  for (const Provenance& p : {full(), no_model, program_provenance()}) {
    const auto again = provenance_of_text(provenance_text(p));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, p);
  }
}

TEST(Provenance, WhatPlaysNoPartIsNull) {
  const auto json = nlohmann::json::parse(provenance_text({.version = "1"}));
  EXPECT_EQ(json, nlohmann::json::parse(R"({"program": {"version": "1", "commit": null}, "model": null,
      "precision": null, "isa": null, "threads": null, "preprocess": null, "inputs_sha256": null, "labels": null})"));
  EXPECT_EQ(nlohmann::json::parse(provenance_text(full())), nlohmann::json::parse(R"({
      "program": {"version": "0.1.0", "commit": "abc"}, "model": {"file": "m.smlp", "sha256": "11"},
      "precision": "bf16", "isa": "avx2", "threads": 3, "preprocess": "resize 32", "inputs_sha256": "22",
      "labels": "wnid"})"));
}

TEST(Provenance, ATextThatLacksSomethingIsNone) {
  EXPECT_FALSE(provenance_of_text(""));
  EXPECT_FALSE(provenance_of_text("no JSON"));
  EXPECT_FALSE(provenance_of_text("{}"));
  auto json = nlohmann::json::parse(provenance_text(full()));
  for (const auto& [key, value] : json.items()) {
    nlohmann::json less = json;
    less.erase(key);
    EXPECT_FALSE(provenance_of_text(less.dump())) << key;
  }
  json["threads"] = 1.5;
  EXPECT_FALSE(provenance_of_text(json.dump()));
}

TEST(Provenance, ThePlaceOfTheModelAndTheThreadsAreNoDifference) {
  Provenance other = full();
  other.model = "/elsewhere/m.smlp";
  other.threads = 64;
  EXPECT_THAT(differences(full(), other), IsEmpty());
}

TEST(Provenance, EveryOtherDifferenceIsNamed) {
  const auto after = [](auto change) {
    Provenance other = full();
    change(other);
    return differences(full(), other);
  };
  EXPECT_THAT(after([](auto& p) { p.version = "0.2.0"; }), ElementsAre("version of smlp (0.1.0+abc, 0.2.0+abc)"));
  EXPECT_THAT(after([](auto& p) { p.commit = ""; }), ElementsAre("version of smlp (0.1.0+abc, 0.1.0)"));
  EXPECT_THAT(after([](auto& p) { p.model_sha256 = "33"; }), ElementsAre("model"));
  EXPECT_THAT(after([](auto& p) { p.precision = "fp32"; }), ElementsAre("precision (bf16, fp32)"));
  EXPECT_THAT(after([](auto& p) { p.isa = "sse4"; }), ElementsAre("instruction set (avx2, sse4)"));
  EXPECT_THAT(after([](auto& p) { p.preprocess = ""; }), ElementsAre("preprocessing (resize 32, none)"));
  EXPECT_THAT(after([](auto& p) { p.inputs_sha256 = "33"; }), ElementsAre("inputs"));
  EXPECT_THAT(after([](auto& p) { p.label_rule = "name"; }), ElementsAre("labels (wnid, name)"));
}

}  // namespace
}  // namespace smlp
