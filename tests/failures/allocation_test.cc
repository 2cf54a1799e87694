// Fails every allocation of loading a model, preparing a picture and running a network, one at a time: each such run
// has to give an error or the very result of an undisturbed one, and must neither throw nor crash.
//
// malloc and its kin stand before the C library's here, so that libjpeg, libpng, zlib and protobuf meet failures too.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <random>

#include "api/load.h"
#include "base/atomic_file.h"
#include "base/file_map.h"
#include "base/json.h"
#include "data/bin_folder.h"
#include "data/evaluation_journal.h"
#include "data/image_folder.h"
#include "data/input_manifest.h"
#include "data/npy.h"
#include "data/picture_files.h"
#include "data/preprocess_journal.h"
#include "data/result_folder.h"
#include "data/run_record.h"
#include "formats/compiled.h"
#include "formats/read.h"
#include "image/decode.h"
#include "smlp/batcher.h"
#include "smlp/session.h"
#include "support/libc_allocator.h"
#include "support/model_file.h"
#include "support/scratch.h"
#include "support/source_dir.h"
#include "support/watch.h"
#include "tasks/calibrate.h"
#include "tasks/compare_precisions.h"
#include "tasks/export_model.h"
#include "tasks/inspect.h"

namespace {

std::atomic<bool> is_on = false, for_good = false;
std::atomic<long> seen = 0, failing = 0;

// True where this allocation is the one to fail, or, with `for_good`, comes after it.
bool is_to_fail() {
  if (!is_on.load(std::memory_order_relaxed)) return false;
  const long number = seen.fetch_add(1, std::memory_order_relaxed) + 1;
  return failing > 0 && (for_good ? number >= failing : number == failing);
}

}  // namespace

#if SMLP_CAN_WATCH

extern "C" {

static void* no_memory() {
  errno = ENOMEM;
  return nullptr;
}

void* malloc(std::size_t size) { return is_to_fail() ? no_memory() : __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) { return is_to_fail() ? no_memory() : __libc_calloc(count, size); }
void* realloc(void* old, std::size_t size) { return is_to_fail() ? no_memory() : __libc_realloc(old, size); }
void* memalign(std::size_t align, std::size_t size) {
  return is_to_fail() ? no_memory() : __libc_memalign(align, size);
}
void* aligned_alloc(std::size_t align, std::size_t size) { return memalign(align, size); }
int posix_memalign(void** memory, std::size_t align, std::size_t size) {
  *memory = memalign(align, size);
  return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) { __libc_free(memory); }

}  // extern "C"

#endif

namespace smlp {
namespace {

namespace fs = std::filesystem;

// What a piece of work came to: an error's message, or a result as text.
struct Outcome {
  bool ok = false;
  std::string text;
};

template <class T, class Text>
Outcome outcome_of(const Result<T>& result, Text text) {
  if (!result) return {false, result.error().message()};
  return {true, text(*result)};
}

// Allocation number `number` (0: none) fails. Returns what came of the work, and how many allocations there were.
struct Trial {
  Outcome outcome;
  long allocations = 0;
  std::string thrown;
};
Trial attempt(const std::function<Outcome()>& work, long number, bool and_all_after = false) {
  Trial trial;
  for_good = and_all_after;
  seen = 0;
  failing = number;
  is_on = true;
  try {
    trial.outcome = work();
    is_on = false;
  } catch (const std::exception& error) {
    is_on = false;
    trial.thrown = error.what();
  }
  trial.allocations = seen;
  return trial;
}

// For a function inside of the library, which may throw where memory runs out: whoever calls from outside never sees
// it.
template <class Work>
Outcome inside(Work work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return {false, "out of memory"};
  }
}

// Every allocation up to a bound, beyond it a sample.
std::vector<long> numbers(long allocations) {
  constexpr long kAll = 2000, kSample = 300;
  std::vector<long> all;
  for (long n = 1; n <= std::min(allocations, kAll); ++n) all.push_back(n);
  std::mt19937 random(7);
  for (long i = 0; i < kSample && allocations > kAll; ++i) {
    all.push_back(std::uniform_int_distribution<long>(kAll + 1, allocations)(random));
  }
  return all;
}

class Allocation : public testing::Test {
 protected:
  void SetUp() override {
    if (!SMLP_CAN_WATCH) GTEST_SKIP() << "the sanitizers have an allocator of their own";
  }

