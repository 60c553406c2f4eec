#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <vector>

#include "device/execution.h"
#include "network/network.h"
#include "network/signature_recorder.h"

namespace funcsim {

/// What is known of a hidden layer's activations, of every unit.
struct ActivationSpread {
  std::int64_t count = 0;  ///< samples
  std::vector<double> means;
  std::vector<double> deviations;  ///< standard deviations of the values there are: over their number
};

/// Pearson correlations of the activations of two hidden layers' units, on the samples so far.
struct LayerCorrelations {
  /// float64 [units of a, units of b] on the networks' device, from -1 to 1. A unit that doesn't vary has 1 with one
  /// that doesn't vary either and has the same value, and 0 with all others.
  torch::stable::Tensor correlations;
  ActivationSpread a;
  ActivationSpread b;
};

/// Correlates what the activation functions of two networks give (see activation_samples), in memory that does not grow
/// with the inputs.
///
/// Inputs are run in blocks. In each, activations are standardised in float64, rounded to what the networks compute in,
/// and multiplied; the products of blocks are merged in float64 (Chan, Golub, LeVeque 1983, of correlations instead of
/// sums). So nothing is squared that could leave the range of numbers, and inputs of any scale give the same.
///
/// @param inputs  that fit both networks
/// @param options not any_position
/// @param before  of inputs before these, which are taken in: of every hidden layer, or none
/// @throws Error as activation_samples; for hidden layers with different numbers of samples; and where activations are
///         not finite: names the layer and the unit
std::vector<LayerCorrelations> activation_correlations(const Network& a, const Network& b,
                                                       const torch::stable::Tensor& inputs,
                                                       const SignatureOptions& options,
                                                       std::vector<LayerCorrelations> before, Execution& execution);

}  // namespace funcsim
