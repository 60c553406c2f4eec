#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <functional>

#include "kernels/common/parallel.h"
#include "network/network.h"

namespace funcsim {

/// What decides the bits apart from network and inputs.
struct SignatureOptions {
  double margin = 0.0;           ///< in units of the canonical pre-activation; finite, at least 0
  std::int64_t positions = 16;   ///< all_positions, any_position, or points an input
  std::int64_t seed = 0;         ///< of the points
  std::int64_t first_input = 0;  ///< global index of inputs[0], at least 0
};

/// The packed signatures of one hidden layer for one batch of inputs.
struct SignatureBatch {
  std::int64_t layer;              ///< index into hidden_layers()
  std::int64_t first_input;        ///< counted from inputs[0]; a multiple of 8
  std::int64_t num_inputs;         ///< a multiple of 8 but in the last batch
  std::int64_t num_samples;        ///< num_inputs * samples an input
  const std::uint8_t* signatures;  ///< [units] rows row_bytes apart
  std::int64_t row_bytes;
};

/// Runs the network on `inputs` [N, ...] batch by batch and hands every hidden layer's packed signatures of
/// the batch to `sink`, layers in order within a batch, batches in order. Only one batch of activations and its
/// bits are alive at a time. Batches fill whole bytes, so that rows can be joined bytewise.
///
/// @throws Error for inputs that don't fit the network (shape, dtype, device, no inputs), bad options, and for a
///         NaN pre-activation: names the layer's index and item, the input (its global index) and the unit
void record_signatures(const Network& network, const torch::stable::Tensor& inputs, const SignatureOptions& options,
                       const ParallelFor& parallel_for, const std::function<void(const SignatureBatch&)>& sink);

}  // namespace funcsim
