#pragma once

#include <cstddef>

namespace emulated_cuda {

/// Where memory is that the runtime has given out.
enum class Place { pageable, pinned, device };

/// Memory filled with garbage, so that what was never written shows; null if there is none. From any thread, as all
/// of this.
void* new_memory(std::size_t bytes, Place place);

/// Ends the process with a message if something was written after the end of device memory.
/// @return whether there was such memory
bool delete_memory(void* memory, Place place);

/// Where an address is. `bytes` from it on that aren't all in one piece of given memory are pageable.
Place place_of(const void* address, std::size_t bytes);

/// While none of these exists, an access to device memory ends the process with a message: the host has no business
/// there.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace emulated_cuda
