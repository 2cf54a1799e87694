// Every option of every command, once: its name, its other spellings, and what it says unless a command says more.
// Dashes and underscores are the same wherever an option is typed, so that no spelling is listed twice for them.
#pragma once

#include <string>
#include <string_view>

namespace smlp::cli {

struct OptionName {
  std::string_view name;     // "--batch"
  std::string_view guide;    // the guide's own spellings, spaces between
  std::string_view aliases;  // other spellings
  std::string_view value;    // "N"; empty for a flag
  std::string_view help;
};

inline constexpr OptionName option_table[] = {
    // What goes in and what comes out.
    {"--data", "--data_root", "--input", "INPUT",
     "Labelled pictures: a folder with a subfolder a class (or one that holds it as val/), tar archives and shards "
     "(x-{000..004}.tar), or @LIST and - with lines of `path label`"},
    {"--model", "--pth_path", "", "FILE",
     "Compiled model, PyTorch checkpoint, safetensors or ONNX (default: the bundled Imagenette model)"},
    {"--classes", "", "", "FILE", "Class names, one a line in the order of the classes, or lines of `n01440764 name`"},
    {"--labels", "", "", "FILE", "Labels of the pictures"},
    {"--results", "--infer_result_dir", "", "DIR", "Folder of results that infer wrote"},
    {"--output", "--save_dir --onnx_path", "", "PATH", "Where to write"},
    {"--output-dirname", "--output_dirname", "", "NAME",
     "Name of the folder of results (default: the time, as 2024_05_01-12_00_00)"},
    {"--limit", "--n", "", "N", "Take the first N pictures (default: all)"},
    {"--picture", "", "", "FILE", "Picture, or folder of pictures; may be repeated"},

    // How a model runs.
    {"--batch", "--batchsize --batch_size", "--batch-sizes", "N",
     "Pictures that go through the network together (default: 8)"},
    {"--threads", "", "", "N", "Threads (default: as many as this process may use)"},
    {"--mode", "", "", "M",
     "throughput: each thread takes its own pictures; latency: all share each; automatic: by their number"},
    {"--pin", "", "", "", "Keep each thread on a processor of its own"},
    {"--no-pin", "", "", "", "Leave the threads to the system"},
    {"--precision", "", "", "P", "fp32, bf16 or int8 (default: the model's own)"},
    {"--isa", "", "", "ISA", "Kernels to use (default: SMLP_ISA, or the best; see `smlp info`)"},
    {"--loop", "", "", "N", "Execute each batch this many times"},
    {"--warmup", "--warmup_count", "", "N", "Executions before the first that counts (default: 1)"},
    {"--duration", "", "", "S", "Seconds for each batch size (default: 5)"},
    {"--device", "--device", "", "N", "Accepted as in the guide; the one device here is the CPU"},
    {"--pure-data-type", "--pure_data_type", "", "KIND", "What made-up data are: zero or random (default: zero)"},

    // How a picture becomes the network's input.
    {"--crop-pct", "", "", "X", "Share of the resized short side that the crop keeps: it is resized to size / X"},
    {"--interpolation", "", "", "NAME",
     "How pictures are resized, as Pillow does it: nearest, box, bilinear, hamming, bicubic or lanczos"},
    {"--mean", "", "", "R,G,B", "Mean of each channel, of pixels from 0 to 1"},
    {"--std", "", "", "R,G,B", "Standard deviation of each channel, of pixels from 0 to 1"},
    {"--img-size", "", "", "N", "Side of the network's input in pixels"},

    // What is shown and written.
    {"--json", "", "", "", "Write one JSON object"},
    {"--csv", "", "", "", "Write comma-separated values"},
    {"--markdown", "", "", "", "Write a Markdown table"},
    {"--top", "", "", "N", "How many classes to name, best first (default: 5; at most all there are)"},
    {"--per-class", "", "", "", "A table of every class as well"},
    {"--tensors", "", "", "", "List every tensor of the file as well"},
    {"--profile", "", "", "", "Where the time goes: each step's time, GFLOP/s, share of peak and bytes"},
    {"--trace", "", "", "FILE", "Write the profile as a trace, which https://ui.perfetto.dev shows"},
    {"--compare", "", "", "A B", "Compare two results"},
    {"--first", "", "", "A", "Model file, precision of --model (fp32, bf16, int8), or FILE:PRECISION"},
    {"--second", "", "", "B", "What is compared with it, likewise"},
    {"--format", "--outfmt", "", "F", "Files of results: NPY, BIN or TXT (default: NPY)"},
    {"--packed", "", "", "", "One array packed_0.npy for the whole run, its rows named in packed_names.tsv"},
    {"--resume", "", "", "", "Go on with an interrupted run"},
    {"--force", "", "", "", "Replace the results of an earlier run"},
    {"--predictions", "", "", "FILE",
     "Write each picture's file, label and five best classes: JSON Lines (.jsonl) or comma-separated values (.csv)"},
    {"--confusion", "", "--confusion-matrix", "FILE", "Write how often each class was answered for each class (.csv)"},
    {"--journal", "", "", "FILE",
     "Keep here what --resume goes on with (default: beside the file of --predictions or --confusion)"},
    {"--shard", "", "", "K/N",
     "Only part K of N, from 1 on, for `smlp merge`; auto: as the job scheduler's variables say"},
    {"--parts", "", "", "PART",
     "What `evaluate --shard K/N --json` printed, or the run folders of `infer --shard K/N`"},
    {"--log", "", "", "LEVEL", "How much to say: debug, info, warning, error or null (default: info)"},

    // The server.
    {"--address", "", "--host", "IP",
     "Address to listen on: 127.0.0.1 serves this machine alone, 0.0.0.0 all that reach it"},
    {"--http-port", "", "--port", "N", "Port for HTTP (default: 8000; 0: any that is free)"},
    {"--grpc-port", "", "", "N", "Port for gRPC (default: 8001; 0: any that is free)"},
    {"--api-key-file", "", "", "FILE", "Keys, one a line: requests must bring one, as Authorization: Bearer KEY"},
    {"--tls-cert", "", "", "FILE", "Certificate (PEM, with its chain) for TLS on both ports"},
    {"--tls-key", "", "", "FILE", "Its key (PEM)"},
    {"--trace-file", "", "", "FILE", "Write when each request was read, queued, computed and answered, for Perfetto"},
    {"--config", "", "", "FILE",
     "Options from a file, a line each: max-batch = 16. Those of the command line come first"},
    {"--no-grpc", "", "", "", "Serve HTTP alone"},
    {"--max-batch", "", "", "N", "Pictures that go through the network together at most (default: 8)"},
    {"--max-delay-us", "", "", "N",
     "How long the first picture of a batch waits for others, microseconds (default: 2000)"},
    {"--max-queue", "", "", "N", "Pictures that wait at most; more are refused with status 503 (default: 256)"},
    {"--timeout-ms", "", "", "N",
     "A request that waited longer is refused (default: 0, never); a request may ask for less"},
    {"--max-request-bytes", "", "", "N", "Largest body of a request, also once it is inflated (default: 67108864)"},
    {"--max-connections", "", "", "N", "Connections at a time; more are closed at once (default: 1024)"},
    {"--exit-timeout-secs", "", "", "N", "After SIGTERM, how long requests in flight may take (default: 30)"},

    // The guide's converters.
    {"--model-name", "--model_name", "", "NAME",
     "smlpnet_tiny, smlpnet_small or smlpnet_base, checked against the checkpoint (default: auto, whatever it holds)"},
    {"--opset", "--opset_version", "", "N",
     "ONNX opset, 11 to 23: int8 from 13 on, LayerNormalization from 17, Gelu from 20 (default: 11)"},
    {"--framework", "--framework", "", "N", "The guide's number of the input's kind; 5 is ONNX"},
    {"--input-format", "--input_format", "", "NCHW", "Layout of the input: NCHW"},
    {"--input-shape", "--input_shape", "", "SHAPE",
     "input:8,3,224,224; checked against the model, the batch (-1: any) becomes infer's default"},
    {"--op-precision-mode", "--op_precision_mode", "", "FILE",
     "ini file with lines such as Gelu=high_performance (or high_precision), and for int8 block.0.fuse=bf16"},
    {"--calibrate", "", "", "INPUT",
     "Pictures (or prepared files, folders, archives, @LIST) to measure int8's ranges of activations on; may be "
     "repeated"},
    {"--calibration-images", "", "", "N", "Calibrate on N of the pictures, evenly spread (default: 256)"},
    {"--max-drop", "", "", "POINTS",
     "Let int8 lose at most so many points of top-1 on --data (without it: answers that differ from fp32's, on the "
     "pictures "
     "of --calibrate); products return to bf16 in the order of their harm"},
    {"--calibration-range", "", "", "HOW",
     "mse: the least squared error; minmax: all that was seen; percentile: all but 0.001 % on either side (default: "
     "mse)"},
    {"--soc-version", "--soc_version", "", "NAME", "Accepted as in the guide; means nothing here"},
};

// `typed` with dashes for underscores.
inline std::string plain_spelling(std::string_view typed) {
  std::string name(typed);
  for (char& c : name) c = c == '_' ? '-' : c;
  return name;
}

// The row that has `typed` among its spellings, or null.
const OptionName* find_option_name(std::string_view typed);

// Calls visit(spelling) for the name and every other spelling.
template <class Visit>
void for_each_spelling(const OptionName& option, Visit visit) {
  visit(option.name);
  for (std::string_view list : {option.guide, option.aliases}) {
    while (!list.empty()) {
      const std::string_view word = list.substr(0, list.find(' '));
      if (word != option.name) visit(word);
      list.remove_prefix(word.size() < list.size() ? word.size() + 1 : list.size());
    }
  }
}

// A row of the table, by its name; a name that the table lacks does not compile.
struct KnownOption {
  consteval KnownOption(const char* name) : row(&find(name)) {}
  const OptionName* row;

 private:
  static consteval const OptionName& find(std::string_view name) {
    for (const OptionName& option : option_table) {
      if (option.name == name) return option;
    }
    throw "no such option in option_table";
  }
};

}  // namespace smlp::cli
