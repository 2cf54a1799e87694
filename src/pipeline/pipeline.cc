#include "pipeline/pipeline.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>
#include <tuple>

#include "base/affinity.h"
#include "base/memory.h"
#include "base/no_throw.h"
#include "image/preprocess.h"
#include "pipeline/prepare.h"
#include "pipeline/schedule.h"

namespace smlp {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

ScheduleLimits limits_of(const ThreadPool& workers, const Executor* executor, const Source& source,
                         const PipelineOptions& options) {
  const auto side = static_cast<std::size_t>(options.how.crop);
  ScheduleLimits limits{.count = source.size(),
                        .grows = source.grows(),
                        .workers = workers.size(),
                        .floats = static_cast<std::size_t>(options.channels) * side * side,
                        .classes = executor == nullptr ? 0 : static_cast<std::size_t>(options.classes),
                        .can_wait = source.waits(),
                        .max_readers = options.max_readers,
                        .read_bytes = options.read_bytes};
  const int solo = executor == nullptr ? 0 : executor->solo_pictures();
  limits.sizes = batch_sizes({.pictures = limits.count,
                              .grows = limits.grows,
                              .workers = static_cast<std::size_t>(limits.workers),
                              .floats = limits.floats,
                              .infers = executor != nullptr,
                              .batch = static_cast<std::size_t>(options.batch),
                              .solo = static_cast<std::size_t>(solo),
                              .exclusive = options.exclusive});
  return limits;
}

// A pass: the threads, and what they do with what the schedule gives them.
class Pass {
 public:
  Pass(ThreadPool& workers, Executor* executor, Source& source, Sink& sink, const PipelineOptions& options,
       const ScheduleLimits& limits, PassMemory& memory)
      : pool_(workers),
        executor_(executor),
        source_(source),
        sink_(sink),
        options_(options),
        schedule_(limits, memory),
        meeting_(workers.size()) {
    readers_.reserve(static_cast<std::size_t>(std::max(0, options.max_readers)));
  }

  Result<void> run() {
    const std::stop_callback stopper(options_.stop, [this] { schedule_.stop({.what = "cancelled"}); });
    source_.set_wake([this] { schedule_.source_grew(); });
    auto job = [this](int worker) { work(worker); };
    pool_.run(job);
    source_.set_wake({});
    readers_.clear();  // joins them
    if (auto why = schedule_.why_stopped()) return fail(std::move(*why));
    return no_throw([&] { return sink_.finish(); });
  }

 private:
  class ReadRoom final : public Room {
   public:
    ReadRoom(Schedule& schedule, std::size_t index) : schedule_(schedule), index_(index) {}
    bool take(std::uint64_t bytes) override { return schedule_.take_room(index_, bytes); }

   private:
    Schedule& schedule_;
    std::size_t index_;
  };

  void work(int worker) noexcept {
    while (true) {
      try {
        const Task task = schedule_.next();
        if (task.kind == Task::quit) return;
        carry_out(task, worker);
      } catch (...) {  // the pass ends, and next() says so
        schedule_.stop(error_of(std::current_exception()));
      }
    }
  }

  void carry_out(const Task& task, int worker) {
    switch (task.kind) {
      case Task::sink:
        return put(task.index);
      case Task::ask:
        return ask();
      case Task::decode:
        return decode(task.index);
      case Task::read:
        return read(task.index);
      case Task::infer:
        executor_->run_solo(worker, task.batch->pictures.as<float>(), static_cast<int>(task.batch->index.size()),
                            task.batch->logits.data());
        return schedule_.end_infer(task.batch);
      case Task::join:
        return execute_together(worker);
      case Task::start_readers:
        return start_readers(task.readers);
      case Task::wait:
      case Task::quit:
        return;
    }
  }

  void put(std::size_t index) {
    if (auto outcome = no_throw([&] { return sink_.put(index, schedule_.answer(index)); }); !outcome) {
      schedule_.stop(std::move(outcome).error());
    }
    schedule_.end_sink();
  }

  void ask() {
    const std::size_t more = source_.more();
    schedule_.end_ask(more, source_.waits());
  }

  void read(std::size_t index) {
    auto reading = no_throw([&] {
      ReadRoom room(schedule_, index);
      return source_.read(index, room);
    });
    if (!reading) name(index, reading.error());
    schedule_.end_read(index, std::move(reading));
  }

  // Errors of a picture say which; without memory for that they stay as they are.
  void name(std::size_t index, Error& error) noexcept {
    std::ignore = no_throw([&]() -> Result<void> {
      if (error.file.empty()) error.file = source_.name(index);
      return {};
    });
  }