  static void check(const std::function<Outcome()>& work) {
    attempt(work, 0);  // what is made once only
    const Trial whole = attempt(work, 0);
    ASSERT_TRUE(whole.outcome.ok) << whole.outcome.text;
    ASSERT_GT(whole.allocations, 0) << "the allocator is not watched";
    for (const bool and_all_after : {false, true})
      for (const long number : numbers(whole.allocations)) {
        const Trial trial = attempt(work, number, and_all_after);
        EXPECT_EQ(trial.thrown, "") << "allocation " << number << (and_all_after ? " and all after it" : "") << " of "
                                    << whole.allocations << " leaves an exception";
        if (!trial.thrown.empty()) return;
        if (trial.outcome.ok) {
          EXPECT_EQ(trial.outcome.text, whole.outcome.text) << "after allocation " << number << " failed";
        } else {
          EXPECT_FALSE(trial.outcome.text.empty()) << number;
          EXPECT_FALSE(trial.outcome.text.contains("std::")) << trial.outcome.text << ": no words for people";
        }
      }
    const Trial afterwards = attempt(work, 0);
    EXPECT_TRUE(afterwards.outcome.ok) << "the failures left something behind: " << afterwards.outcome.text;
    EXPECT_EQ(afterwards.outcome.text, whole.outcome.text);
  }

  static fs::path fixture(std::string_view name) { return source_dir() / "tests" / name; }
  const test::Scratch scratch;
};

std::string describe(const TensorFile& file) {
  std::string text = file.format;
  for (const Tensor& tensor : file.tensors) text += " " + tensor.name;
  return text;
}

TEST_F(Allocation, ReadingTensorsOfEveryFormat) {
  for (const char* name : {"zip.pth", "legacy.pth", "legacy.pth.gz", "legacy_in_a.zip", "deflated.pth",
                           "state.safetensors", "strided.pth"}) {
    SCOPED_TRACE(name);
    check([file = fixture("formats/fixtures") / name] {
      return inside([&] { return outcome_of(read_tensor_file(file), describe); });
    });
  }
}

std::string describe_model(const Model& model) {
  return std::to_string(model.classes()) + " " + std::to_string(model.image_size());
}

TEST_F(Allocation, LoadingModels) {
  const fs::path weights = scratch.folder() / "net.safetensors";
  test::write_model(weights, test::small_config(10), 1, {});
  for (const fs::path& file :
       {weights, fixture("formats/fixtures/zip.pth"), fixture("formats/fixtures/legacy.pth"),
        fixture("formats/fixtures/legacy.pth.gz"), fixture("formats/onnx/script_11_nchw_batch.onnx"),
        fixture("formats/onnx/export_20_nhwc_beside.onnx")}) {
    SCOPED_TRACE(file);
    check([&] { return outcome_of(Model::load(file), describe_model); });
  }
}

TEST_F(Allocation, LoadingTheBundledModel) {
  const fs::path weights = scratch.folder() / "smlp_imagenette.safetensors";
  test::write_model(weights, test::small_config(10), 1, {});
  ASSERT_EQ(::setenv("SMLP_MODEL_DIR", scratch.folder().c_str(), 1), 0);
  check([] { return outcome_of(Model::bundled(), describe_model); });
  ::unsetenv("SMLP_MODEL_DIR");
}

TEST_F(Allocation, JobsOnModels) {
  const fs::path weights = scratch.folder() / "net.safetensors";
  test::write_model(weights, test::small_config(10), 1, {});
  check([&] {
    return inside([&] {
      return outcome_of(inspect_file(weights), [](const FileReport& report) { return report.format + report.sha256; });
    });
  });
  const ExportModelOptions to_onnx = {.checkpoint = weights, .onnx = scratch.folder() / "net.onnx", .force = true};
  check([&] {
    return inside([&] {
      return outcome_of(export_model(to_onnx),
                        [](const ExportModelReport& report) { return std::to_string(report.bytes); });
    });
  });
  const auto network = load_network(weights);
  ASSERT_TRUE(network);
  const CalibrationOptions options = {.pictures = {Input{.file = fixture("image/fixtures/420.jpg")}}};
  const auto unheard = [](std::int64_t, std::int64_t) {};
  check([&] {
    return inside([&] {
      Network quantized = *network;
      const auto done = calibrate(quantized, options, [](int, const BlockProduct&) { return true; }, unheard);
      return outcome_of(done, [&](const Calibration&) { return quantized.calibration; });
    });
  });
  const auto shared = std::make_shared<const Network>(*network);
  check([&] {
    return inside([&] {
      return outcome_of(compare_precisions(shared, {.made_up = 1}, unheard),
                        [](const PrecisionComparison& found) { return std::to_string(found.same_top1); });
    });
  });
}

TEST_F(Allocation, ListingFolders) {
  for (const char* name :
       {"data/a/1.jpg", "data/a/2.jpg", "data/b/3.jpg", "bins/batch-00000.bin", "out/batch-00000_0.txt"}) {
    scratch.write(name, "x");
  }
  const auto check_count = [&](const char* name, auto list, auto count) {
    check([&] {
      return inside([&] {
        return outcome_of(list(scratch.folder() / name),
                          [&](const auto& found) { return std::to_string(count(found)); });
      });
    });
  };
  check_count("data", &list_folder, [](const FolderListing& found) { return found.files.size(); });
  check_count("data", &read_image_folder, [](const ImageFolder& found) { return found.pictures.size(); });
  check_count("bins", &list_bins, [](const std::vector<Bin>& found) { return found.size(); });
  check_count("out", &find_results, [](const ResultFolder& found) { return found.files.size(); });
  check([&] {
    return inside([&]() -> Outcome {
      const auto done = remove_temporaries(scratch.folder() / "data", "");
      return {done.has_value(), done ? "" : done.error().message()};
    });
  });
}

// Errors of other kinds need memory for their words.
TEST_F(Allocation, Refusing) {
  const auto model = Model::load(fixture("formats/onnx/script_11_nchw_batch.onnx"));
  ASSERT_TRUE(model);
  auto session = Session::create(*model, {.threads = 1, .batch = 1});
  ASSERT_TRUE(session);
  std::vector<float> one(1);
  const fs::path missing = "/nonexistent/file/of/a/long/name";
  const Image nothing = missing;
  // What refuses is right; a lack of memory is the failure here.
  const auto outcome = [](const auto& result) -> Outcome {
    if (result) return {false, "not refused"};
    return inside([&]() -> Outcome {
      std::string text = result.error().message();
      const bool of_memory = text.find("memory") != text.npos;
      return {!of_memory, std::move(text)};
    });
  };
  check([&] { return outcome(Model::load(missing)); });
  check([&] { return outcome(Session::create(*model, {.batch = 0})); });
  check([&] { return outcome(Session::create(*model, {.isa = "a processor"})); });
  check([&] { return outcome(session->run(one, 1, one)); });
  check([&] { return outcome(model->preprocess(nothing, one)); });
}

TEST_F(Allocation, LoadingCompiledModels) {
  const fs::path weights = scratch.folder() / "net.safetensors", compiled = scratch.folder() / "net.smlp";
  test::write_model(weights, test::small_config(10), 1, {});
  auto network = load_network(weights);
  ASSERT_TRUE(network);
  for (int i = 0; i < network->config.classes; ++i) network->class_names.push_back("class " + std::to_string(i));
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    SCOPED_TRACE(precision_name(precision));
    network->precision = precision;
    ASSERT_TRUE(write_compiled(*network, compiled, Existing::replace));
    check([&] { return outcome_of(Model::load(compiled), describe_model); });
  }
}

