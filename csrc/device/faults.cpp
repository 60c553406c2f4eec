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
  for (std::size_t cell = recycled; cell < first_of_graphs; ++cell) {
    free_.push_back(cell);
  }
}

FaultCell* Faults::expect(Message message, bool for_graph) {
  const std::scoped_lock lock(mutex_);
  check(!for_graph || first_of_graphs + for_graphs_ < most, "CUDA graphs of one process hold at most ",
        most - first_of_graphs, " calls of operators that look for bad values");
  return cell_at(for_graph ? first_of_graphs + for_graphs_++ : calls_++ % recycled, std::move(message));
}

FaultCell* Faults::own(Message message) {
  const std::scoped_lock lock(mutex_);
  check(!free_.empty(), "calls on one device at the same time look at no more than ", owned, " layers");
  const std::size_t cell = free_.back();
  free_.pop_back();
  return cell_at(cell, std::move(message));
}

void Faults::give_back(const FaultCell* cell) {
  const std::scoped_lock lock(mutex_);
  const auto place = static_cast<std::size_t>(cell - cells_);
  cells_[place] = no_fault;
  free_.push_back(place);
}

void Faults::raise_owned(const std::vector<FaultCell*>& cells) {
  const std::scoped_lock lock(mutex_);
  for (const volatile FaultCell* cell : cells) {
    const FaultCell index = *cell;
    if (index != no_fault) {
      throw Error(messages_[static_cast<std::size_t>(cell - cells_)](index));
    }
  }
}

FaultCell* Faults::cell_at(std::size_t place, Message message) {
  messages_[place] = std::move(message);
  return const_cast<FaultCell*>(cells_ + place);  // NOLINT(cppcoreguidelines-pro-type-const-cast): volatile to the host
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
  for (std::size_t cell = first_of_graphs; cell < first_of_graphs + for_graphs_; ++cell) {
    look(cell);
  }
  if (!first.empty()) {
    throw Error(before + first);
  }
}

}  // namespace funcsim
