#include "network/signature_recorder.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "kernels/activation_signatures/activation_signatures.h"
#include "kernels/activation_signatures/thresholds.h"
#include "kernels/common/bits.h"
#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/canonical_form.h"
#include "network/positions.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

/// How a layer's output is read.
struct Reading {
  std::int64_t units;
  std::int64_t places;     ///< of the grid
  std::int64_t per_input;  ///< places read of each input
  bool units_last;         ///< [inputs, grid..., units]; else [inputs, units, grid...]
  bool any;                ///< one bit says whether any of the places read fires
  bool in_order;           ///< what is read lies one after the other: no offsets needed
};

Reading reading_of(const Network& network, const Plan& plan, std::int64_t layer, std::int64_t positions) {
  const HiddenLayer& hidden = network.hidden_layers()[layer];
  const LayerSamples& samples = plan.samples[layer];
  Reading reading{};
  reading.units = hidden.units;
  reading.places = element_count(samples.grid);
  reading.any = positions == any_position && reading.places > 1;
  reading.per_input = reading.any ? reading.places : samples.samples_per_input;
  reading.units_last = network.architecture().items[hidden.item].type->spatial_dimensions == 0;
  reading.in_order = reading.places == 1 || (positions <= 0 && reading.units_last);
  return reading;
}

Activations view_of(const Tensor& contiguous, const Reading& reading, std::int64_t inputs,
                    const std::int64_t* offsets) {
  return {contiguous.const_data_ptr(),
          contiguous.scalar_type() == Dtype::Double ? ScalarType::float64 : ScalarType::float32,
          inputs * reading.per_input,
          reading.units,
          reading.units,
          reading.units_last ? 1 : reading.places,
          offsets};
}

/// Of every layer and unit; empty for 0 everywhere.
std::vector<std::vector<double>> thresholds_of(const Network& network, std::int64_t input_dimensions, double margin) {
  std::vector<std::vector<double>> thresholds;
  if (margin > 0) {
    thresholds = canonical_scales(network, input_dimensions);
    for (std::vector<double>& layer : thresholds) {
      for (double& threshold : layer) {
        threshold *= margin;
      }
    }
  }
  return thresholds;
}

/// "network a: hidden layer 0, ...: the pre-activation of unit "
std::string nan_place(const Network& network, std::int64_t layer) {
  return network.role() + ": " + hidden_layer_place(network, layer) + ": the pre-activation of unit ";
}

std::string nan_message(const std::string& place, std::int64_t unit, std::int64_t input) {
  return place + std::to_string(unit) + " is NaN for input " + std::to_string(input) +
         ": look for NaN, infinities and negative variances in the inputs and in the parameters up to there";
}

class HostRecorder final : public SignatureRecorder {
 public:
  HostRecorder(const Network& network, const Plan& plan, std::int64_t input_dimensions, const SignatureOptions& options,
               const ParallelFor& parallel_for)
      : network_(network),
        plan_(plan),
        options_(options),
        parallel_for_(parallel_for),
        thresholds_(thresholds_of(network, input_dimensions, options.margin)) {}

  void record(const SignatureBatch& batch, const Tensor& preactivations, const PackedRows& rows) override {
    const Reading reading = reading_of(network_, plan_, batch.layer, options_.positions);
    choose_places(batch, reading);
    const Tensor contiguous = aten::contiguous(preactivations);
    if (!reading.any) {
      pack(batch, contiguous, reading, rows);
      return;
    }
    const std::int64_t row_bytes = signature_bytes(batch.num_inputs * reading.places);
    all_bits_.resize(reading.units * row_bytes);
    pack(batch, contiguous, reading, {all_bits_.data(), row_bytes});
    any_of_groups(all_bits_.data(), reading.units, row_bytes, batch.num_inputs, reading.places, rows.data,
                  rows.row_bytes, parallel_for_);
  }

 private:
  /// Which entries of the layer's output are samples: offsets_, empty where they lie one after the other.
  void choose_places(const SignatureBatch& batch, const Reading& reading) {
    offsets_.clear();
    if (reading.in_order) {
      return;
    }
    const std::int64_t samples = batch.num_inputs * reading.per_input;
    if (options_.positions > 0) {
      offsets_ = grid_points(options_.first_input + batch.first_input, batch.num_inputs, options_.positions,
                             plan_.samples[batch.layer].grid, options_.seed);
    } else {
      offsets_.resize(samples);
      for (std::int64_t s = 0; s < samples; ++s) {
        offsets_[s] = s % reading.places;
      }
    }
    for (std::int64_t s = 0; s < samples; ++s) {
      const std::int64_t place = offsets_[s];
      const std::int64_t input = s / reading.per_input;
      offsets_[s] = reading.units_last ? ((input * reading.places) + place) * reading.units
                                       : (input * reading.units * reading.places) + place;
    }
  }

  void pack(const SignatureBatch& batch, const Tensor& contiguous, const Reading& reading, const PackedRows& rows) {
    const Activations activations =
        view_of(contiguous, reading, batch.num_inputs, offsets_.empty() ? nullptr : offsets_.data());
    const double* thresholds = thresholds_.empty() ? nullptr : thresholds_[batch.layer].data();
    const std::optional<NanPosition> nan =
        activation_signatures(activations, thresholds, rows.data, rows.row_bytes, parallel_for_);
    if (nan.has_value()) {
      throw Error(nan_message(nan_place(network_, batch.layer), nan->unit,
                              options_.first_input + batch.first_input + (nan->sample / reading.per_input)));
    }
  }