TEST_F(Allocation, ReadingAndForgettingJson) {
  const std::string text = R"({"a":[[1,2,[3.5,"four"]],{"b":{"c":{},"d":[null]}}],"e":{"f":[true,[false]]},"g":7})";
  const auto describe = [](const auto& value) { return value.dump(); };
  check([&] { return inside([&] { return outcome_of(parse_json(text), describe); }); });
  check([&] { return inside([&] { return outcome_of(parse_ordered_json(text), describe); }); });
}

// Records that a run left are whole, whatever there is no memory for: nobody may be told to delete them, and nothing of
// them be forgotten.
TEST_F(Allocation, ALackOfMemoryDamagesNoRecord) {
  const fs::path folder = scratch.folder();
  const RunIdentity identity = {.inputs_sha256 = std::string(64, 'a'), .shard = "1/2", .classes = 10};
  {
    auto record = RunRecordWriter::create(folder, identity, R"({"version":"1"})");
    ASSERT_TRUE(record) << record.error().message();
    for (const char* name : {"batch-00000_0.npy", "batch-00001_0.npy"})
      ASSERT_TRUE(record->add(name, {.bytes = 168, .sha256 = std::string(64, 'b')}));
    auto journal = JournalWriter::create(folder / "journal", {.batch_size = 1, .pictures = 2});
    ASSERT_TRUE(journal) << journal.error().message();
    const PictureRecord picture = {.bytes = 1234, .mtime_ns = 5, .sha256 = std::string(64, 'c'), .error = {}};
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(journal->append({.pictures = {picture}, .bin = {}}));
    auto evaluation = EvaluationJournal::create(folder / "evaluation", identity, "{}");
    ASSERT_TRUE(evaluation) << evaluation.error().message();
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(evaluation->append({.error = "could not be read, for many reasons"}));
    const InputManifest manifest = {
        .truth = "work/labels.npy",
        .missing = {},
        .inputs = {{.file = "work/bins/batch-00000.bin", .stem = "batch-00000", .labels = {7}}}};
    ASSERT_TRUE(write_file(folder / kInputManifest, input_manifest_text(manifest), Existing::keep));
  }
  const auto of_memory = [](const Error& error) { return error.transient || error.message().contains("memory"); };
  // What was read, as a number that tells whether all of it is there.
  const auto verdict = [&](const auto& read, const auto& size) -> Outcome {
    try {
      const auto result = read();
      if (!result) return {of_memory(result.error()), result.error().message()};
      if (!*result) return {false, "not there"};
      return {size(**result) == 2, "forgotten lines"};
    } catch (const std::bad_alloc&) {
      return {true, ""};
    }
  };
  const std::function<Outcome()> readers[] = {
      [&] {
        return verdict([&] { return read_run_record(folder); }, [](const RunRecord& r) { return r.files.size(); });
      },
      [&] {
        return verdict([&] { return read_journal(folder / "journal"); },
                       [](const Journal& j) { return j.batches.size(); });
      },
      [&] {
        std::size_t heard = 0;
        const auto hear = [&](std::size_t, const PictureOutcome&) { return ++heard > 0; };
        return verdict([&] { return read_evaluation_journal(folder / "evaluation", hear); },
                       [&](const EvaluationRecord&) { return heard; });
      },
      [&] {
        return verdict([&] { return read_input_manifest(folder); },
                       [](const InputManifest& m) { return m.inputs.size() + 1; });
      },
      [&] {
        return verdict(
            [&]() -> Result<std::optional<TensorFile>> {
              SMLP_TRY(file, read_tensor_file(fixture("formats/fixtures/deflated.pth")));
              return std::optional(std::move(file));
            },
            [](const TensorFile& file) { return file.tensors.empty() ? 0U : 2U; });
      },
  };
  for (const auto& read : readers) {
    SCOPED_TRACE(&read - readers);
    const Trial whole = attempt(read, 0);
    ASSERT_TRUE(whole.outcome.ok) << whole.outcome.text;
    for (const bool and_all_after : {false, true}) {
      for (long n = 1; n <= whole.allocations; ++n) {
        const Trial trial = attempt(read, n, and_all_after);
        EXPECT_TRUE(trial.outcome.ok) << "allocation " << n << ": " << trial.outcome.text;
      }
    }
  }
}

