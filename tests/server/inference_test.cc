// A request from its parsed form to its answer, with a real batcher: how it ends, in which order, and how it is
// counted.
#include "server/inference.h"

#include <gmock/gmock.h>

#include <cstring>
#include <future>
#include <mutex>
#include <thread>

#include "base/json.h"
#include "server/infer_response.h"
#include "server/repository.h"
#include "support/model_file.h"
#include "support/scratch.h"

namespace smlp::server {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class InferenceTest : public ::testing::Test {
 protected:
  InferenceTest() { test::write_model(scratch_.folder() / "m.safetensors", test::small_config()); }

  std::shared_ptr<ServedModel> load(const BatchingOptions& batching = {.max_delay = 0us}) {
    auto model = ServedModel::load("m", "3", scratch_.folder() / "m.safetensors", {.threads = 2}, batching);
    EXPECT_TRUE(model) << model.error().message();
    loaded_.push_back(*model);
    return std::move(*model);
  }

  // As the repository does it: a model must not go away in its own batcher's thread, with the last of its requests.
  void TearDown() override {
    for (const auto& model : loaded_) model->batcher.shut_down();
  }

  InferRequest request(int pictures = 1) {
    InferRequest request;
    request.id = "x";
    for (int i = 0; i < pictures; ++i) request.pictures.emplace_back(std::span<const float>(tensor_));
    return request;
  }

  // One request on its way; answer() waits for it.
  struct Asked {
    std::shared_ptr<Inference> inference;
    std::future<void> done;
    Answer<Reply> answer() {
      done.wait();
      return inference->finish(write_infer_response);
    }
  };
  static Asked ask(const std::shared_ptr<ServedModel>& model, InferRequest request,
                   std::optional<Inference::Clock::time_point> until = std::nullopt, RequestTrace* trace = nullptr) {
    const auto promise = std::make_shared<std::promise<void>>();
    Asked asked{std::make_shared<Inference>(model, trace), promise->get_future()};
    asked.inference->start(std::move(request), until, [promise] { promise->set_value(); });
    return asked;
  }

  test::Scratch scratch_;
  std::vector<std::shared_ptr<ServedModel>> loaded_;
  std::vector<float> tensor_ = std::vector<float>(std::size_t{3} * 32 * 32, 0.25f);
};

TEST_F(InferenceTest, IsAnsweredAndCounted) {
  const auto model = load();
  auto asked = ask(model, request(3));
  const auto reply = asked.answer();
  ASSERT_TRUE(reply) << reply.error().message;
  const auto json = nlohmann::json::parse(reply->body);
  EXPECT_EQ(json["model_name"], "m");
  EXPECT_EQ(json["model_version"], "3");
  EXPECT_EQ(json["id"], "x");
  const auto& output = json["outputs"][0];
  EXPECT_EQ(output["shape"], nlohmann::json({3, 10}));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(output["data"][i], output["data"][i + 20]) << "equal pictures, equal bits";
  EXPECT_EQ(model->counts.succeeded, 1u);
  EXPECT_EQ(model->counts.pictures, 3u);
  EXPECT_THAT(asked.inference->timing(),
              testing::MatchesRegex("read;dur=.*, queue;dur=.*, compute;dur=.*, write;dur=.*"));
}

TEST_F(InferenceTest, BinaryAndClassifiedAnswersSayTheSame) {
  const auto model = load();
  InferRequest plain = request(), binary = request(), best = request();
  binary.binary_asked = true;
  best.classification = 99;  // more than there are
  const auto numbers = nlohmann::json::parse(ask(model, std::move(plain)).answer()->body)["outputs"][0]["data"];
  const auto reply = ask(model, std::move(binary)).answer();
  ASSERT_EQ(reply->body.size(), reply->json_bytes + 40);
  EXPECT_EQ(reply->content_type, "application/octet-stream");
  std::vector<float> values(10);
  std::memcpy(values.data(), reply->body.data() + reply->json_bytes, 40);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(numbers[i].get<float>(), values[i]);
  const auto classes = nlohmann::json::parse(ask(model, std::move(best)).answer()->body)["outputs"][0];
  EXPECT_EQ(classes["datatype"], "BYTES");
  EXPECT_EQ(classes["shape"], nlohmann::json({1, 10}));
  const auto largest = std::ranges::max_element(values) - values.begin();
  EXPECT_THAT(classes["data"][0].get<std::string>(), HasSubstr(fmt::format(":{}", largest)));
}

TEST_F(InferenceTest, APictureThatIsBrokenIsTheClientsFault) {
  const auto model = load();
  InferRequest two = request();
  const std::string text = "no picture";
  two.pictures.emplace_back(std::as_bytes(std::span(text)));
  const auto reply = ask(model, std::move(two)).answer();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().status, 400);
  EXPECT_THAT(reply.error().message, HasSubstr("picture 1 of input 'input'"));
  EXPECT_EQ(reply.error().message.find(scratch_.folder()), std::string::npos);
  EXPECT_EQ(model->counts.failed, 1u);
  EXPECT_EQ(model->counts.pictures, 0u);
}

