#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "device/execution.h"
#include "network/moments.h"
#include "network/network.h"
#include "network/record_signatures.h"

namespace funcsim {

/// What is done to every unit's activations: gain * (z - mean) + shift.
struct Correction {
  std::vector<double> means;
  std::vector<double> gains;
  std::vector<double> shifts;
};

/// The activations of all inputs on their way through a network whose tensors may change behind them. Those of the last
/// place that was looked at are kept as long as they fit a budget; otherwise the network runs again from the last place
/// that did, which may be the inputs.
class ActivationStream {
 public:
  /// Refers to run, its network and execution.
  ActivationStream(const NetworkRun& run, Execution& execution);

  /// The moments of what an item gives for all inputs.
  ///
  /// @param item       not before those of earlier calls; -1: the inputs themselves
  /// @param units_axis axis of the units, batch included; negative: from the end
  Moments measure(std::int64_t item, std::int64_t units, std::int64_t units_axis);

  /// Does to the activations that measure() has just seen what a change of the item's tensors does to them, so that the
  /// item need not run again.
  void correct(std::int64_t item, std::int64_t units_axis, const Correction& correction);

  /// Values of each unit that measure() has just seen.
  std::int64_t count() const { return count_; }

 private:
  bool fits(std::int64_t item) const;
  torch::stable::Tensor corrected(const torch::stable::Tensor& activations) const;

  struct Pending {
    std::int64_t units_axis;
    torch::stable::Tensor means;
    torch::stable::Tensor gains;
    torch::stable::Tensor shifts;
    torch::stable::Tensor ones;
  };

  const NetworkRun& run_;
  Execution& execution_;
  std::vector<std::int64_t> elements_;       ///< of one input, behind every item
  std::vector<torch::stable::Tensor> held_;  ///< batches in front of item next_
  std::int64_t next_ = 0;
  std::optional<Pending> pending_;  ///< what is still to be done to them
  std::int64_t count_ = 0;
};

}  // namespace funcsim
