#pragma once

namespace funcsim {

inline constexpr int warp_lanes = 32;
inline constexpr unsigned all_lanes = ~0U;  ///< of a warp, as a mask

}  // namespace funcsim