TEST_F(InferenceTest, MoreThanTheQueueEverHoldsIsTheClientsFault) {
  const auto model = load({.max_delay = 0us, .max_queue = 4});
  const auto reply = ask(model, request(5)).answer();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().status, 400) << "503 would have it tried again, for ever";
  EXPECT_THAT(reply.error().message, HasSubstr("at most 4 in a request, as --max-queue says"));
  EXPECT_EQ(model->counts.failed, 1u);
  EXPECT_TRUE(ask(model, request(4)).answer());
}

TEST_F(InferenceTest, MoreThanTheQueueHoldsIsRefusedAsAWhole) {
  const auto model = load({.max_batch = 64, .max_delay = 300ms, .max_queue = 4});
  auto others = ask(model, request(2));
  const auto reply = ask(model, request(4)).answer();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().status, 503);
  EXPECT_THAT(reply.error().message, HasSubstr("queue is full"));
  EXPECT_EQ(model->counts.rejected, 1u);
  EXPECT_TRUE(others.answer());
  EXPECT_TRUE(ask(model, request(4)).answer()) << "its pictures left no trace in the queue";
}

TEST_F(InferenceTest, WhoWaitsTooLongIsToldSo) {
  const auto model = load({.max_batch = 64, .max_delay = 30s, .timeout = 20ms});
  const auto reply = ask(model, request()).answer();
  // Half of its time is kept for computing: it is begun in time, or refused, never left waiting.
  if (!reply) {
    EXPECT_EQ(reply.error().message, kTimedOut);
  }
  const auto late = ask(model, request(), Inference::Clock::now() - 1ms).answer();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().status, 503);
  EXPECT_EQ(late.error().message, kTimedOut);
  EXPECT_GE(model->counts.timed_out, 1u);
}

TEST_F(InferenceTest, AClientsTimeoutOnlyShortensTheServers) {
  const auto model = load({.max_batch = 64, .max_delay = 30s, .timeout = 40ms});
  InferRequest patient = request();
  patient.timeout = 24h;
  const auto begin = Inference::Clock::now();
  (void)ask(model, std::move(patient)).answer();
  EXPECT_LT(Inference::Clock::now() - begin, 20s);
}

TEST_F(InferenceTest, ACancelledRequestLeavesTheQueue) {
  const auto model = load({.max_batch = 64, .max_delay = 2s});
  auto asked = ask(model, request(5));
  asked.inference->cancel();
  const auto reply = asked.answer();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().status, 499);
  EXPECT_EQ(model->counts.cancelled, 1u);
  EXPECT_EQ(model->batcher.statistics().cancelled, 5u);
}

TEST_F(InferenceTest, HigherPriorityBeginsFirst) {
  const auto model = load({.max_batch = 1, .max_delay = 0us});
  std::mutex mutex;
  std::string order;
  std::vector<std::future<void>> ends;
  std::vector<std::shared_ptr<Inference>> all;
  const auto add = [&](InferRequest one, char name) {
    const auto promise = std::make_shared<std::promise<void>>();
    ends.push_back(promise->get_future());
    all.push_back(std::make_shared<Inference>(model));
    all.back()->start(std::move(one), std::nullopt, [&, name, promise] {
      {
        const std::lock_guard lock(mutex);
        order += name;
      }
      promise->set_value();
    });
  };
  add(request(200), '-');  // keeps the batcher busy
  InferRequest last = request(), first = request();
  last.priority = 8;
  first.priority = 1;
  add(std::move(last), 'c');
  add(request(), 'b');
  add(std::move(first), 'a');
  for (auto& end : ends) end.wait();
  EXPECT_LT(order.find('a'), order.find('b'));
  EXPECT_LT(order.find('b'), order.find('c'));
  EXPECT_LT(order.find('a'), order.find('-')) << "it passes what waits at the usual priority";
}

