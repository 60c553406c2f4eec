#include "compare/compare_networks.h"

#include <algorithm>
#include <vector>

#include "compare/collect_evidence.h"
#include "compare/device_similarities.h"
#include "kernels/common/error.h"
#include "kernels/shuffle_samples/shuffle_samples.h"
#include "network/tensor_text.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

bool counts_exactly(const ComparisonOptions& options, const NetworkRun& a, const NetworkRun& b) {
  if (options.method != "auto") {
    return options.method == "exact";
  }
  std::int64_t most = 0;
  for (const NetworkRun* run : {&a, &b}) {
    for (const LayerExtent& extent : run->extents()) {
      most = std::max(most, extent.num_samples);
    }
  }
  return exact_is_cheaper(most, options.num_hashes);
}

/// Who trades places with each input of b for the chance level of signatures, on the device.
Tensor device_partners(const NetworkRun& b, DeviceCall& call) {
  Tensor partners = call.new_tensor({b.num_inputs()}, torch::headeronly::ScalarType::Long);
  call.kernels().shuffle_partners(b.num_inputs(), b.options().seed, b.options().first_input,
                                  partners.mutable_data_ptr<std::int64_t>(), call.queue());
  call.release_scratch();
  return partners;
}

/// The two networks take turns, layer by layer, where the device has them complete one by one: then the first layers
/// are matched on the host while it works on the others.
void collect_in_turns(EvidenceCollector& collector_a, EvidenceCollector& collector_b,
                      const std::vector<LayerEvidence>& a, const std::vector<LayerEvidence>& b,
                      const std::vector<LayerEvidence>& shuffled_b, bool by_partners,
                      DeviceSimilarities& similarities) {
  for (std::size_t l = 0; a.size() == b.size() && l < a.size(); ++l) {
    collector_a.finish_layer(static_cast<std::int64_t>(l));
    collector_b.finish_layer(static_cast<std::int64_t>(l));
    if (a[l].num_samples == b[l].num_samples) {
      similarities.prepare({&a[l], &b[l]});
      if (by_partners) {
        similarities.prepare({&a[l], &b[l], /*shuffled=*/true});
      } else if (!shuffled_b.empty()) {
        similarities.prepare({&a[l], &shuffled_b[l]});
      }
    }
  }
  collector_a.finish();
  collector_b.finish();
}

}  // namespace

NetworkMatch compare_networks(const Network& network_a, const Network& network_b, const Tensor& inputs,
                              const ComparisonOptions& options, const ParallelFor& parallel_for) {
  if (network_a.on_device().device() != network_b.on_device().device()) {
    fail(network_b.role(), " must be on the device of the other one, ", device_name(network_a.on_device()), ", got ",
         device_name(network_b.on_device()));
  }
  const NetworkRun run_a(network_a, inputs, options.signatures);
  const NetworkRun run_b(network_b, inputs, options.signatures);
  const bool exact = counts_exactly(options, run_a, run_b);
  const Measure measure = exact ? Measure::jaccard : Measure::minhash;
  const bool by_partners = exact && options.with_chance;

  Execution execution(parallel_for, inputs);
  check(!execution.device.has_value() || !execution.device->is_capturing(), network_a.role(),
        ": a comparison can't be recorded into a CUDA graph, since the CPU solves its assignments");
  const auto collect = [&](const NetworkRun& run, bool with_shuffled) {
    return exact ? signature_collector(run, execution)
                 : sketch_collector(run, options.num_hashes, with_shuffled, execution);
  };
  const std::unique_ptr<EvidenceCollector> collector_a = collect(run_a, false);
  const std::unique_ptr<EvidenceCollector> collector_b = collect(run_b, options.with_chance);
  const std::vector<LayerEvidence> a = evidence_of(run_a, collector_a->layers());
  const std::vector<LayerEvidence> b = evidence_of(run_b, collector_b->layers());
  const ShuffledLayers shuffled{evidence_of(run_b, collector_b->shuffled()), by_partners};

  if (!execution.device.has_value()) {
    collector_a->finish();
    collector_b->finish();
    HostSimilarities similarities(measure,
                                  by_partners ? shuffle_partners(run_b.num_inputs(), options.signatures.seed,
                                                                 options.signatures.first_input, parallel_for)
                                              : std::vector<std::int64_t>(),
                                  parallel_for);
    return compare_layers(similarities, a, b, shuffled, {}, parallel_for);
  }
  DeviceCall& call = *execution.device;
  DeviceSimilarities similarities(measure, call, by_partners ? device_partners(run_b, call) : Tensor(),
                                  options.signatures.first_input);
  collect_in_turns(*collector_a, *collector_b, a, b, shuffled.layers, by_partners, similarities);
  NetworkMatch match = compare_layers(similarities, a, b, shuffled, {}, parallel_for);
  call.finish();
  return match;
}

double adjusted_score(double score, double chance) {
  if (chance == 1.0) {
    return score == 1.0 ? 1.0 : 0.0;
  }
  return (score - chance) / (1.0 - chance);
}

}  // namespace funcsim
