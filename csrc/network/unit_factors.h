#pragma once

#include <torch/csrc/stable/tensor.h>

#include "network/architecture.h"

// Factors of units, shaped to multiply the weights that come into units or go out of them.

namespace funcsim {

/// A number for each row of a weight, [rows, 1...].
torch::stable::Tensor row_factors(const torch::stable::Tensor& vector, const torch::stable::Tensor& weight);

/// A number for each column of a Linear or input channel of a convolution. Filter o of group g reads the channels of
/// its group: [out, in / groups, 1...] for a grouped convolution.
torch::stable::Tensor column_factors(const Item& affine, const torch::stable::Tensor& vector,
                                     const torch::stable::Tensor& weight);

}  // namespace funcsim
