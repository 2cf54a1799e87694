// A small made-up network, written as a user's safetensors checkpoint.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "model/config.h"

namespace smlp::test {

// 32 x 32 pictures, 10 classes, two stages' worth of everything: runs in a millisecond.
Config small_config(int classes = 10);

// The state dict with weights that look trained, drawn from `seed`; `metadata` as smlp.classes, smlp.preprocess.
void write_model(const std::filesystem::path& path, const Config& config, unsigned seed = 1,
                 const std::map<std::string, std::string>& metadata = {});

}  // namespace smlp::test
