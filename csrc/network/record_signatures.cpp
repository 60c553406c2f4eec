#include "network/record_signatures.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "kernels/activation_signatures/activation_signatures.h"
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

/// What the fronts stream at a time. A sum may be rounded in another way in a batch of another size, so a call with all
/// inputs and calls with blocks of them must run the same batches: a power of two divides both.
constexpr std::int64_t most_inputs = 4096;

std::int64_t batch_inputs(std::int64_t elements_per_input) {
  const std::int64_t wanted = activation_budget_bytes / static_cast<std::int64_t>(sizeof(float)) /
                              std::max<std::int64_t>(elements_per_input, 1);
  return static_cast<std::int64_t>(
      std::bit_floor(static_cast<std::uint64_t>(std::clamp(wanted, whole_bytes, most_inputs))));
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

  /// @param first_input counted from the first input of the call
  void record(std::int64_t layer, const Tensor& preactivations, std::int64_t first_input,
              const std::function<void(const SignatureBatch&)>& sink) {
    const LayerSamples& samples = plan_.samples[layer];
    const std::int64_t inputs = preactivations.size(0);
    const std::int64_t places = element_count(samples.grid);
    const bool any = options_.positions == any_position && places > 1;
    const std::int64_t read_per_input = any ? places : samples.samples_per_input;
    choose_places(layer, inputs, first_input, read_per_input, places);
    pack(layer, aten::contiguous(preactivations), first_input, read_per_input, places);
    if (any) {
      any_bits_.resize(network_.hidden_layers()[layer].units * signature_bytes(inputs));
      any_of_groups(bits_.data(), network_.hidden_layers()[layer].units, signature_bytes(inputs * places), inputs,
                    places, any_bits_.data(), signature_bytes(inputs), parallel_for_);
    }
    const std::int64_t num_samples = inputs * samples.samples_per_input;
    sink(
        {layer, first_input, inputs, num_samples, any ? any_bits_.data() : bits_.data(), signature_bytes(num_samples)});
  }

 private:
  /// Which entries of the layer's output are samples: offsets_, empty where they lie one after the other.
  void choose_places(std::int64_t layer, std::int64_t inputs, std::int64_t first_input, std::int64_t read_per_input,
                     std::int64_t places) {
    offsets_.clear();
    const HiddenLayer& hidden = network_.hidden_layers()[layer];
    const bool units_last = network_.architecture().items[hidden.item].type->spatial_dimensions == 0;
    const bool all = read_per_input == places;
    if (places == 1 || (all && units_last && options_.positions <= 0)) {
      return;
    }
    if (options_.positions > 0) {
      offsets_ = grid_points(options_.first_input + first_input, inputs, options_.positions, plan_.samples[layer].grid,
                             options_.seed);
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

  void pack(std::int64_t layer, const Tensor& contiguous, std::int64_t first_input, std::int64_t read_per_input,
            std::int64_t places) {
    const HiddenLayer& hidden = network_.hidden_layers()[layer];
    const bool units_last = network_.architecture().items[hidden.item].type->spatial_dimensions == 0;
    const Activations activations{
        contiguous.const_data_ptr(),
        contiguous.scalar_type() == torch::headeronly::ScalarType::Double ? ScalarType::float64 : ScalarType::float32,
        contiguous.size(0) * read_per_input,
        hidden.units,
        hidden.units,
        units_last ? 1 : places,
        offsets_.empty() ? nullptr : offsets_.data()};
    const std::int64_t row_bytes = signature_bytes(activations.samples);
    bits_.resize(hidden.units * row_bytes);
    const std::optional<NanPosition> nan = activation_signatures(
        activations, thresholds_.empty() ? nullptr : thresholds_[layer].data(), bits_.data(), row_bytes, parallel_for_);
    if (nan.has_value()) {
      fail_nan(layer, options_.first_input + first_input + (nan->sample / read_per_input), nan->unit);
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
  std::vector<std::uint8_t> bits_;
  std::vector<std::uint8_t> any_bits_;
};

}  // namespace

void record_signatures(const Network& network, const Tensor& inputs, const SignatureOptions& options,
                       const ParallelFor& parallel_for, const std::function<void(const SignatureBatch&)>& sink) {
  const Plan plan = network.plan(inputs, options.positions);
  check_options(network, inputs, options);
  SignatureRecorder recorder(network, plan, inputs.dim(), options, parallel_for);
  const Tensor detached = aten::detach(inputs);
  const std::int64_t batch = batch_inputs(plan.most_elements);
  const std::vector<HiddenLayer>& layers = network.hidden_layers();
  for (std::int64_t start = 0; start < inputs.size(0); start += batch) {
    const std::int64_t size = std::min(batch, inputs.size(0) - start);
    Tensor activations = aten::aligned(aten::to_dtype(aten::narrow(detached, 0, start, size), network.dtype()));
    std::size_t next = 0;
    for (std::int64_t i = 0; next < layers.size(); ++i) {
      const Layer layer = network.layer(i);
      if (layer.item.type->forward != nullptr) {
        activations = layer.item.type->forward(layer, activations);
        check_dtype(network, i, activations);
      }
      if (i == layers[next].preactivation_item) {
        recorder.record(static_cast<std::int64_t>(next++), activations, start, sink);
      }
    }
  }
}

}  // namespace funcsim
