#include "align/activation_stream.h"

#include <algorithm>
#include <cstddef>

#include "network/aten.h"
#include "network/layer_type.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

/// What kept activations may take.
constexpr std::int64_t budget_bytes = std::int64_t{1} << 30;

std::int64_t bytes_of(Dtype dtype) {
  return dtype == Dtype::Double ? 8 : 4;
}

std::int64_t from_front(std::int64_t axis, std::int64_t dimensions) {
  return axis < 0 ? axis + dimensions : axis;
}

}  // namespace

ActivationStream::ActivationStream(const NetworkRun& run, Execution& execution) : run_(run), execution_(execution) {
  const Network& network = run.network();
  const auto sizes = run.inputs().sizes();
  Shape shape(sizes.begin() + 1, sizes.end());
  elements_.reserve(network.architecture().items.size());
  for (const Item& item : network.architecture().items) {
    shape = item_output_shape(item, shape);
    elements_.push_back(element_count(shape));
  }
  const Tensor inputs = aten::detach(run.inputs());
  const std::int64_t batch = batch_inputs(run, execution);
  held_.reserve(static_cast<std::size_t>((run.num_inputs() / batch) + 1));
  for (std::int64_t start = 0; start < run.num_inputs(); start += batch) {
    held_.push_back(aten::narrow(inputs, 0, start, std::min(batch, run.num_inputs() - start)));
  }
}

bool ActivationStream::fits(std::int64_t item) const {
  return item < 0 || run_.num_inputs() * elements_[item] <= budget_bytes / bytes_of(run_.network().dtype());
}

Moments ActivationStream::measure(std::int64_t item, std::int64_t units, std::int64_t units_axis) {
  const Network& network = run_.network();
  const bool holds = fits(item) && item >= next_;
  const std::unique_ptr<MomentsAccumulator> accumulator = make_moments_accumulator(units, execution_);
  for (Tensor& batch : held_) {
    Tensor activations = corrected(aten::aligned(aten::to_dtype(batch, network.dtype())));
    for (std::int64_t i = next_; i <= item; ++i) {
      activations = network.forward(i, activations);
    }
    accumulator->add(activations, from_front(units_axis, activations.dim()));
    if (holds) {
      batch = activations;
    }
  }
  if (holds) {
    next_ = item + 1;
    pending_.reset();
  }
  count_ = accumulator->count();
  return accumulator->moments();
}

void ActivationStream::correct(std::int64_t item, std::int64_t units_axis, const Correction& correction) {
  if (next_ != item + 1) {
    return;  // they weren't kept, and the item will run with its new tensors
  }
  const Tensor& like = run_.network().on_device();
  const auto vector = [&](const std::vector<double>& values) {
    return aten::to_dtype(float64_vector(values, like), run_.network().dtype());
  };
  const std::vector<double> ones(correction.gains.size(), 1.0);
  pending_ =
      Pending{units_axis, vector(correction.means), vector(correction.gains), vector(correction.shifts), vector(ones)};
}

Tensor ActivationStream::corrected(const Tensor& activations) const {
  if (!pending_.has_value()) {
    return activations;
  }
  const auto sizes = activations.sizes();
  const std::int64_t axis = from_front(pending_->units_axis, activations.dim());
  aten::Sizes layout = {1, sizes[axis]};
  std::int64_t inner = 1;
  for (std::int64_t d = 0; d < activations.dim(); ++d) {
    (d < axis ? layout.front() : inner) *= d == axis ? 1 : sizes[d];
  }
  if (inner > 1) {
    layout.push_back(inner);
  }
  // A BatchNorm without eps: one way through memory.
  const Tensor result = aten::batch_norm(aten::reshape(activations, layout), pending_->gains, pending_->shifts,
                                         pending_->means, pending_->ones, 0.0);
  return aten::reshape(result, {sizes.begin(), sizes.end()});
}

}  // namespace funcsim
