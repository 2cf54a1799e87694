#include "run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "api/session_pass.h"
#include "interrupt.h"
#include "pipeline/image_source.h"

namespace smlp::python {
namespace {

class PictureSource final : public Source {
 public:
  explicit PictureSource(const Pictures& pictures) : pictures_(pictures), items_(pictures.items()) {}

  std::size_t size() const override { return items_.size(); }
  Result<Reading> read(std::size_t index, Room& room) override {
    if (auto fine = pictures_.check_values(index); !fine) return std::unexpected(std::move(fine).error());
    return std::visit(
        [&](const auto& item) -> Result<Reading> {
          if constexpr (requires { read_picture_file(item, room); }) {
            return read_picture_file(item, room);
          } else {
            return Reading{item, nullptr};
          }
        },
        items_[index]);
  }
  bool waits() const override {
    return std::ranges::any_of(items_, [](const auto& i) { return std::holds_alternative<std::filesystem::path>(i); });
  }
  std::string name(std::size_t index) const override {
    const auto* path = std::get_if<std::filesystem::path>(&items_[index]);
    return path == nullptr ? std::string() : path->string();
  }

 private:
  const Pictures& pictures_;
  std::span<const BatcherInput> items_;
};

// Logits in their rows, and why some are missing.
class RowSink final : public Sink {
 public:
  RowSink(Numbers& logits, bool all) : logits_(logits), all_(all) {}

  Result<void> put(std::size_t index, Result<std::span<const float>> values) override {
    if (values) {
      std::ranges::copy(*values, logits_.row(index).begin());
      return {};
    }
    broken.push_back({index, values.error()});
    if (all_) return std::unexpected(std::move(values).error());  // nobody will look at the others
    return {};
  }

  std::vector<Broken> broken;

 private:
  Numbers& logits_;
  const bool all_;
};

// Answers signals ten times a second, in a loop without the GIL that says when it can be left.
class SignalWatch {
 public:
  // What a handler raises leaves the loop.
  void look() {
    if (Clock::now() - last_ < std::chrono::milliseconds(100)) return;
    const nb::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    last_ = Clock::now();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

// Prepared pictures in one piece go from the caller's memory through the network. The session splits them into batches
// anyway; between two of them this thread answers signals.
Result<void> run_tensor(Session& session, std::span<const float> input, std::span<float> logits) {
  const auto classes = static_cast<std::size_t>(session.model().classes());
  const std::size_t count = logits.size() / classes, floats = input.size() / count;
  SignalWatch signals;
  for (std::size_t done = 0; done < count;) {
    const std::size_t n = std::min(count - done, static_cast<std::size_t>(session.batch()));
    if (auto ran = session.run(input.subspan(done * floats, n * floats), static_cast<int>(n),
                               logits.subspan(done * classes, n * classes));
        !ran) {
      return ran;
    }
    done += n;
    if (ending().stop_requested()) return std::unexpected(Error{.what = std::string(kCancelled), .transient = true});
    signals.look();
  }
  return {};
}

Result<void> run_items(Session& session, const Pictures& pictures, RowSink& sink) {
  const auto pass = [&](std::stop_token stop) {
    PictureSource source(pictures);
    PipelineOptions options = pass_options(session);
    options.stop = std::move(stop);
    return run_pass(session, source, sink, options);
  };
  if (pictures.items().size() > static_cast<std::size_t>(session.batch())) return run_interruptibly(pass);
  const nb::gil_scoped_release release;
  return pass(ending());
}

// The first picture that holds what no network can run on.
std::optional<Broken> find_broken(const Pictures& pictures) {
  const nb::gil_scoped_release release;
  SignalWatch signals;
  for (std::size_t i = 0; i < pictures.items().size(); ++i) {
    if (auto fine = pictures.check_values(i); !fine) return Broken{i, std::move(fine).error()};
    signals.look();
  }
  return {};
}

// The exception of a picture says which one it is, where it has no name and others are with it.
[[noreturn]] void raise_broken(const char* kind, Broken broken, const Pictures& pictures) {
  if (broken.error.file.empty() && !pictures.is_single()) {
    broken.error.what = fmt::format("picture {}: {}", broken.index, broken.error.what);
  }
  raise(kind, broken.error);
}

}  // namespace

Numbers run_all(SessionObject& of, const Pictures& pictures) {
  const Call call;
  if (auto broken = find_broken(pictures)) raise_broken("InputError", *std::move(broken), pictures);
  Numbers logits({pictures.items().size(), static_cast<std::size_t>(of.model().classes())});
  SessionObject::Turn turn(of);
  if (const auto tensor = pictures.tensor()) {
    auto ran = [&] {
      const nb::gil_scoped_release release;
      return run_tensor(turn.session(), *tensor, logits.all());
    }();
    value_or_raise(std::move(ran), "ResourceError");
    return logits;
  }
  RowSink sink(logits, true);
  const auto outcome = run_items(turn.session(), pictures, sink);
  if (!sink.broken.empty()) raise_broken("PictureError", std::move(sink.broken.front()), pictures);
  value_or_raise(std::move(outcome), "ResourceError");
  return logits;
}

Answers run_each(SessionObject& of, const Pictures& pictures) {
  const Call call;
  Answers answers{Numbers({pictures.items().size(), static_cast<std::size_t>(of.model().classes())}), {}};
  SessionObject::Turn turn(of);
  RowSink sink(answers.logits, false);
  value_or_raise(run_items(turn.session(), pictures, sink), "ResourceError");
  answers.broken = std::move(sink.broken);
  return answers;
}

}  // namespace smlp::python
