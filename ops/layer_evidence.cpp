#include "layer_evidence.h"

#include <torch/csrc/stable/ops.h>

#include "checks.h"
#include "compare/device_similarities.h"

namespace funcsim {

Measure checked_measure(const char* op, const std::string& similarity, const std::vector<Tensor>& layers) {
  check(similarity == "jaccard" || similarity == "phi", op, ": similarity must be \"jaccard\" or \"phi\", got \"",
        similarity, "\"");
  check(!layers.empty(), op, ": layers_a must hold at least one layer, got none");
  const bool sketches = dtype_of(layers.front()) == Dtype::Int;
  check(!(sketches && similarity == "phi"), op,
        ": similarity \"phi\" needs exact signatures (uint8), got sketches (int32), which estimate the Jaccard index "
        "only");
  if (sketches) {
    return Measure::minhash;
  }
  return similarity == "phi" ? Measure::phi : Measure::jaccard;
}

EvidenceList checked_layers(const char* op, const std::string& name, const char* counts, Measure measure,
                            const std::vector<Tensor>& layers, const std::vector<std::int64_t>& num_samples) {
  check(!layers.empty(), op, ": ", name, " must hold at least one layer, got none");
  check(layers.size() == num_samples.size(), op, ": ", name, " holds ", layers.size(), " layers, but ", counts,
        " has a number for ", num_samples.size());
  EvidenceList evidence;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const std::string place = name + "[" + std::to_string(l) + "]";
    check(num_samples[l] >= 1, op, ": ", place, " must have at least one sample, got ", num_samples[l]);
    Tensor rows = measure == Measure::minhash ? checked_matrix(layers[l], op, place, Dtype::Int, "[units, num_hashes]")
                                              : checked_signatures(layers[l], op, place, num_samples[l]);
    check(rows.size(0) >= 1 && rows.size(1) >= 1, op, ": ", place, " must have at least one unit and one column, got ",
          describe_tensor(rows));
    check(measure == Measure::minhash || rows.size(1) < (std::int64_t{1} << 28), op, ": ", place,
          " must have fewer than 2^31 samples, 2^28 bytes a unit, got ", describe_tensor(rows));
    evidence.layers.push_back({rows.const_data_ptr(), rows.size(0), rows.size(1), num_samples[l]});
    evidence.memory.push_back(std::move(rows));
  }
  return evidence;
}

EvidenceList checked_host_layers(const char* op, const std::string& name, const char* counts, Measure measure,
                                 const std::vector<Tensor>& layers, const std::vector<std::int64_t>& num_samples) {
  std::vector<Tensor> copies;
  copies.reserve(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const std::string place = name + "[" + std::to_string(l) + "]";
    check_same_device(op, name + "[0]", layers.front(), place, layers[l]);
    copies.push_back(host_copy(layers[l], op, place));
  }
  return checked_layers(op, name, counts, measure, copies, num_samples);
}

namespace {

std::string partner_message(const char* op, std::int64_t num_inputs, const std::string& got, std::int64_t place) {
  return std::string(op) + ": partners must be indices of the " + std::to_string(num_inputs) + " inputs, got " + got +
         " at " + std::to_string(place);
}

/// Checks who trades places: int64 [inputs], each an index of inputs, of which every layer of b has whole samples.
Tensor checked_partners(const char* op, Measure measure, const EvidenceList& b, const Tensor& partners) {
  check(measure != Measure::minhash, op, ": partners are for signatures; of sketches give those of shuffled inputs");
  check(partners.dim() == 1 && dtype_of(partners) == Dtype::Long && partners.size(0) >= 1, op,
        ": partners must be int64 [inputs] with at least one input, got ", describe_tensor(partners));
  check_device(partners, op, "partners");
  check_same_device(op, "layers_b", b.memory.front(), "partners", partners);
  for (std::size_t l = 0; l < b.layers.size(); ++l) {
    check(b.layers[l].num_samples % partners.size(0) == 0, op, ": partners has ", partners.size(0), " inputs, and the ",
          b.layers[l].num_samples, " samples of layers_b[", l, "] are no multiple of that");
  }
  return torch::stable::contiguous(partners);
}

}  // namespace

std::unique_ptr<Similarities> make_similarities(const char* op, Measure measure, const EvidenceList& b,
                                                const std::optional<Tensor>& partners, Execution& execution) {
  const Tensor checked = partners.has_value() ? checked_partners(op, measure, b, *partners) : Tensor();
  const auto* partner = partners.has_value() ? checked.const_data_ptr<std::int64_t>() : nullptr;
  const std::int64_t num_inputs = partners.has_value() ? checked.size(0) : 0;
  if (execution.device.has_value()) {
    DeviceCall& call = *execution.device;
    check(!call.is_capturing(), op, ": it can't be recorded into a CUDA graph, since the CPU solves its assignments");
    if (partner != nullptr) {
      FaultCell* fault = call.expect_for_finish([=](FaultCell place) {
        return partner_message(op, num_inputs, "another number", static_cast<std::int64_t>(place));
      });
      call.kernels().find_bad_indices(partner, num_inputs, num_inputs, fault, call.queue());
      call.finish();  // the shuffle would read what isn't there
    }
    return std::make_unique<DeviceSimilarities>(measure, call, checked, 0);
  }
  for (std::int64_t i = 0; i < num_inputs; ++i) {
    if (partner[i] < 0 || partner[i] >= num_inputs) {
      throw Error(partner_message(op, num_inputs, std::to_string(partner[i]), i));
    }
  }
  return std::make_unique<HostSimilarities>(measure, std::vector<std::int64_t>(partner, partner + num_inputs),
                                            execution.parallel_for);
}

void check_one_device(const char* op, const std::string& name_a, const EvidenceList& a, const std::string& name_b,
                      const EvidenceList& b) {
  for (std::size_t l = 0; l < a.memory.size(); ++l) {
    check_same_device(op, name_a + "[0]", a.memory.front(), name_a + "[" + std::to_string(l) + "]", a.memory[l]);
  }
  for (std::size_t l = 0; l < b.memory.size(); ++l) {
    check_same_device(op, name_a + "[0]", a.memory.front(), name_b + "[" + std::to_string(l) + "]", b.memory[l]);
  }
}

void check_equal_hashes(const char* op, Measure measure, const EvidenceList& a, const EvidenceList& b) {
  if (measure != Measure::minhash) {
    return;
  }
  const std::int64_t num_hashes = a.layers.front().width;
  check_num_hashes(op, num_hashes);
  for (const EvidenceList* list : {&a, &b}) {
    for (const LayerEvidence& layer : list->layers) {
      check(layer.width == num_hashes, op, ": all sketches must have equally many hashes a unit, got ", num_hashes,
            " and ", layer.width);
    }
  }
}

}  // namespace funcsim
