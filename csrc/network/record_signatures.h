#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "device/execution.h"
#include "network/network.h"
#include "network/signature_recorder.h"

namespace funcsim {

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

/// A network and the inputs it is to run on, checked against each other.
class NetworkRun {
 public:
  /// Keeps a reference to the network.
  ///
  /// @throws Error for inputs that don't fit the network (shape, dtype, device, no inputs) and bad options
  NetworkRun(const Network& network, torch::stable::Tensor inputs, const SignatureOptions& options);

  const Network& network() const { return network_; }
  const torch::stable::Tensor& inputs() const { return inputs_; }
  std::int64_t num_inputs() const { return inputs_.size(0); }
  const SignatureOptions& options() const { return options_; }
  const Plan& plan() const { return plan_; }
  /// Of all hidden layers.
  const std::vector<LayerExtent>& extents() const { return extents_; }

 private:
  const Network& network_;
  torch::stable::Tensor inputs_;
  SignatureOptions options_;
  Plan plan_;
  std::vector<LayerExtent> extents_;
};

/// Inputs that go through the network together: a power of two, at most block_inputs, that depends on the widest
/// activation.
std::int64_t batch_inputs(const NetworkRun& run, const Execution& execution);

/// A network on its way through a run's inputs, batch by batch. Asks `rows` where the packed signatures of a batch of a
/// hidden layer go, and calls `packed` when they are there, or on a device, when that is on its stream. Before that it
/// shows the pre-activations to `observe`, if that is given; NaN is found first. Batches of a
/// layer come in order; no batch has inputs of two blocks of block_inputs, and batches fill whole bytes, so that rows
/// can be joined bytewise.
///
/// On the CPU one batch goes through the network after the other: its bits are packed while its activations are in the
/// cache. A device takes as many batches through a layer as its memory holds well, so that a layer may be complete long
/// before the network is.
class NetworkPass {
 public:
  using PlaceRows = std::function<PackedRows(const SignatureBatch&)>;
  using Packed = std::function<void(const SignatureBatch&)>;
  using Observe = std::function<void(const SignatureBatch&, const torch::stable::Tensor& preactivations)>;

  /// Refers to run and execution.
  NetworkPass(const NetworkRun& run, Execution& execution, PlaceRows rows, Packed packed, Observe observe = nullptr);

  /// Goes on until the signatures of this layer are there for all inputs.
  ///
  /// @throws Error for a NaN pre-activation: names the layer's index and item, the input (its global index), the unit;
  ///         on a device that comes with DeviceCall::finish()
  void finish_layer(std::int64_t layer);

  /// Goes on to the last layer.
  void finish() { finish_layer(num_layers_ - 1); }

 private:
  struct Batch {
    std::int64_t first_input;
    std::int64_t num_inputs;
    torch::stable::Tensor activations;
  };

  /// Takes the next batches.
  void start_wave();
  /// Takes all batches of the wave through the next item.
  void run_item();

  const NetworkRun& run_;
  PlaceRows rows_;
  Packed packed_;
  Observe observe_;
  std::unique_ptr<SignatureRecorder> recorder_;
  std::int64_t num_layers_;
  std::int64_t batch_inputs_;
  std::int64_t wave_batches_;  ///< batches that go through a layer together
  std::int64_t started_ = 0;   ///< inputs of this wave and those before
  std::vector<Batch> wave_;
  std::int64_t next_item_ = 0;   ///< of the wave,
  std::int64_t next_layer_ = 0;  ///< and the next hidden layer
};

}  // namespace funcsim
