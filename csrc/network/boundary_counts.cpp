#include "network/boundary_counts.h"

#include <cstddef>
#include <cstdint>

#include "kernels/activation_signatures/thresholds.h"
#include "kernels/common/bits.h"
#include "network/activation_samples.h"
#include "network/aten.h"
#include "network/canonical_form.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

class BoundaryCounter {
 public:
  BoundaryCounter(const NetworkRun& run, const std::vector<std::vector<double>>& distances) : run_(run) {
    const std::vector<std::vector<double>> scales = canonical_scales(run.network(), run.inputs().dim());
    for (std::size_t l = 0; l < distances.size(); ++l) {
      std::vector<Tensor> thresholds;
      thresholds.reserve(distances[l].size());
      for (const double distance : distances[l]) {
        thresholds.push_back(on_device(scales[l], distance));
      }
      thresholds_.push_back(std::move(thresholds));
      boundaries_.push_back(on_device(scales[l], run.options().margin));
      // Counted in float64, exactly: aten::add is for floating numbers.
      const std::vector<double> none(scales[l].size());
      beyond_.emplace_back(distances[l].size(), float64_vector(none, run.inputs()));
    }
  }

  /// Bits are packed only to find NaN, in memory of one batch.
  PackedRows scratch(const SignatureBatch& batch) {
    const std::int64_t row_bytes = signature_bytes(batch.num_samples);
    bits_ = new_tensor_like(run_.inputs(), {run_.extents()[batch.layer].units, row_bytes}, Dtype::Byte);
    return {bits_.mutable_data_ptr<std::uint8_t>(), row_bytes};
  }

  void take(const SignatureBatch& batch, const Tensor& preactivations) {
    const Tensor distances = aten::abs(aten::subtract(sampled(run_, batch, preactivations), boundaries_[batch.layer]));
    for (std::size_t d = 0; d < thresholds_[batch.layer].size(); ++d) {
      const Tensor beyond = aten::sum(aten::gt(distances, thresholds_[batch.layer][d]), {0});
      beyond_[batch.layer][d] = aten::add(beyond_[batch.layer][d], aten::to_dtype(beyond, Dtype::Double));
    }
  }

  std::vector<Tensor> within() const {
    std::vector<Tensor> layers;
    layers.reserve(beyond_.size());
    for (std::size_t l = 0; l < beyond_.size(); ++l) {
      const LayerExtent& extent = run_.extents()[l];
      const Tensor samples = float64_vector({static_cast<double>(extent.num_samples)}, run_.inputs());
      std::vector<Tensor> columns = {new_tensor_like(run_.inputs(), {extent.units, 0}, Dtype::Long)};
      for (const Tensor& beyond : beyond_[l]) {
        const Tensor near = aten::to_dtype(aten::subtract(samples, beyond), Dtype::Long);
        columns.push_back(aten::reshape(near, {extent.units, 1}));
      }
      layers.push_back(aten::cat(columns, 1));
    }
    return layers;
  }

 private:
  /// distance * s_i in the dtype of pre-activations, such that one is beyond it exactly where it is beyond this.
  Tensor on_device(const std::vector<double>& scales, double distance) const {
    const Network& network = run_.network();
    const auto units = static_cast<std::int64_t>(scales.size());
    Tensor host = new_host_tensor({units}, network.dtype());
    for (std::int64_t u = 0; u < units; ++u) {
      if (network.dtype() == Dtype::Double) {
        host.mutable_data_ptr<double>()[u] = distance * scales[u];
      } else {
        host.mutable_data_ptr<float>()[u] = floor_to_float(distance * scales[u]);
      }
    }
    return to_device_of(network.on_device(), host);
  }

  const NetworkRun& run_;
  std::vector<Tensor> boundaries_;               ///< [units] of every layer
  std::vector<std::vector<Tensor>> thresholds_;  ///< [units] of every layer and distance
  std::vector<std::vector<Tensor>> beyond_;      ///< [units] samples farther away, so far
  Tensor bits_;
};

}  // namespace

std::vector<Tensor> boundary_counts(const NetworkRun& run, const std::vector<std::vector<double>>& distances,
                                    Execution& execution) {
  BoundaryCounter counter(run, distances);
  NetworkPass pass(
      run, execution, [&](const SignatureBatch& batch) { return counter.scratch(batch); }, [](const SignatureBatch&) {},
      [&](const SignatureBatch& batch, const Tensor& preactivations) { counter.take(batch, preactivations); });
  pass.finish();
  if (execution.device.has_value()) {
    execution.device->finish();
  }
  return counter.within();
}

}  // namespace funcsim
