#pragma once

#include <cstdint>

#include "kernels/common/device_kernels.h"

namespace funcsim {

/// Every value, in device memory, becomes the sum of those up to it.
void inclusive_scan(std::uint64_t* values, std::int64_t count, const DeviceQueue& queue);

}  // namespace funcsim
