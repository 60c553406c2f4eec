#pragma once

#include <torch/csrc/stable/tensor.h>

#include <string>
#include <vector>

#include "align/unit_orders.h"
#include "network/network.h"

namespace funcsim {

/// A network whose units have moved to where another's are.
struct AlignedParameters {
  std::vector<torch::stable::Tensor> parameters;  ///< new tensors, of the dtype and in the order they were given
  std::vector<UnitOrder> orders;                  ///< of every hidden layer: new unit j is old unit order[j]
};

/// The parameters of b with the units of every hidden layer in the order of their counterparts in a (see unit_orders),
/// and, if that is asked for, with the norms of their counterparts (see rescale_units). Before it returns, the function
/// is checked: both versions of b are run in float64 on some of the inputs.
///
/// @param description_b b as text
/// @param parameters_b what network b was made of, in the dtype they were given
/// @param matches      checked to be of the networks' units
/// @param inputs       that fit both networks; the first 256 are run, or fewer where activations are large
/// @throws Error for networks or matches that can't be aligned (names the layer and why), and if the function changed
AlignedParameters align_parameters(const Network& a, const Network& b, const std::string& description_b,
                                   const std::vector<torch::stable::Tensor>& parameters_b,
                                   const std::vector<UnitMatch>& matches, const torch::stable::Tensor& inputs,
                                   bool rescale);

}  // namespace funcsim