TEST_F(Allocation, ReadingArrays) {
  for (const char* name : {"f4.npy", "f8_fortran.npy", "f2.npy", "u2_fortran.npy", "version3.npy"}) {
    SCOPED_TRACE(name);
    check([file = fixture("formats/fixtures") / name] {
      return inside([&] {
        return outcome_of(NpyArray::open(file), [](const NpyArray& array) {
          std::string text;
          for (const float value : array.to_floats()) text += std::to_string(value) + " ";
          return text;
        });
      });
    });
  }
}

std::string describe_picture(const Picture& picture) {
  return std::string(reinterpret_cast<const char*>(picture.rgb.data()), picture.rgb.size());
}

TEST_F(Allocation, DecodingPictures) {
  for (const char* name : {"420.jpg", "444-progressive.jpg", "cmyk.jpg", "arithmetic.jpg", "rgb8-plain.png",
                           "grey16-interlaced.png", "palette4-plain.png"}) {
    SCOPED_TRACE(name);
    check([file = fixture("image/fixtures") / name] {
      return inside([&] { return outcome_of(decode_file(file), describe_picture); });
    });
  }
}

// A lack of memory is not the picture's fault, so that nobody records it as broken.
TEST_F(Allocation, ALackOfMemoryBreaksNoPicture) {
  for (const char* name : {"420.jpg", "444-progressive.jpg", "rgb8-plain.png", "grey16-interlaced.png"}) {
    const auto map = FileMap::open(fixture("image/fixtures") / name);
    ASSERT_TRUE(map);
    const auto work = [&]() -> Outcome {
      try {
        const auto picture = decode((*map)->bytes());
        if (picture || picture.error().transient) return {true, ""};
        return {false, picture.error().message()};
      } catch (const std::bad_alloc&) {
        return {true, ""};
      }
    };
    const long allocations = attempt(work, 0).allocations;
    for (long n = 1; n <= allocations; ++n) {
      const Trial trial = attempt(work, n);
      EXPECT_TRUE(trial.outcome.ok) << name << ", allocation " << n << ": " << trial.outcome.text;
    }
  }
}

