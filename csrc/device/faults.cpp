#include "device/faults.h"

#include <algorithm>
#include <utility>

#include "kernels/common/error.h"

namespace funcsim {

Faults::Faults(const DeviceKernels& kernels, const DeviceQueue& queue)
    : cells_(static_cast<volatile FaultCell*>(
          kernels.new_shared_memory(static_cast<std::int64_t>(most * sizeof(FaultCell)), queue))),
      messages_(most) {
  for (std::size_t cell = 0; cell < most; ++cell) {
    cells_[cell] = no_fault;
  }
}

FaultCell* Faults::expect(Message message, bool for_graph) {
  const std::scoped_lock lock(mutex_);
  check(!for_graph || recycled + for_graphs_ < most, "CUDA graphs of one process hold at most ", most - recycled,
        " calls of operators that look for bad values");
  const std::size_t cell = for_graph ? recycled + for_graphs_++ : calls_++ % recycled;
  messages_[cell] = std::move(message);
  return const_cast<FaultCell*>(cells_ + cell);  // NOLINT(cppcoreguidelines-pro-type-const-cast): volatile to the host
}

void Faults::raise(const std::string& before) {
  const std::scoped_lock lock(mutex_);
  std::string first;
  const auto look = [&](std::size_t cell) {
    const FaultCell index = cells_[cell];
    if (index != no_fault) {
      cells_[cell] = no_fault;
      first = first.empty() ? messages_[cell](index) : first;
    }
  };
  for (std::size_t age = std::min(calls_, recycled); age > 0; --age) {
    look((calls_ - age) % recycled);
  }
  for (std::size_t cell = recycled; cell < recycled + for_graphs_; ++cell) {
    look(cell);
  }
  if (!first.empty()) {
    throw Error(before + first);
  }
}

}  // namespace funcsim
