// Sessions: logits, predictions, probabilities.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "api/top_classes.h"
#include "bindings.h"
#include "run.h"

namespace smlp::python {
namespace {

using namespace nb::literals;

// A list of smlp.Prediction (`type`), which is a tuple of (index, label, probability).
nb::list predictions(std::span<const Prediction> best, const nb::object& type) {
  nb::list list;
  for (const Prediction& p : best) list.append(type(p.index, nb::str(p.label.c_str(), p.label.size()), p.probability));
  return list;
}

void check_top(int top) {
  if (top >= 1) return;
  raise("OptionError", {.what = fmt::format("the best {} classes", top), .remedy = "ask for 1 or more"});
}

nb::object logits(SessionObject& session, nb::handle x) {
  const Pictures pictures(session.model(), x);
  return run_all(session, pictures).array(pictures.is_single());
}

nb::object predict(SessionObject& session, nb::handle x, int top, const nb::object& type) {
  check_top(top);
  const Pictures pictures(session.model(), x);
  Numbers logits = run_all(session, pictures);
  if (pictures.is_single()) return predictions_of(session.model(), logits.row(0), top, type);
  nb::list all;
  for (std::size_t i = 0; i < pictures.items().size(); ++i) {
    all.append(predictions_of(session.model(), logits.row(i), top, type));
  }
  return all;
}

nb::object probabilities(SessionObject& session, nb::handle x) {
  const Pictures pictures(session.model(), x);
  Numbers numbers = run_all(session, pictures);
  for (std::size_t i = 0; i < pictures.items().size(); ++i) {
    value_or_raise(softmax(numbers.row(i)), "ModelError");
  }
  return std::move(numbers).array(pictures.is_single());
}

// A tuple (logits, predictions, None) or (None, None, error) for each item of a list.
class AnswerList {
 public:
  AnswerList(const Model& model, int top, const nb::object& type) : model_(model), top_(top), type_(type) {}

  void add(std::span<const float> logits) {
    const auto best = top_classes(logits, top_, model_.class_names());
    if (!best) return add(exception_of("ModelError", best.error()));
    Numbers row({1, logits.size()});
    std::ranges::copy(logits, row.all().begin());
    list.append(nb::make_tuple(std::move(row).array(true), predictions(*best, type_), nb::none()));
  }
  void add(const nb::object& error) { list.append(nb::make_tuple(nb::none(), nb::none(), error)); }

  nb::list list;

 private:
  const Model& model_;
  int top_;
  const nb::object& type_;
};

nb::list answers(SessionObject& session, const nb::list& items, int top, const nb::object& type) {
  check_top(top);
  const nb::object smlp_error = nb::module_::import_("smlp.errors").attr("SmlpError");
  Pictures pictures(session.model());
  std::vector<nb::object> refused;  // by item: why it is no picture
  for (const nb::handle item : items) {
    nb::object why;
    try {
      pictures.add(item);
    } catch (nb::python_error& error) {
      if (!error.matches(smlp_error)) throw;
      why = nb::borrow(error.value());
    }
    refused.push_back(std::move(why));
  }
  AnswerList answers(session.model(), top, type);
  Answers found = pictures.items().empty() ? Answers{Numbers({0, 1}), {}} : run_each(session, pictures);
  std::size_t next = 0, broken = 0;
  for (const nb::object& why : refused) {
    if (why.is_valid()) {
      answers.add(why);
      continue;
    }
    const std::size_t index = next++;
    if (broken < found.broken.size() && found.broken[broken].index == index) {
      answers.add(exception_of("PictureError", found.broken[broken++].error));
    } else {
      answers.add(found.logits.row(index));
    }
  }
  return answers.list;
}

template <class Read>
auto reading(Read read) {
  return [read](SessionObject& of) {
    SessionObject::Turn turn(of);
    return read(turn.session());
  };
}

}  // namespace

nb::list predictions_of(const Model& model, std::span<const float> logits, int top, const nb::object& type) {
  return predictions(value_or_raise(top_classes(logits, top, model.class_names()), "ModelError"), type);
}

SessionOptions session_options(int threads, int batch, const std::optional<std::string>& precision,
                               const std::string& mode, const std::string& isa, bool pin) {
  SessionOptions options{.threads = threads, .batch = batch, .isa = isa, .pin = pin};
  if (precision) {
    const Precision* const found = find_precision(*precision);
    if (found == nullptr) {
      raise("OptionError",
            {.what = fmt::format("unknown precision '{}'", *precision), .remedy = "'fp32', 'bf16' or 'int8'"});
    }
    options.precision = *found;
  }
  const Mode* const found = find_mode(mode);
  if (found == nullptr) {
    raise("OptionError",
          {.what = fmt::format("unknown mode '{}'", mode), .remedy = "'automatic', 'throughput' or 'latency'"});
  }
  options.mode = *found;
  return options;
}

void add_session(nb::module_& m) {
  nb::class_<SessionObject>(m, "Session")
      .def(
          "__init__",
          [](SessionObject* self, const Model& model, int threads, int batch,
             const std::optional<std::string>& precision, const std::string& mode, const std::string& isa,
             bool pin) { new (self) SessionObject(model, session_options(threads, batch, precision, mode, isa, pin)); },
          "model"_a, "threads"_a, "batch"_a, "precision"_a.none(), "mode"_a, "isa"_a, "pin"_a)
      .def("logits", &logits, "x"_a.none(),
           nb::sig("def logits(self, x: object) -> numpy.typing.NDArray[numpy.float32]"))
      .def("predict", &predict, "x"_a.none(), "top"_a, "type"_a)
      .def("probabilities", &probabilities, "x"_a.none(),
           nb::sig("def probabilities(self, x: object) -> numpy.typing.NDArray[numpy.float32]"))
      .def("answers", &answers, "pictures"_a, "top"_a, "type"_a,
           nb::sig("def answers(self, pictures: list[typing.Any], top: int, type: object) -> list[tuple[typing.Any, "
                   "typing.Any, typing.Any]]"))
      .def("close", &SessionObject::close)
      .def_prop_ro("closed", &SessionObject::closed)
      .def_prop_ro("threads", reading([](Session& s) { return s.threads(); }))
      .def_prop_ro("batch", reading([](Session& s) { return s.batch(); }))
      .def_prop_ro("isa", reading([](Session& s) { return std::string(s.isa()); }))
      .def_prop_ro("precision", reading([](Session& s) { return std::string(precision_name(s.precision())); }));
}

}  // namespace smlp::python
