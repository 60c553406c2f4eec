#pragma once

#include <torch/csrc/stable/tensor.h>

#include <string>
#include <vector>

#include "network/network.h"

namespace funcsim {

/// Checks that parameters compute what a network computes, on some of the inputs, in float64.
///
/// Outputs that are small differences of large numbers change much when these are rounded. So the bound comes from how
/// much outputs change when every parameter of the network is changed by 2^-26 of itself, up or down by a hash. With S
/// the largest output plus 2^26 times the largest change, outputs may differ by (2^-52 (n + 8) + 8 rounding) S, where n
/// is the largest number of inputs of a unit: sums come in another order, and parameters have been rounded.
///
/// @param parameters in the order of the network's, any floating dtype
/// @param description the network as text, for a second one
/// @param inputs     that fit the network; the first 256 are run, or fewer where activations are large
/// @param rounding   by how much of itself each parameter may have been rounded; 0 where they are the same numbers
/// @throws Error that says how far outputs are apart, or that they aren't finite
void check_equal_functions(const Network& network, const std::string& description,
                           const std::vector<torch::stable::Tensor>& parameters, const torch::stable::Tensor& inputs,
                           double rounding);

}  // namespace funcsim
