// Pillow's resize(size, resample), bit for bit, of the part of the result that is wanted.
#pragma once

#include "base/result.h"
#include "image/picture.h"
#include "smlp/preprocess.h"

namespace smlp {

// A rectangle of the resized picture.
struct Window {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// `picture` resized to width x height, cut to `window`, which lies inside it. Only what the window needs is computed,
// so memory is bounded by the picture and the window, not by the size of the whole result.
Result<Picture> resize(const Picture& picture, int width, int height, const Window& window,
                       Interpolation interpolation = Interpolation::bicubic);

// The whole result.
Result<Picture> resize(const Picture& picture, int width, int height);

}  // namespace smlp
