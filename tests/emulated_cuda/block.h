#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "emulated_cuda/vector_types.h"

namespace emulated_cuda {

/// A kernel to run. Its parameters are in `thread`, which is what every thread of every block does.
struct Launch {
  dim3 blocks;
  dim3 threads;
  std::size_t dynamic_shared_bytes = 0;
  const void* kernel = nullptr;
  std::function<void()> thread;
};

/// Runs a kernel to its end.
/// @return "" or what went wrong
std::string run_kernel(const Launch& launch);

}  // namespace emulated_cuda
