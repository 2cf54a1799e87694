#include "library.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

namespace smlp::loadgen {
namespace {

std::size_t input_size(const Model& model) {
  const auto side = static_cast<std::size_t>(model.image_size());
  return static_cast<std::size_t>(model.in_channels()) * side * side;
}

std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<std::byte> bytes(file ? static_cast<std::size_t>(file.tellg()) : 0);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

}  // namespace

Library::Library(Model model, std::vector<std::string> files, bool encoded)
    : name_(encoded ? "encoded pictures" : "prepared pictures"),
      model_(std::move(model)),
      files_(std::move(files)),
      encoded_(encoded),
      tensors_(files_.size()),
      bytes_(files_.size()) {}

void Library::load(mlperf::QuerySampleIndex index) {
  if (encoded_) {
    bytes_[index] = read_file(files_[index]);
    return;
  }
  std::vector<float> tensor(input_size(model_));
  if (const auto done = model_.preprocess(std::filesystem::path(files_[index]), tensor); !done) {
    const std::lock_guard lock(mutex_);
    if (error_.empty()) error_ = done.error().message();
  }
  tensors_[index] = std::move(tensor);
}

void Library::LoadSamplesToRam(const std::vector<mlperf::QuerySampleIndex>& samples) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < samples.size(); at = next++) load(samples[at]);
    });
  }
}

void Library::UnloadSamplesFromRam(const std::vector<mlperf::QuerySampleIndex>& samples) {
  for (const auto index : samples) {
    tensors_[index] = {};
    bytes_[index] = {};
  }
}

BatcherInput Library::sample(mlperf::QuerySampleIndex index) const {
  if (encoded_) return std::span<const std::byte>(bytes_[index]);
  return std::span<const float>(tensors_[index]);
}

std::string Library::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace smlp::loadgen
