// What a service does: many threads ask for single pictures, and a batcher answers them in batches.
//
//   batcher_under_load FILE...
//
// Four threads send 25 requests each, some with a deadline that has passed, some cancelled; the queue is short, so that
// threads also see it full and try again. Prints what became of them all.
#include <smlp/smlp.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<char>;

struct Outcomes {
  std::atomic<int> answered = 0, late = 0, cancelled = 0, failed = 0, refused = 0;
};

void count(Outcomes& outcomes, const smlp::Result<smlp::Logits>& answer) {
  if (answer) {
    ++outcomes.answered;
  } else if (answer.error().what == smlp::kDeadlinePassed) {
    ++outcomes.late;
  } else if (answer.error().what == smlp::kCancelled) {
    ++outcomes.cancelled;
  } else {
    ++outcomes.failed;
  }
}

// Sends a request and tries again while the queue is full. The bytes are kept alive by the request itself.
void send(smlp::Batcher& batcher, const std::shared_ptr<const Bytes>& picture, smlp::RequestOptions options,
          Outcomes& outcomes) {
  options.owner = picture;
  while (true) {
    const auto taken = batcher.submit(std::as_bytes(std::span(*picture)), options,
                                      [&](const smlp::Result<smlp::Logits>& answer) { count(outcomes, answer); });
    if (taken) return;
    ++outcomes.refused;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto model = smlp::Model::bundled();
  if (!model) return std::fprintf(stderr, "%s\n", model.error().message().c_str()), 1;
  auto session = smlp::Session::create(*model);
  if (!session) return std::fprintf(stderr, "%s\n", session.error().message().c_str()), 1;
  auto batcher = smlp::Batcher::create(std::move(*session), {.max_batch = 8, .max_queue = 8});
  if (!batcher) return std::fprintf(stderr, "%s\n", batcher.error().message().c_str()), 1;

  std::vector<std::shared_ptr<const Bytes>> pictures;
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    pictures.push_back(
        std::make_shared<const Bytes>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
  }
  if (pictures.empty()) return std::fprintf(stderr, "name some pictures\n"), 2;

  Outcomes outcomes;
  std::vector<std::jthread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < 25; ++i) {
        smlp::RequestOptions options;
        std::stop_source stop;
        if (i % 10 == 4) options.deadline = std::chrono::steady_clock::now() - std::chrono::milliseconds(1);
        if (i % 10 == 7) {
          options.cancel = stop.get_token();
          stop.request_stop();
        }
        const auto which = static_cast<std::size_t>(25 * client + i) % pictures.size();
        send(*batcher, pictures[which], std::move(options), outcomes);
      }
    });
  }
  clients.clear();       // joins them
  batcher->shut_down();  // answers what was taken

  const smlp::BatcherStatistics s = batcher->statistics();
  std::printf("%d answered, %d late, %d cancelled, %d failed\n", outcomes.answered.load(), outcomes.late.load(),
              outcomes.cancelled.load(), outcomes.failed.load());
  std::printf("the queue was full %s\n",
              s.refused == static_cast<std::uint64_t>(outcomes.refused) ? "as often as it said" : "?");
  std::uint64_t requests = 0;
  for (std::size_t size = 0; size < s.batches.size(); ++size) requests += size * s.batches[size];
  std::printf("%llu requests in batches of up to %zu\n", static_cast<unsigned long long>(requests),
              s.batches.size() - 1);
}
