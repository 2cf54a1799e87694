#include <nanobind/nanobind.h>

#include "bindings.h"
#include "interrupt.h"
#include "tasks/provenance.h"

NB_MODULE(_core, m) {
  namespace nb = nanobind;
  const std::string_view version = smlp::program_version();
  m.attr("version") = nb::str(version.data(), version.size());
  nb::set_leak_warnings(false);  // what daemon threads hold when the interpreter ends is no mistake
  m.def("end_calls", &smlp::python::end_calls);
  smlp::python::add_model(m);
  smlp::python::add_session(m);
  smlp::python::add_batcher(m);
  smlp::python::add_jobs(m);
}
