#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "device/execution.h"
#include "network/network.h"

namespace funcsim {

/// What decides the bits apart from network and inputs.
struct SignatureOptions {
  double margin = 0.0;           ///< in units of the canonical pre-activation; finite, at least 0
  std::int64_t positions = 16;   ///< all_positions, any_position, or points an input
  std::int64_t seed = 0;         ///< of the points
  std::int64_t first_input = 0;  ///< global index of inputs[0], at least 0
};

/// A batch of inputs of one hidden layer.
struct SignatureBatch {
  std::int64_t layer;        ///< index into hidden_layers()
  std::int64_t first_input;  ///< counted from inputs[0]; a multiple of 8
  std::int64_t num_inputs;   ///< a multiple of 8 but in the last batch
  std::int64_t num_samples;  ///< num_inputs * samples an input
};

/// Where the packed signatures of a batch go: [units] rows row_bytes apart, in memory of the network's device.
struct PackedRows {
  std::uint8_t* data;
  std::int64_t row_bytes;  ///< at least signature_bytes(num_samples), which is what is written of each row
};

/// Packs the bits of hidden layers of one network.
class SignatureRecorder {
 public:
  SignatureRecorder() = default;
  SignatureRecorder(const SignatureRecorder&) = delete;
  SignatureRecorder& operator=(const SignatureRecorder&) = delete;
  SignatureRecorder(SignatureRecorder&&) = delete;
  SignatureRecorder& operator=(SignatureRecorder&&) = delete;
  virtual ~SignatureRecorder() = default;

  /// @throws Error for a NaN; on a device what is found later is raised by DeviceCall::finish()
  virtual void record(const SignatureBatch& batch, const torch::stable::Tensor& preactivations,
                      const PackedRows& rows) = 0;
};

/// The recorder for the device of the network, whose arguments it refers to.
///
/// @param inputs the whole run's
std::unique_ptr<SignatureRecorder> make_recorder(const Network& network, const Plan& plan,
                                                 const torch::stable::Tensor& inputs, const SignatureOptions& options,
                                                 Execution& execution);

}  // namespace funcsim
