#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/common/device_kernels.h"

namespace funcsim {

/// What kernels of one device find wrong when the operators that started them have returned, since these don't wait:
/// it is raised by the next operator that looks.
class Faults {
 public:
  /// What is wrong, given what the kernel left in its cell.
  using Message = std::function<std::string(FaultCell index)>;

  Faults(const DeviceKernels& kernels, const DeviceQueue& queue);

  /// A cell for one kernel. One that is recorded into a CUDA graph keeps it for good, another one gives it back after
  /// many further calls.
  FaultCell* expect(Message message, bool for_graph);

  /// A cell that its owner alone looks at, with raise_owned(), and gives back when the kernel is done with it.
  FaultCell* own(Message message);
  void give_back(const FaultCell* cell);
  /// @throws Error with the first message of these cells whose kernels have found something
  void raise_owned(const std::vector<FaultCell*>& cells);

  /// @param before the message
  /// @throws Error with the first message of those whose kernels have found something so far; it is told once
  void raise(const std::string& before = "");

 private:
  /// More than kernels fit a stream's queue (1024), so that one that wants its cell again is long done.
  static constexpr std::size_t recycled = 2048;
  static constexpr std::size_t owned = 1024;
  static constexpr std::size_t first_of_graphs = recycled + owned;
  static constexpr std::size_t most = 16384;

  /// With its message.
  FaultCell* cell_at(std::size_t place, Message message);

  std::mutex mutex_;
  volatile FaultCell* cells_;  ///< [most], which the device writes too: first those that are recycled, then those with
                               ///< owners, then those of graphs
  std::vector<Message> messages_;
  std::size_t calls_ = 0;          ///< that took one of the first `recycled` cells
  std::vector<std::size_t> free_;  ///< of those with owners
  std::size_t for_graphs_ = 0;
};

}  // namespace funcsim