  void decode(std::size_t index) {
    const Reading& reading = schedule_.reading(index);
    const auto* prepared = std::get_if<std::span<const float>>(&reading.material);
    Picture crop;
    auto outcome = no_throw([&]() -> Result<void> {
      source_.examine(index, reading);
      if (prepared != nullptr) {
        const std::size_t wanted = floats();
        if (prepared->size() == wanted) return {};
        return fail("a prepared picture of {} floats; the model takes {}", prepared->size(), wanted);
      }
      SMLP_CHECK(check_planes(options_.channels));
      SMLP_TRY(made, crop_of(reading.material, options_.how));
      crop = std::move(made);
      return {};
    });
    if (!outcome) {
      name(index, outcome.error());
      return schedule_.end_without_row(index, std::move(outcome).error());
    }
    Batch* batch = nullptr;
    const std::span<float> row = schedule_.begin_row(index, batch);
    const auto start = Clock::now();
    if (prepared != nullptr) {
      std::ranges::copy(*prepared, row.begin());
    } else {
      normalise(crop, options_.how, row.data());
    }
    schedule_.end_row(index, batch, milliseconds_since(start));
  }

  std::size_t floats() const {
    const auto side = static_cast<std::size_t>(options_.how.crop);
    return static_cast<std::size_t>(options_.channels) * side * side;
  }

  // Every worker comes here. Whatever happens in between, each must meet the others as often as they do.
  void execute_together(int worker) noexcept {
    const std::span<Batch* const> batches = schedule_.join();
    const int loop = limits_loop();
    for (Batch* batch : batches) {
      for (int i = 0; i < loop; ++i) {
        meeting_.wait(worker);
        const auto start = Clock::now();
        stopping_faults([&] {
          executor_->run_share(worker, batch->pictures.as<float>(), static_cast<int>(batch->index.size()),
                               batch->logits.data());
        });
        meeting_.wait(worker);
        if (worker == 0) record_execution(*batch, milliseconds_since(start));
      }
    }
    if (worker == 0) {
      const auto start = Clock::now();
      const std::size_t count = batches.size();
      for (const Batch* batch : batches) record_fill(*batch);
      schedule_.end_join();
      record_collect(milliseconds_since(start), count);
    }
    meeting_.wait(worker);
  }

  int limits_loop() const { return options_.exclusive ? options_.loop : 1; }

  template <class Call>
  void stopping_faults(Call call) noexcept {
    try {
      call();
    } catch (...) {
      schedule_.stop(error_of(std::current_exception()));
    }
  }

  void record_execution(const Batch& batch, double milliseconds) noexcept {
    if (options_.executions == nullptr) return;
    stopping_faults([&] {
      options_.executions->compute.push_back(milliseconds);
      options_.executions->pictures.push_back(static_cast<int>(batch.index.size()));
    });
  }

  void record_fill(const Batch& batch) noexcept {
    if (options_.executions != nullptr) stopping_faults([&] { options_.executions->fill.push_back(batch.fill_ms); });
  }

  void record_collect(double milliseconds, std::size_t count) noexcept {
    if (options_.executions == nullptr) return;
    stopping_faults([&] {
      options_.executions->collect.insert(options_.executions->collect.end(), count,
                                          milliseconds / static_cast<double>(count));
    });
  }

  void start_readers(int count) {
    const auto loop = [this] {
      while (const auto index = schedule_.claim()) {
        stopping_faults([&] { read(*index); });
      }
    };
    for (int started = 0; started < count; ++started) {
      try {
        const std::lock_guard lock(readers_mutex_);
        readers_.emplace_back(unpinned(loop));
      } catch (const std::exception&) {  // the system refuses more threads: those that there are must do
        return schedule_.readers_failed(count - started);
      }
    }
  }

  ThreadPool& pool_;
  Executor* const executor_;
  Source& source_;
  Sink& sink_;
  const PipelineOptions& options_;
  Schedule schedule_;
  Barrier meeting_;
  std::mutex readers_mutex_;
  std::vector<std::jthread> readers_;
};

}  // namespace

Result<void> run_pipeline(ThreadPool& workers, Executor* executor, Source& source, Sink& sink,
                          const PipelineOptions& options) {
  const std::string who = executor != nullptr ? fmt::format("a batch of {} pictures", options.batch)
                                              : fmt::format("preparing pictures in {} threads", workers.size());
  const char* const remedy = executor != nullptr ? "use a smaller batch" : "use fewer threads";
  if (options.batch < 1 || options.loop < 1) return fail("a batch and a loop of less than 1");
  auto outcome = no_throw([&]() -> Result<void> {
    const ScheduleLimits limits = limits_of(workers, executor, source, options);
    PassMemory own;
    PassMemory& memory = options.memory != nullptr ? *options.memory : own;
    if (!memory.fits(limits)) SMLP_CHECK(check_memory(PassMemory::bytes(limits), who, remedy));
    return Pass(workers, executor, source, sink, options, limits, memory).run();
  });
  if (!outcome && is_out_of_memory(outcome.error())) return fail(out_of_memory("for " + who, remedy));
  return outcome;
}

}  // namespace smlp
