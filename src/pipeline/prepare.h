// From what a source hands over to the network's input.
#pragma once

#include <span>

#include "image/picture.h"
#include "pipeline/source.h"
#include "smlp/preprocess.h"

namespace smlp {

// Pixels of the caller's, checked and copied. Errors: no pixels, a stride shorter than a row, a side beyond 65500.
Result<Picture> copy_pixels(const RgbView& view);

// The crop that the network sees, in 8 bits, of encoded bytes or pixels.
Result<Picture> crop_of(const Material& material, const Preprocess& how);

// All of it, into 3 x crop x crop floats (`channels` planes for a prepared picture, which is copied).
Result<void> prepare(const Material& material, const Preprocess& how, int channels, std::span<float> chw);

// The error of a picture where the model takes other than 3 planes.
Result<void> check_planes(int channels);

}  // namespace smlp
