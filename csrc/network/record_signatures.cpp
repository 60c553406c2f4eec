#include "network/record_signatures.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/activation_signatures/activation_signatures.h"
#include "kernels/common/bits.h"
#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/canonical_form.h"
#include "network/tensor_text.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

/// Size of the widest activation of a batch. Small, so that a layer's output is still in the cache when its bits are
/// read off it; large enough for matrix products to run at full speed.
constexpr std::int64_t activation_budget_bytes = std::int64_t{8} << 20;

/// Inputs whose bits fill whole bytes in every layer, whatever its samples an input.
constexpr std::int64_t whole_bytes = 8;

std::int64_t batch_inputs(std::int64_t elements_per_input) {
  const std::int64_t wanted = activation_budget_bytes / static_cast<std::int64_t>(sizeof(float)) /
                              std::max<std::int64_t>(elements_per_input, 1);
  return static_cast<std::int64_t>(
      std::bit_floor(static_cast<std::uint64_t>(std::clamp(wanted, whole_bytes, block_inputs))));
}

/// What a layer gives is of the network's dtype. Autocast casts inside of ATen, where it can't be switched off from
/// here.
void check_dtype(const Network& network, std::int64_t item, const Tensor& activations) {
  if (activations.scalar_type() != network.dtype()) {
    fail(network.role(), ": ", item_place(network.architecture(), item), ": PyTorch computed in ",
         dtype_name(activations.scalar_type()), " instead of ", dtype_name(network.dtype()),
         ": is autocast on? Switch it off around this call");
  }
}

void check_options(const Network& network, const Tensor& inputs, const SignatureOptions& options) {
  check(std::isfinite(options.margin) && options.margin >= 0, network.role(),
        ": margin must be finite and at least 0, got ", options.margin);
  check(options.first_input >= 0 && options.first_input <= std::numeric_limits<std::int64_t>::max() - inputs.size(0),
        network.role(), ": first_input must be at least 0 and leave room for ", inputs.size(0), " inputs, got ",
        options.first_input);
}

/// Packs the bits of the hidden layers of one network.
class SignatureRecorder {
 public:
  SignatureRecorder(const Network& network, const Plan& plan, std::int64_t input_dimensions,
                    const SignatureOptions& options, const ParallelFor& parallel_for)
      : network_(network), plan_(plan), options_(options), parallel_for_(parallel_for) {
    if (options.margin > 0) {
      thresholds_ = canonical_scales(network, input_dimensions);
      for (std::vector<double>& layer : thresholds_) {
        for (double& threshold : layer) {
          threshold *= options.margin;
        }
      }
    }
  }

  void record(const SignatureBatch& batch, const Tensor& preactivations, const PackedRows& rows) {
    const LayerSamples& samples = plan_.samples[batch.layer];
    const std::int64_t units = network_.hidden_layers()[batch.layer].units;
    const std::int64_t places = element_count(samples.grid);
    const bool any = options_.positions == any_position && places > 1;
    const std::int64_t read_per_input = any ? places : samples.samples_per_input;
    choose_places(batch, read_per_input, places);
    const Tensor contiguous = aten::contiguous(preactivations);
    if (!any) {
      pack(batch, contiguous, read_per_input, places, rows);
      return;
    }
    const std::int64_t row_bytes = signature_bytes(batch.num_inputs * places);
    all_bits_.resize(units * row_bytes);
    pack(batch, contiguous, read_per_input, places, {all_bits_.data(), row_bytes});
    any_of_groups(all_bits_.data(), units, row_bytes, batch.num_inputs, places, rows.data, rows.row_bytes,
                  parallel_for_);
  }

