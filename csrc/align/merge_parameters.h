#pragma once

#include <torch/csrc/stable/tensor.h>

#include <string>
#include <vector>

#include "device/execution.h"
#include "network/moments.h"
#include "network/network.h"

namespace funcsim {

/// The parameters of a network between others: every tensor is the weighted mean of theirs. Repair then sets the
/// statistics that a mean of weights doesn't keep (see repair.h and docs/mathematics.md).
///
/// @param description the networks' common architecture as text
/// @param networks    at least 2, of one architecture, dtype and device, their units in one order
/// @param weights     one for each network, at least 0, of sum 1
/// @param moments     for each network those of the canonical pre-activations of its hidden layers; empty: taken here
/// @param inputs      that fit the networks
/// @return new tensors of the dtype that the networks were given in
/// @throws Error where activations, or parameters in that dtype, are not finite: names the item
std::vector<torch::stable::Tensor> merge_parameters(const std::string& description,
                                                    const std::vector<Network>& networks,
                                                    const std::vector<double>& weights,
                                                    const std::vector<std::vector<Moments>>& moments,
                                                    const torch::stable::Tensor& inputs, bool repair,
                                                    Execution& execution);

}  // namespace funcsim