  const Network& network_;
  const Plan& plan_;
  const SignatureOptions& options_;
  const ParallelFor& parallel_for_;
  std::vector<std::vector<double>> thresholds_;
  std::vector<std::int64_t> offsets_;
  std::vector<std::uint8_t> all_bits_;  ///< of all positions, where one sample says whether any of them fires
};

/// Intermediate tensors go as soon as their work is on the stream: what comes into their place, comes after it.
class DeviceRecorder final : public SignatureRecorder {
 public:
  DeviceRecorder(const Network& network, const Plan& plan, const Tensor& inputs, const SignatureOptions& options,
                 DeviceCall& call)
      : network_(network), plan_(plan), options_(options), call_(call) {
    check(options.margin == 0 || !call.is_capturing(), network.role(),
          ": a margin can't be recorded into a CUDA graph: it takes the norms of units on the host");
    for (const std::vector<double>& layer : thresholds_of(network, inputs.dim(), options.margin)) {
      thresholds_.push_back(on_device(layer));
    }
    const auto num_layers = static_cast<std::int64_t>(network.hidden_layers().size());
    for (std::int64_t layer = 0; layer < num_layers; ++layer) {
      const Reading reading = reading_of(network, plan, layer, options.positions);
      const std::int64_t samples = inputs.size(0) * reading.per_input;
      FaultCell* cell =
          call.expect_for_finish([place = nan_place(network, layer), samples, per_input = reading.per_input,
                                  first_input = options.first_input](FaultCell found) {
            const auto index = static_cast<std::int64_t>(found);
            return nan_message(place, index / samples, first_input + (index % samples / per_input));
          });
      reports_.push_back({cell, samples, 0});
    }
  }

  void record(const SignatureBatch& batch, const Tensor& preactivations, const PackedRows& rows) override {
    const Reading reading = reading_of(network_, plan_, batch.layer, options_.positions);
    const std::int64_t samples = batch.num_inputs * reading.per_input;
    const Tensor contiguous = aten::contiguous(preactivations);
    std::optional<Tensor> offsets;
    if (!reading.in_order) {
      offsets = new_tensor_like(contiguous, {samples}, Dtype::Long);
      call_.kernels().sample_offsets(
          {options_.first_input + batch.first_input, batch.num_inputs, reading.per_input, options_.positions <= 0,
           plan_.samples[batch.layer].grid, options_.seed, reading.units, reading.units_last},
          offsets->mutable_data_ptr<std::int64_t>(), call_.queue());
    }
    const Activations activations = view_of(contiguous, reading, batch.num_inputs,
                                            offsets.has_value() ? offsets->const_data_ptr<std::int64_t>() : nullptr);
    NanReport report = reports_[batch.layer];
    report.first_sample = batch.first_input * reading.per_input;
    const void* thresholds = thresholds_.empty() ? nullptr : thresholds_[batch.layer].const_data_ptr();
    if (!reading.any) {
      call_.kernels().activation_signatures(activations, thresholds, rows.data, rows.row_bytes, report, call_.queue());
    } else {
      const std::int64_t row_bytes = signature_bytes(samples);
      Tensor all_bits = new_tensor_like(contiguous, {reading.units, row_bytes}, Dtype::Byte);
      auto* bits = all_bits.mutable_data_ptr<std::uint8_t>();
      call_.kernels().activation_signatures(activations, thresholds, bits, row_bytes, report, call_.queue());
      call_.kernels().any_of_groups(bits, reading.units, row_bytes, batch.num_inputs, reading.places, rows.data,
                                    rows.row_bytes, call_.queue());
    }
    call_.release_scratch();
  }

 private:
  /// In the type that pre-activations are compared in.
  Tensor on_device(const std::vector<double>& thresholds) const {
    const auto units = static_cast<std::int64_t>(thresholds.size());
    const bool wide = network_.dtype() == Dtype::Double;
    Tensor host = new_host_tensor({units}, network_.dtype());
    for (std::int64_t u = 0; u < units; ++u) {
      if (wide) {
        host.mutable_data_ptr<double>()[u] = thresholds[u];
      } else {
        host.mutable_data_ptr<float>()[u] = floor_to_float(thresholds[u]);
      }
    }
    return to_device_of(network_.on_device(), host);
  }

  const Network& network_;
  const Plan& plan_;
  const SignatureOptions& options_;
  DeviceCall& call_;
  std::vector<Tensor> thresholds_;  ///< of every layer; empty for 0 everywhere
  std::vector<NanReport> reports_;  ///< of every layer
};

}  // namespace

std::unique_ptr<SignatureRecorder> make_recorder(const Network& network, const Plan& plan, const Tensor& inputs,
                                                 const SignatureOptions& options, Execution& execution) {
  if (execution.device.has_value()) {
    return std::make_unique<DeviceRecorder>(network, plan, inputs, options, *execution.device);
  }
  return std::make_unique<HostRecorder>(network, plan, inputs.dim(), options, execution.parallel_for);
}

}  // namespace funcsim