TEST_F(Allocation, PreparingPictures) {
  const auto model = Model::load(fixture("formats/onnx/script_11_nchw_batch.onnx"));
  ASSERT_TRUE(model);
  const auto map = FileMap::open(fixture("image/fixtures/444-progressive.jpg"));
  ASSERT_TRUE(map);
  const std::vector<std::uint8_t> pixels(std::size_t{3} * 5 * 4, 99);
  std::vector<float> chw(static_cast<std::size_t>(3 * model->image_size() * model->image_size()));
  const Image images[] = {fixture("image/fixtures/420.jpg"), fixture("image/fixtures/17x9.jpg"),
                          fixture("image/fixtures/grey16-interlaced.png"), (*map)->bytes(),
                          RgbView{.data = pixels.data(), .width = 5, .height = 4, .stride = 15}};
  for (const Image& image : images) {
    SCOPED_TRACE(image.index());
    check([&]() -> Outcome {
      std::ranges::fill(chw, 0.0F);
      if (const auto done = model->preprocess(image, chw); !done) return {false, done.error().message()};
      return inside(
          [&] { return Outcome{true, std::string(reinterpret_cast<const char*>(chw.data()), 4 * chw.size())}; });
    });
  }
}

TEST_F(Allocation, MakingASessionAndRunningIt) {
  const auto model = Model::load(fixture("formats/onnx/script_11_nchw_batch.onnx"));
  ASSERT_TRUE(model);
  const auto floats = static_cast<std::size_t>(3 * model->image_size() * model->image_size());
  const std::vector<float> input(floats, 0.25F);
  std::vector<float> logits(static_cast<std::size_t>(model->classes()));
  for (const int threads : {1, 2}) {
    SCOPED_TRACE(threads);
    check([&]() -> Outcome {
      auto session = Session::create(*model, {.threads = threads, .batch = 1});
      if (!session) return {false, session.error().message()};
      if (const auto ran = session->run(input, 1, logits); !ran) return {false, ran.error().message()};
      const auto text = [&] { return std::string(reinterpret_cast<const char*>(logits.data()), 4 * logits.size()); };
      return inside([&] { return Outcome{true, text()}; });
    });
  }
}

TEST_F(Allocation, ClassifyingPictures) {
  const auto model = Model::load(fixture("formats/onnx/script_11_nchw_batch.onnx"));
  ASSERT_TRUE(model);
  const std::vector<Image> pictures = {fixture("image/fixtures/420.jpg"), fixture("image/fixtures/rgb8-plain.png")};
  auto session = Session::create(*model, {.threads = 1, .batch = 1});
  ASSERT_TRUE(session);
  const auto text_of = [&](const auto& answers) -> Outcome {
    if (answers.size() != pictures.size()) return {false, "no memory even for the answers"};
    std::string text;
    for (const auto& answer : answers) {
      if (!answer) return {false, answer.error().message()};
      for (const Prediction& p : *answer) text += std::to_string(p.index) + " " + std::to_string(p.probability) + "\n";
    }
    return {true, text};
  };
  check([&] {
    const auto answers = session->classify(pictures, 2);  // which never throws
    return inside([&] { return text_of(answers); });
  });
}

// Every request that was taken gets its answer, whatever runs out meanwhile.
TEST_F(Allocation, Batching) {
  const auto model = Model::load(fixture("formats/onnx/script_11_nchw_batch.onnx"));
  ASSERT_TRUE(model);
  const auto floats = static_cast<std::size_t>(3 * model->image_size() * model->image_size());
  const std::vector<float> tensor(floats, 0.25F);
  const BatcherInput inputs[] = {fixture("image/fixtures/420.jpg"), std::span<const float>(tensor)};
  const auto work = [&]() -> Outcome {
    auto session = Session::create(*model, {.threads = 1, .batch = 2});
    if (!session) return {false, session.error().message()};
    auto batcher = Batcher::create(std::move(*session), {.max_batch = 2, .max_delay = std::chrono::microseconds(0)});
    if (!batcher) return {false, batcher.error().message()};
    std::string text;
    if (batcher->statistics().batches.empty()) return {false, "no memory for the histogram"};
    for (const BatcherInput& input : inputs) {
      auto future = batcher->submit(input, {});
      if (!future) return {false, future.error().message()};
      const auto answer = future->get();
      if (!answer) return {false, answer.error().message()};
      text.append(reinterpret_cast<const char*>(answer->data()), 4 * answer->size());
    }
    return {true, text};
  };
  check([&] { return inside(work); });
}

}  // namespace
}  // namespace smlp
