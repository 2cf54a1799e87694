// smlp: the words of the command line. Each command is one file beside this one.
//
// The way of a picture, to read on from here: `classify` makes a smlp::Session of a smlp::Model and calls
// Session::classify (include/smlp/session.h); the session preprocesses and hands the batch to Engine::run, whose every
// step is in src/engine/forward.cc; that page calls a table of kernels, chosen for this machine.
#include "cli/command.h"
#include "cli/last_resort.h"

namespace {

// Before anything else runs in this process: where memory is limited, libraries fail in their initialisers.
[[gnu::section(".preinit_array"), gnu::used]] void (*before_libraries)() = smlp::cli::end_in_one_line;

constexpr smlp::cli::Command commands[] = {
    {"classify", "what photographs show", smlp::cli::add_classify},
    {"evaluate", "how often the network is right on labelled pictures", smlp::cli::add_evaluate},
    {"compare", "two models or precisions on the same labelled pictures", smlp::cli::add_compare},
    {"merge", "the parts of a run that machines shared, as one", smlp::cli::add_merge},
    {"info", "what this machine can run, or what a model file holds", smlp::cli::add_info},
    // The guide's steps, in its order.
    {"preprocess", "labelled pictures as bins that infer reads", smlp::cli::add_preprocess},
    {"export", "a checkpoint as ONNX", smlp::cli::add_export},
    {"compile", "any model file as one .smlp", smlp::cli::add_compile},
    {"infer", "bins or pictures to logits in files, timed", smlp::cli::add_infer},
    {"postprocess", "accuracy of a folder of results", smlp::cli::add_postprocess},
    {"bench", "throughput, latency and memory over batch sizes", smlp::cli::add_bench},
    {"serve", "answers requests over HTTP and gRPC (Open Inference Protocol)", smlp::cli::add_serve},
};

}  // namespace

int main(int argc, char** argv) { return smlp::cli::run_command(commands, argc, argv); }
