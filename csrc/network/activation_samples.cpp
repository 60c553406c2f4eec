#include "network/activation_samples.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernels/common/bits.h"
#include "network/aten.h"
#include "network/positions.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

std::optional<std::int64_t> activation_item(const Network& network, const HiddenLayer& hidden) {
  for (std::int64_t i = hidden.preactivation_item + 1; i < hidden.next_affine; ++i) {
    switch (network.architecture().items[i].type->role) {
      case LayerRole::identity:
        break;
      case LayerRole::homogeneous:
      case LayerRole::channel_homogeneous:
      case LayerRole::elementwise:
        return i;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

class Collector {
 public:
  explicit Collector(const NetworkRun& run) : run_(run) {
    for (const LayerExtent& extent : run.extents()) {
      layers_.push_back(new_tensor_like(run.inputs(), {extent.num_samples, extent.units}, run.network().dtype()));
    }
  }

  /// Bits are packed only to find NaN, in memory of one batch.
  PackedRows scratch(const SignatureBatch& batch) {
    const std::int64_t row_bytes = signature_bytes(batch.num_samples);
    bits_ = new_tensor_like(run_.inputs(), {run_.extents()[batch.layer].units, row_bytes}, Dtype::Byte);
    return {bits_.mutable_data_ptr<std::uint8_t>(), row_bytes};
  }

  void take(const SignatureBatch& batch, const Tensor& preactivations) {
    const Network& network = run_.network();
    const HiddenLayer& hidden = network.hidden_layers()[batch.layer];
    Tensor activations = preactivations;
    if (const std::optional<std::int64_t> item = activation_item(network, hidden)) {
      const Layer layer = network.layer(*item);
      activations = layer.item.type->forward(layer, preactivations);
    }
    const std::int64_t first = batch.first_input * run_.extents()[batch.layer].samples_per_input;
    aten::copy_into(aten::narrow(layers_[batch.layer], 0, first, batch.num_samples), sampled(run_, batch, activations));
  }

  const std::vector<Tensor>& layers() const { return layers_; }

 private:
  const NetworkRun& run_;
  std::vector<Tensor> layers_;
  Tensor bits_;
};

}  // namespace

Tensor sampled(const NetworkRun& run, const SignatureBatch& batch, const Tensor& values) {
  const Network& network = run.network();
  const HiddenLayer& hidden = network.hidden_layers()[batch.layer];
  const std::vector<std::int64_t>& grid = run.plan().samples[batch.layer].grid;
  const std::int64_t places = element_count(grid);
  const bool units_last = network.architecture().items[hidden.item].type->spatial_dimensions == 0;
  const Tensor by_place =
      units_last ? aten::reshape(values, {batch.num_inputs, places, hidden.units})
                 : aten::permute(aten::reshape(values, {batch.num_inputs, hidden.units, places}), {0, 2, 1});
  const SignatureOptions& options = run.options();
  if (options.positions == any_position) {
    return aten::amax(by_place, {1});
  }
  Tensor rows = aten::reshape(by_place, {-1, hidden.units});
  if (options.positions == all_positions || places == 1) {
    return rows;
  }
  std::vector<std::int64_t> indices =
      grid_points(options.first_input + batch.first_input, batch.num_inputs, options.positions, grid, options.seed);
  for (std::int64_t s = 0; s < batch.num_samples; ++s) {
    indices[s] += s / options.positions * places;
  }
  return aten::index_select(rows, 0, int64_vector(indices, values));
}

std::vector<Tensor> activation_samples(const NetworkRun& run, Execution& execution) {
  Collector collector(run);
  NetworkPass pass(
      run, execution, [&](const SignatureBatch& batch) { return collector.scratch(batch); },
      [](const SignatureBatch&) {},
      [&](const SignatureBatch& batch, const Tensor& preactivations) { collector.take(batch, preactivations); });
  pass.finish();
  if (execution.device.has_value()) {
    execution.device->finish();
  }
  return collector.layers();
}

}  // namespace funcsim
