#pragma once

#include <torch/csrc/stable/tensor.h>

#include <string>

#include "kernels/common/error.h"

namespace funcsim {

/// Why the last call of PyTorch failed, after ": ", as PyTorch 2.13 and later tell; empty in earlier ones.
std::string torch_failure_reason();

/// @param what was called, in parts
/// @throws Error naming it, unless the call succeeded
template <typename... Parts>
void check_torch(AOTITorchError status, const Parts&... what) {
  if (status != AOTI_TORCH_SUCCESS) {
    fail(what..., " failed", torch_failure_reason());
  }
}

}  // namespace funcsim
