#pragma once

#include <torch/csrc/stable/tensor.h>

#include <string>
#include <vector>

#include "network/network.h"

namespace funcsim {

/// Checks that parameters compute what a network computes, on some of the inputs, in float64.
///
/// @param parameters in the order of the network's, any floating dtype
/// @param description the network as text, for a second one
/// @param inputs     that fit the network; the first 256 are run, or fewer where activations are large
/// @param tolerance  largest difference of an output, relative to the largest output
/// @throws Error that says how far outputs are apart, or that they aren't finite
void check_equal_functions(const Network& network, const std::string& description,
                           const std::vector<torch::stable::Tensor>& parameters, const torch::stable::Tensor& inputs,
                           double tolerance);

}  // namespace funcsim