 private:
  /// Which entries of the layer's output are samples: offsets_, empty where they lie one after the other.
  void choose_places(const SignatureBatch& batch, std::int64_t read_per_input, std::int64_t places) {
    offsets_.clear();
    const std::int64_t inputs = batch.num_inputs;
    const HiddenLayer& hidden = network_.hidden_layers()[batch.layer];
    const bool units_last = network_.architecture().items[hidden.item].type->spatial_dimensions == 0;
    const bool all = read_per_input == places;
    if (places == 1 || (all && units_last && options_.positions <= 0)) {
      return;
    }
    if (options_.positions > 0) {
      offsets_ = grid_points(options_.first_input + batch.first_input, inputs, options_.positions,
                             plan_.samples[batch.layer].grid, options_.seed);
    } else {
      offsets_.resize(inputs * places);
      for (std::int64_t s = 0; s < inputs * places; ++s) {
        offsets_[s] = s % places;
      }
    }
    for (std::int64_t s = 0; s < inputs * read_per_input; ++s) {
      const std::int64_t place = offsets_[s];
      const std::int64_t input = s / read_per_input;
      offsets_[s] = units_last ? ((input * places) + place) * hidden.units : (input * hidden.units * places) + place;
    }
  }

  void pack(const SignatureBatch& batch, const Tensor& contiguous, std::int64_t read_per_input, std::int64_t places,
            const PackedRows& rows) {
    const HiddenLayer& hidden = network_.hidden_layers()[batch.layer];
    const bool units_last = network_.architecture().items[hidden.item].type->spatial_dimensions == 0;
    const Activations activations{
        contiguous.const_data_ptr(),
        contiguous.scalar_type() == torch::headeronly::ScalarType::Double ? ScalarType::float64 : ScalarType::float32,
        batch.num_inputs * read_per_input,
        hidden.units,
        hidden.units,
        units_last ? 1 : places,
        offsets_.empty() ? nullptr : offsets_.data()};
    const double* thresholds = thresholds_.empty() ? nullptr : thresholds_[batch.layer].data();
    const std::optional<NanPosition> nan =
        activation_signatures(activations, thresholds, rows.data, rows.row_bytes, parallel_for_);
    if (nan.has_value()) {
      fail_nan(batch.layer, options_.first_input + batch.first_input + (nan->sample / read_per_input), nan->unit);
    }
  }

  [[noreturn]] void fail_nan(std::int64_t layer, std::int64_t input, std::int64_t unit) const {
    const HiddenLayer& hidden = network_.hidden_layers()[layer];
    std::string place = item_place(network_.architecture(), hidden.item);
    if (hidden.preactivation_item != hidden.item) {
      place += " and " + item_place(network_.architecture(), hidden.preactivation_item);
    }
    fail(network_.role(), ": hidden layer ", layer, ", ", place, ": the pre-activation of unit ", unit,
         " is NaN for input ", input,
         ": look for NaN, infinities and negative variances in the inputs and in the parameters up to there");
  }

  const Network& network_;
  const Plan& plan_;
  const SignatureOptions& options_;
  const ParallelFor& parallel_for_;
  std::vector<std::vector<double>> thresholds_;  ///< of every layer and unit; empty for 0 everywhere
  std::vector<std::int64_t> offsets_;
  std::vector<std::uint8_t> all_bits_;  ///< of all positions, where one sample says whether any of them fires
};

}  // namespace

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

void NetworkRun::record(const std::function<PackedRows(const SignatureBatch&)>& rows,
                        const std::function<void(const SignatureBatch&)>& packed,
                        const ParallelFor& parallel_for) const {
  SignatureRecorder recorder(network_, plan_, inputs_.dim(), options_, parallel_for);
  const Tensor detached = aten::detach(inputs_);
  const std::int64_t most = batch_inputs(plan_.most_elements);
  const std::vector<HiddenLayer>& layers = network_.hidden_layers();
  for (std::int64_t start = 0; start < num_inputs(); start += most) {
    const std::int64_t size = std::min(most, num_inputs() - start);
    Tensor activations = aten::aligned(aten::to_dtype(aten::narrow(detached, 0, start, size), network_.dtype()));
    std::size_t next = 0;
    for (std::int64_t i = 0; next < layers.size(); ++i) {
      const Layer layer = network_.layer(i);
      if (layer.item.type->forward != nullptr) {
        activations = layer.item.type->forward(layer, activations);
        check_dtype(network_, i, activations);
      }
      if (i == layers[next].preactivation_item) {
        const SignatureBatch batch{static_cast<std::int64_t>(next), start, size,
                                   size * extents_[next].samples_per_input};
        recorder.record(batch, activations, rows(batch));
        packed(batch);
        ++next;
      }
    }
  }
}

}  // namespace funcsim