TEST_F(InferenceTest, UnloadingAnswersWhatWasTaken) {
  const auto model = load({.max_batch = 4, .max_delay = 30s});
  auto taken = ask(model, request(3));
  model->batcher.shut_down();
  EXPECT_FALSE(taken.inference->came_too_late());
  EXPECT_TRUE(taken.answer());
  const auto refused = ask(model, request()).answer();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
  EXPECT_THAT(refused.error().message, HasSubstr("unloaded"));
}

TEST_F(InferenceTest, WhoFoundAModelBeforeItWasReplacedAsksAgain) {
  Repository models({{.name = "m", .version = "3", .file = scratch_.folder() / "m.safetensors"}}, {.threads = 1},
                    {.max_delay = 0us});
  ASSERT_TRUE(models.load(""));
  const auto found = *models.find("m", "");
  const auto begin = Inference::Clock::now();
  ASSERT_TRUE(models.unload("m")) << "which does not wait for those who hold it";
  EXPECT_LT(Inference::Clock::now() - begin, 500ms);
  const auto late = ask(found, request(2));
  late.done.wait();
  EXPECT_TRUE(late.inference->came_too_late());
  EXPECT_EQ(found->counts.rejected, 0u) << "it is no refusal of this model";
  EXPECT_FALSE(models.find("m", "")) << "nor would it find it again";
}

TEST_F(InferenceTest, AFullQueueRefusesEarly) {
  const auto model = load({.max_batch = 4, .max_delay = 30s, .max_queue = 2});
  EXPECT_FALSE(Inference::refuse_early(model, nullptr)) << "there is room";
  auto taken = ask(model, request(2));
  const auto refused = Inference::refuse_early(model, nullptr);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(model->counts.rejected, 1u);
  EXPECT_FALSE(Inference::refuse_early(refuse(404, "unknown"), nullptr)) << "that is for others to say";
  model->batcher.shut_down();
  EXPECT_TRUE(taken.answer());
  EXPECT_FALSE(Inference::refuse_early(model, nullptr)) << "it is not full but gone";
}

TEST_F(InferenceTest, ManyAtOnceAreAllAnsweredOnce) {
  const auto model = load({.max_batch = 4, .max_delay = 100us, .max_queue = 10'000});
  std::atomic<int> answered{0}, cancelled{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        auto asked = ask(model, request(1 + i % 3));
        if ((i + t) % 5 == 0) asked.inference->cancel();
        const auto reply = asked.answer();
        ++(reply ? answered : cancelled);
        if (!reply) {
          EXPECT_EQ(reply.error().status, 499);
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(answered + cancelled, 160);
  EXPECT_EQ(model->counts.succeeded, static_cast<std::uint64_t>(answered));
  EXPECT_EQ(model->counts.cancelled, static_cast<std::uint64_t>(cancelled));
}

TEST_F(InferenceTest, TheTraceTellsTheLifeOfEachRequest) {
  const auto file = scratch_.folder() / "trace.json";
  {
    const auto model = load();
    auto trace = RequestTrace::create(file, false);
    ASSERT_TRUE(trace) << trace.error().message();
    EXPECT_TRUE(ask(model, request(2), std::nullopt, trace->get()).answer());
    EXPECT_FALSE(ask(model, request(), Inference::Clock::now() - 1s, trace->get()).answer());
  }
  std::ifstream in(file);
  const auto events = nlohmann::json::parse(in);
  std::vector<std::string> outcomes;
  for (const auto& event : events) {
    if (event.contains("args") && event["args"].contains("outcome")) outcomes.push_back(event["args"]["outcome"]);
    if (event["ph"] == "e") {
      EXPECT_GE(event["ts"].get<double>(), 0);
    }
  }
  EXPECT_THAT(outcomes, testing::ElementsAre("ok", std::string(kTimedOut)));
  EXPECT_EQ(events.size(), 1u + 2 * 10);
}

}  // namespace
}  // namespace smlp::server
