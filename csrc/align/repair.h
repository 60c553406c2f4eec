#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "device/execution.h"
#include "network/moments.h"
#include "network/record_signatures.h"

namespace funcsim {

/// An item by whose tensors repair corrects the statistics of units.
struct RepairStep {
  enum class Kind : std::uint8_t {
    affine,      ///< a hidden layer whose pre-activation is what the affine item gives: by its weight and bias
    norm,        ///< a LayerNorm or GroupNorm that gives the pre-activation: by its weight and bias
    batch_norm,  ///< by its running statistics
  };
  Kind kind;
  std::int64_t item;
  std::int64_t measured;                  ///< the item whose output is measured; -1: the inputs
  std::int64_t layer;                     ///< hidden layer whose pre-activation the item gives, or -1
  std::int64_t units;                     ///< channels of a BatchNorm
  std::int64_t units_axis;                ///< of what is measured; negative: from the end
  std::vector<std::int64_t> owners = {};  ///< of a norm: the unit of each number of its vectors
};

/// All of a network, in the order of its items.
///
/// @param input_dimensions of its inputs, batch included
/// @throws Error where it can't be told which numbers of a norm belong to which unit
std::vector<RepairStep> repair_steps(const Network& network, std::int64_t input_dimensions);

/// What every unit of a step is to have: mean and standard deviation of the pre-activation, or of what a BatchNorm
/// gives before its weight and bias.
struct RepairTarget {
  std::vector<double> means;
  std::vector<double> deviations;
};

/// The targets of all steps: weighted means over the parents.
///
/// @param parents    runs of all parents on the same inputs
/// @param moments    for each parent the moments of pre-activations of its hidden layers, or none: then they are taken
///                   here, as are those that pre-activations don't tell
/// @throws Error where a statistic is not finite: names the network and the item
std::vector<RepairTarget> repair_targets(const std::vector<RepairStep>& steps, const std::vector<NetworkRun>& parents,
                                         const std::vector<double>& weights,
                                         const std::vector<std::vector<Moments>>& moments, Execution& execution);

/// Changes the tensors of a network, item after item, so that units have their targets on the inputs.
///
/// @param network the network that `run` is of
/// @throws Error where a statistic is not finite: names the item
void repair_statistics(const std::vector<RepairStep>& steps, const std::vector<RepairTarget>& targets,
                       const NetworkRun& run, Network& network, Execution& execution);

}  // namespace funcsim
