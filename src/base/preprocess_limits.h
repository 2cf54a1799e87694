// What preprocessing can be asked for, shared by those who read its settings and by the one who carries them out.
#pragma once

namespace smlp {

inline constexpr int kMaxPreprocessSize = 8192;  // pixels of the resized short side and of the crop

}  // namespace smlp
