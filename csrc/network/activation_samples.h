#pragma once

#include <torch/csrc/stable/tensor.h>

#include <vector>

#include "device/execution.h"
#include "network/record_signatures.h"

namespace funcsim {

/// What a batch's signatures hold the bits of, [samples, units], read off something that has a place for every unit and
/// position of the layer's grid. Of any_position it is the largest of all places.
///
/// @param values [inputs, units, grid...], or of a Linear [inputs, grid..., units]
torch::stable::Tensor sampled(const NetworkRun& run, const SignatureBatch& batch, const torch::stable::Tensor& values);

/// What the activation function behind each hidden layer gives at the samples whose bits signatures hold: the first
/// elementwise item directly behind the pre-activation, identities left out; where there is none, the pre-activation
/// itself.
///
/// @param run its positions are not any_position: a maximum over positions is no activation
/// @return for each hidden layer [samples, units] of the network's dtype, on its device
/// @throws Error as NetworkPass. A device's come from here too: it is waited for
std::vector<torch::stable::Tensor> activation_samples(const NetworkRun& run, Execution& execution);

}  // namespace funcsim
