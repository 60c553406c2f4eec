#include "network/moments.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels/common/error.h"
#include "kernels/unit_moments/unit_moments.h"
#include "network/aten.h"
#include "network/canonical_form.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

/// Contiguous activations as [outer, units, inner].
struct Layout {
  Layout(const Tensor& activations, std::int64_t units_axis) : units(activations.size(units_axis)) {
    for (std::int64_t d = 0; d < activations.dim(); ++d) {
      if (d != units_axis) {
        (d < units_axis ? outer : inner) *= activations.size(d);
      }
    }
  }

  std::int64_t outer = 1;
  std::int64_t units;
  std::int64_t inner = 1;
};

Moments finished(const double* means, const double* deviations, std::int64_t units, std::int64_t count) {
  Moments moments{{means, means + units}, {deviations, deviations + units}};
  for (double& variance : moments.variances) {
    variance /= static_cast<double>(count);
  }
  return moments;
}

class HostAccumulator final : public MomentsAccumulator {
 public:
  HostAccumulator(std::int64_t units, const ParallelFor& parallel_for)
      : parallel_for_(parallel_for), means_(static_cast<std::size_t>(units)), deviations_(means_.size()) {}

  void add(const Tensor& activations, std::int64_t units_axis) override {
    const Tensor contiguous = aten::contiguous(activations);
    const Layout layout(contiguous, units_axis);
    if (contiguous.scalar_type() == Dtype::Double) {
      take(contiguous.const_data_ptr<double>(), layout);
    } else {
      take(contiguous.const_data_ptr<float>(), layout);
    }
    count_ += layout.outer * layout.inner;
  }

  Moments moments() const override {
    return finished(means_.data(), deviations_.data(), static_cast<std::int64_t>(means_.size()), count_);
  }
  std::int64_t count() const override { return count_; }

 private:
  template <typename Float>
  void take(const Float* data, const Layout& layout) {
    const UnitValues<Float> values{data, layout.outer, layout.units, layout.inner};
    unit_moments(values, count_, means_.data(), deviations_.data(), parallel_for_);
  }

  const ParallelFor& parallel_for_;
  std::vector<double> means_;
  std::vector<double> deviations_;
  std::int64_t count_ = 0;
};

/// By ATen, in the same way: batches in pieces whose float64 copies take little memory, merged in order.
class DeviceAccumulator final : public MomentsAccumulator {
 public:
  explicit DeviceAccumulator(std::int64_t units) : units_(units) {}

  void add(const Tensor& activations, std::int64_t units_axis) override {
    constexpr std::int64_t piece_elements = std::int64_t{1} << 23;
    const Layout layout(activations, units_axis);
    const Tensor values = aten::reshape(activations, {layout.outer, layout.units, layout.inner});
    const std::int64_t rows =
        std::max<std::int64_t>(piece_elements / std::max<std::int64_t>(layout.units * layout.inner, 1), 1);
    for (std::int64_t start = 0; start < layout.outer; start += rows) {
      const std::int64_t size = std::min(rows, layout.outer - start);
      merge(aten::to_dtype(aten::narrow(values, 0, start, size), Dtype::Double), size * layout.inner);
    }
  }

  Moments moments() const override {
    const Tensor means = to_host(means_.front());
    const Tensor deviations = to_host(deviations_.front());
    return finished(means.const_data_ptr<double>(), deviations.const_data_ptr<double>(), units_, count_);
  }
  std::int64_t count() const override { return count_; }

 private:
  void merge(const Tensor& piece, std::int64_t count) {
    const auto number = [&](double value) { return aten::full({}, value, piece); };
    const auto here = static_cast<double>(count);
    const auto before = static_cast<double>(count_);
    const Tensor means = aten::div(aten::sum(piece, {0, 2}), number(here));
    const Tensor differences = aten::subtract(piece, aten::reshape(means, {1, units_, 1}));
    const Tensor deviations = aten::sum(aten::mul(differences, differences), {0, 2});
    count_ += count;
    if (means_.empty()) {
      means_ = {means};
      deviations_ = {deviations};
      return;
    }
    const double share = here / (before + here);
    const Tensor shift = aten::subtract(means, means_.front());
    means_.front() = aten::add(means_.front(), aten::mul(shift, number(share)));
    deviations_.front() = aten::add(aten::add(deviations_.front(), deviations),
                                    aten::mul(aten::mul(shift, shift), number(before * share)));
  }

  std::int64_t units_;
  std::vector<Tensor> means_;  ///< one, as soon as there are values
  std::vector<Tensor> deviations_;
  std::int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<MomentsAccumulator> make_moments_accumulator(std::int64_t units, const Execution& execution) {
  if (execution.device.has_value()) {
    return std::make_unique<DeviceAccumulator>(units);
  }
  return std::make_unique<HostAccumulator>(units, execution.parallel_for);
}

std::int64_t units_axis(const Item& affine, std::int64_t dimensions) {
  return affine.type->spatial_dimensions > 0 ? 1 : dimensions - 1;
}

PreactivationMoments::PreactivationMoments(const NetworkRun& run, const Execution& execution) : run_(run) {
  layers_.reserve(run.extents().size());
  for (const LayerExtent& extent : run.extents()) {
    layers_.push_back(make_moments_accumulator(extent.units, execution));
  }
}

NetworkPass::Observe PreactivationMoments::observer() {
  return [this](const SignatureBatch& batch, const Tensor& preactivations) {
    const Network& network = run_.network();
    const Item& affine = network.architecture().items[network.hidden_layers()[batch.layer].item];
    layers_[batch.layer]->add(preactivations, units_axis(affine, preactivations.dim()));
  };
}

std::vector<Tensor> PreactivationMoments::canonical() const {
  const std::vector<std::vector<double>> scales = canonical_scales(run_.network(), run_.inputs().dim());
  std::vector<Tensor> tensors;
  tensors.reserve(layers_.size());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Moments moments = layers_[l]->moments();
    const std::int64_t units = run_.extents()[l].units;
    Tensor host = new_host_tensor({2, units}, Dtype::Double);
    auto* out = host.mutable_data_ptr<double>();
    for (std::int64_t u = 0; u < units; ++u) {
      const double scale = scales[l][u];
      out[u] = moments.means[u] / scale;
      out[units + u] = moments.variances[u] / scale / scale;
      if (!std::isfinite(out[u]) || !std::isfinite(out[units + u])) {
        fail(run_.network().role(), ": ", hidden_layer_place(run_.network(), static_cast<std::int64_t>(l)),
             ": the pre-activations of unit ", u,
             " must have a finite mean and variance: look for infinities and for very large numbers in the inputs and "
             "in "
             "the parameters up to there");
      }
    }
    tensors.push_back(to_device_of(run_.network().on_device(), host));
  }
  return tensors;
}

}  // namespace funcsim
