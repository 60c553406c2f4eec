#include "network/record_signatures.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/tensor_text.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

/// Size of the widest activation of a batch. On the CPU small, so that a layer's output is still in the cache when its
/// bits are read off it; large enough for matrix products to run at full speed.
constexpr std::int64_t host_batch_bytes = std::int64_t{8} << 20;
constexpr std::int64_t device_batch_bytes = std::int64_t{512} << 20;

/// Size of the activations of all batches of a network that a device takes through a layer together; a comparison has
/// two networks.
constexpr std::int64_t device_wave_bytes = std::int64_t{1} << 30;

/// Inputs whose bits fill whole bytes in every layer, whatever its samples an input.
constexpr std::int64_t whole_bytes = 8;

std::int64_t inputs_within(std::int64_t bytes, std::int64_t elements_per_input) {
  return bytes / static_cast<std::int64_t>(sizeof(float)) / std::max<std::int64_t>(elements_per_input, 1);
}

void check_options(const Network& network, const Tensor& inputs, const SignatureOptions& options) {
  check(std::isfinite(options.margin) && options.margin >= 0, network.role(),
        ": margin must be finite and at least 0, got ", options.margin);
  check(options.first_input >= 0 && options.first_input <= std::numeric_limits<std::int64_t>::max() - inputs.size(0),
        network.role(), ": first_input must be at least 0 and leave room for ", inputs.size(0), " inputs, got ",
        options.first_input);
}

}  // namespace

std::int64_t batch_inputs(const NetworkRun& run, const Execution& execution) {
  const std::int64_t bytes = execution.device.has_value() ? device_batch_bytes : host_batch_bytes;
  const std::int64_t inputs = std::clamp(inputs_within(bytes, run.plan().most_elements), whole_bytes, block_inputs);
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(inputs)));
}

NetworkRun::NetworkRun(const Network& network, Tensor inputs, const SignatureOptions& options)
    : network_(network),
      inputs_(std::move(inputs)),
      options_(options),
      plan_(network.plan(inputs_, options.positions)) {
  check_options(network, inputs_, options);
  for (std::size_t l = 0; l < plan_.samples.size(); ++l) {
    const std::int64_t samples_per_input = plan_.samples[l].samples_per_input;
    extents_.push_back({network.hidden_layers()[l].units, samples_per_input, num_inputs() * samples_per_input});
  }
}

NetworkPass::NetworkPass(const NetworkRun& run, Execution& execution, PlaceRows rows, Packed packed, Observe observe)
    : run_(run),
      rows_(std::move(rows)),
      packed_(std::move(packed)),
      observe_(std::move(observe)),
      recorder_(make_recorder(run.network(), run.plan(), run.inputs(), run.options(), execution)),
      num_layers_(static_cast<std::int64_t>(run.extents().size())),
      batch_inputs_(batch_inputs(run, execution)),
      wave_batches_(
          execution.device.has_value()
              ? std::max<std::int64_t>(inputs_within(device_wave_bytes, run.plan().most_elements) / batch_inputs_, 1)
              : 1) {
  start_wave();
}

void NetworkPass::finish_layer(std::int64_t layer) {
  while (next_layer_ < num_layers_ && (next_layer_ <= layer || started_ < run_.num_inputs())) {
    run_item();
    if (next_layer_ == num_layers_ && started_ < run_.num_inputs()) {
      start_wave();
    }
  }
}

void NetworkPass::start_wave() {
  const Tensor inputs = aten::detach(run_.inputs());
  wave_.clear();
  next_item_ = 0;
  next_layer_ = 0;
  for (std::int64_t b = 0; b < wave_batches_ && started_ < run_.num_inputs(); ++b) {
    const std::int64_t size = std::min(batch_inputs_, run_.num_inputs() - started_);
    wave_.push_back({started_, size,
                     aten::aligned(aten::to_dtype(aten::narrow(inputs, 0, started_, size), run_.network().dtype()))});
    started_ += size;
  }
}

void NetworkPass::run_item() {
  const Network& network = run_.network();
  const std::int64_t item = next_item_++;
  const bool is_preactivation = item == network.hidden_layers()[next_layer_].preactivation_item;
  for (Batch& batch : wave_) {
    batch.activations = network.forward(item, batch.activations);
    if (is_preactivation) {
      const SignatureBatch place{next_layer_, batch.first_input, batch.num_inputs,
                                 batch.num_inputs * run_.extents()[next_layer_].samples_per_input};
      recorder_->record(place, batch.activations, rows_(place));
      if (observe_) {
        observe_(place, batch.activations);
      }
      packed_(place);
    }
  }
  next_layer_ += is_preactivation ? 1 : 0;
}

}  // namespace funcsim
