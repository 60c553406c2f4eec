#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "device/execution.h"
#include "network/record_signatures.h"

namespace funcsim {

/// Of every unit.
struct Moments {
  std::vector<double> means;
  std::vector<double> variances;  ///< of the values there are: over their number, not over one less
};

/// Takes the mean and variance of every unit of one layer, batch by batch, in float64, on the device of the batches.
class MomentsAccumulator {
 public:
  MomentsAccumulator() = default;
  MomentsAccumulator(const MomentsAccumulator&) = delete;
  MomentsAccumulator& operator=(const MomentsAccumulator&) = delete;
  MomentsAccumulator(MomentsAccumulator&&) = delete;
  MomentsAccumulator& operator=(MomentsAccumulator&&) = delete;
  virtual ~MomentsAccumulator() = default;

  /// @param activations float32 or float64, with units along this axis
  virtual void add(const torch::stable::Tensor& activations, std::int64_t units_axis) = 0;

  /// Of all that was added, at least one value a unit. Waits for a device. Not finite where values aren't.
  virtual Moments moments() const = 0;

  /// Values of each unit that were added.
  virtual std::int64_t count() const = 0;
};

/// Refers to execution.
std::unique_ptr<MomentsAccumulator> make_moments_accumulator(std::int64_t units, const Execution& execution);

/// The moments of the pre-activations of all hidden layers, at every position of their grids.
class PreactivationMoments {
 public:
  /// Refers to run and execution.
  PreactivationMoments(const NetworkRun& run, const Execution& execution);

  /// What NetworkPass shows.
  NetworkPass::Observe observer();

  /// Of all inputs, in the units of canonical pre-activations (docs/mathematics.md): float64 [2, units] of every layer,
  /// means and then variances, on the network's device.
  ///
  /// @throws Error as canonical_scales, and where a mean or a variance is not finite: names the layer and the unit
  std::vector<torch::stable::Tensor> canonical() const;

 private:
  const NetworkRun& run_;
  std::vector<std::unique_ptr<MomentsAccumulator>> layers_;
};

/// The axis of a hidden layer's pre-activations along which its units lie.
///
/// @param dimensions of the pre-activations, with the batch
std::int64_t units_axis(const Item& affine, std::int64_t dimensions);

}  // namespace funcsim
