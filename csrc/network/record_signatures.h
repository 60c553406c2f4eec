#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

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

/// Shape of one hidden layer's signatures for given inputs.
struct LayerExtent {
  std::int64_t units;
  std::int64_t samples_per_input;
  std::int64_t num_samples;
};

/// Inputs that the fronts stream at a time. A sum may be rounded in another way in a batch of another size, so a call
/// with all inputs and calls with blocks of them must run the same batches: batches are the same power of two of
/// inputs, at most this many.
inline constexpr std::int64_t block_inputs = 4096;

/// A batch of inputs of one hidden layer.
struct SignatureBatch {
  std::int64_t layer;        ///< index into hidden_layers()
  std::int64_t first_input;  ///< counted from inputs[0]; a multiple of 8
  std::int64_t num_inputs;   ///< a multiple of 8 but in the last batch
  std::int64_t num_samples;  ///< num_inputs * samples an input
};

/// Where the packed signatures of a batch go: [units] rows row_bytes apart.
struct PackedRows {
  std::uint8_t* data;
  std::int64_t row_bytes;  ///< at least signature_bytes(num_samples), which is what is written of each row
};

/// A network and the inputs it is to run on, checked against each other.
class NetworkRun {
 public:
  /// Keeps a reference to the network.
  ///
  /// @throws Error for inputs that don't fit the network (shape, dtype, device, no inputs) and bad options
  NetworkRun(const Network& network, torch::stable::Tensor inputs, const SignatureOptions& options);

  std::int64_t num_inputs() const { return inputs_.size(0); }
  const SignatureOptions& options() const { return options_; }
  /// Of all hidden layers.
  const std::vector<LayerExtent>& extents() const { return extents_; }

  /// Runs the network on the inputs batch by batch and packs the signatures of every hidden layer while its
  /// activations are in the cache: asks `rows` where to, and calls `packed` when they are there. Layers come in order
  /// within a batch, batches in order. Only one batch of activations is alive at a time. No batch has inputs of two
  /// blocks of block_inputs, and batches fill whole bytes, so that rows can be joined bytewise.
  ///
  /// @throws Error for a NaN pre-activation: names the layer's index and item, the input (its global index), the unit
  void record(const std::function<PackedRows(const SignatureBatch&)>& rows,
              const std::function<void(const SignatureBatch&)>& packed, const ParallelFor& parallel_for) const;

 private:
  const Network& network_;
  torch::stable::Tensor inputs_;
  SignatureOptions options_;
  Plan plan_;
  std::vector<LayerExtent> extents_;
};

}  // namespace funcsim
