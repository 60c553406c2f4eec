#pragma once

#include <torch/csrc/stable/tensor.h>

#include <vector>

#include "device/execution.h"
#include "network/record_signatures.h"

namespace funcsim {

/// How many samples lie near the boundary of each hidden unit: those whose canonical pre-activation, which a unit-norm
/// row makes a distance, is within d of the margin. Bits there flip with the slightest change of weights.
///
/// As bits are z > margin * s_i, these are |z - margin * s_i| <= d * s_i: nothing is divided.
///
/// @param distances for each hidden layer, finite, at least 0
/// @return for each hidden layer int64 [units, distances], on the network's device
/// @throws Error as NetworkPass and canonical_scales. A device's come from here too: it is waited for
std::vector<torch::stable::Tensor> boundary_counts(const NetworkRun& run,
                                                   const std::vector<std::vector<double>>& distances,
                                                   Execution& execution);

}  // namespace funcsim
