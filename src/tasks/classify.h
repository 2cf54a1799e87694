// What photographs show: the answers of many files, as they come.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "smlp/session.h"

namespace smlp {

// Hears the answer of each picture, in order, from one thread at a time. An error ends the run.
using HearAnswer = std::function<Result<void>(std::size_t index, const Result<std::vector<Prediction>>& answer)>;

// The `top` best classes of each file.
Result<void> classify_files(Session& session, std::span<const std::filesystem::path> files, int top,
                            const HearAnswer& hear);

}  // namespace smlp
