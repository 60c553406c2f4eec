#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "compare/similarities.h"
#include "device/execution.h"
#include "network/network.h"
#include "network/record_signatures.h"

namespace funcsim {

/// Sketches stop paying when a unit's signature is no longer than its sketch, whose slots are 32 bits wide: the
/// documented rule of method "auto".
constexpr bool exact_is_cheaper(std::int64_t num_samples, std::int64_t num_hashes) {
  return num_samples <= 32 * num_hashes;
}

/// What a network's hidden layers are compared by, on the device of its inputs, while it is collected.
class EvidenceCollector {
 public:
  EvidenceCollector() = default;
  EvidenceCollector(const EvidenceCollector&) = delete;
  EvidenceCollector& operator=(const EvidenceCollector&) = delete;
  EvidenceCollector(EvidenceCollector&&) = delete;
  EvidenceCollector& operator=(EvidenceCollector&&) = delete;
  virtual ~EvidenceCollector() = default;

  /// Goes on until a layer is complete, or all are. Layers before it are complete as well.
  virtual void finish_layer(std::int64_t layer) = 0;
  void finish() { finish_layer(static_cast<std::int64_t>(layers().size()) - 1); }

  /// Of every hidden layer: packed signatures, uint8 [units, signature_bytes(samples)], or sketches, int32 [units,
  /// num_hashes].
  virtual const std::vector<torch::stable::Tensor>& layers() const = 0;
  /// The sketches with the inputs shuffled (see shuffle_partners), if they are wanted.
  virtual const std::vector<torch::stable::Tensor>& shuffled() const = 0;
};

/// Packs signatures. Refers to run and execution.
///
/// @param observe is shown every batch of pre-activations on the way
std::unique_ptr<EvidenceCollector> signature_collector(const NetworkRun& run, Execution& execution,
                                                       NetworkPass::Observe observe = nullptr);

/// Makes sketches. Holds the bits of one block of inputs, however many inputs there are. Refers to run and execution.
///
/// @param with_shuffled whether sketches of shuffled inputs are wanted as well
std::unique_ptr<EvidenceCollector> sketch_collector(const NetworkRun& run, std::int64_t num_hashes, bool with_shuffled,
                                                    Execution& execution);

/// All layers, for operators that give nothing else: waits for a device, for what is wrong there.
std::vector<torch::stable::Tensor> collected(EvidenceCollector& collector, Execution& execution);

/// Tensors as layers to compare, which refer to their memory.
std::vector<LayerEvidence> evidence_of(const NetworkRun& run, const std::vector<torch::stable::Tensor>& layers);

}  // namespace funcsim
