#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compare/similarities.h"
#include "device/execution.h"

namespace funcsim {

/// Layers given as tensors: packed signatures or sketches, all of one kind.
struct EvidenceList {
  std::vector<torch::stable::Tensor> memory;  ///< keeps what `layers` points to
  std::vector<LayerEvidence> layers;
};

/// The measure that `similarity` ("jaccard" or "phi") means for these layers: sketches carry the Jaccard index only.
Measure checked_measure(const char* op, const std::string& similarity,
                        const std::vector<torch::stable::Tensor>& layers);

/// Checks each tensor (dtype of the measure, dimensions, units, width against num_samples, padding) and the lists'
/// lengths.
/// @param name   of the argument, e.g. "layers_a"
/// @param counts name of the argument that num_samples is, e.g. "num_samples_a"
EvidenceList checked_layers(const char* op, const std::string& name, const char* counts, Measure measure,
                            const std::vector<torch::stable::Tensor>& layers,
                            const std::vector<std::int64_t>& num_samples);

/// checked_layers of the layers' copies on the host, all of one device.
EvidenceList checked_host_layers(const char* op, const std::string& name, const char* counts, Measure measure,
                                 const std::vector<torch::stable::Tensor>& layers,
                                 const std::vector<std::int64_t>& num_samples);

/// Where layers are compared: on the host or on the device of the execution.
///
/// @param partners who trades places with each input for tasks that are shuffled, int64 [inputs], each an index of
///                 inputs, of which every layer of b has whole samples: that is checked
/// @param execution referred to
std::unique_ptr<Similarities> make_similarities(const char* op, Measure measure, const EvidenceList& b,
                                                const std::optional<torch::stable::Tensor>& partners,
                                                Execution& execution);

/// @throws Error naming both devices unless all layers are on one
void check_one_device(const char* op, const std::string& name_a, const EvidenceList& a, const std::string& name_b,
                      const EvidenceList& b);

/// @throws Error unless all sketches of both lists have equally many slots
void check_equal_hashes(const char* op, Measure measure, const EvidenceList& a, const EvidenceList& b);

}  // namespace funcsim
