#include "compare/device_similarities.h"

#include <algorithm>

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

class DeviceMatrix final : public SimilarityMatrix {
 public:
  DeviceMatrix(const DeviceCall& call, Tensor similarity)
      : copy_(call.kernels(), call.queue(), std::move(similarity)) {}

  const float* wait() override { return copy_.wait().const_data_ptr<float>(); }

 private:
  HostCopy copy_;
};

std::int64_t matrix_bytes(const MatchTask& task) {
  return task.a->units * task.b->units * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace

void DeviceSimilarities::prepare(const MatchTask& task) {
  if (prepared_bytes_ + matrix_bytes(task) <= budget_bytes()) {
    prepared_bytes_ += matrix_bytes(task);
    auto matrix = start(task);
    prepared_.emplace_back(task, std::move(matrix));
  }
}

std::unique_ptr<SimilarityMatrix> DeviceSimilarities::start(const MatchTask& task) {
  const auto found = std::ranges::find(prepared_, task, [](const auto& entry) { return entry.first; });
  if (found != prepared_.end()) {
    std::unique_ptr<SimilarityMatrix> matrix = std::move(found->second);
    prepared_bytes_ -= matrix_bytes(task);
    prepared_.erase(found);
    return matrix;
  }
  const LayerEvidence& a = *task.a;
  const LayerEvidence b = layer_b(task);
  Tensor similarity = call_.new_tensor({a.units, b.units}, Dtype::Float);
  auto* out = similarity.mutable_data_ptr<float>();
  const auto* bits_a = static_cast<const std::uint8_t*>(a.data);
  const auto* bits_b = static_cast<const std::uint8_t*>(b.data);
  switch (measure_) {
    case Measure::jaccard:
      call_.kernels().jaccard(bits_a, a.units, bits_b, b.units, a.width, out, call_.queue());
      break;
    case Measure::phi:
      call_.kernels().phi(bits_a, a.units, bits_b, b.units, a.width, a.num_samples, out, call_.queue());
      break;
    case Measure::minhash:
      call_.kernels().minhash_jaccard(static_cast<const std::int32_t*>(a.data), a.units,
                                      static_cast<const std::int32_t*>(b.data), b.units, a.width, out, call_.queue());
      break;
  }
  call_.release_scratch();
  return std::make_unique<DeviceMatrix>(call_, std::move(similarity));
}

const std::int32_t* DeviceSimilarities::host_sketches(const LayerEvidence& layer) {
  const auto found = std::ranges::find(sketches_, layer.data, [](const auto& entry) { return entry.first; });
  if (found != sketches_.end()) {
    return found->second.const_data_ptr<std::int32_t>();
  }
  Tensor host = new_host_tensor({layer.units, layer.width}, Dtype::Int);
  call_.kernels().copy_to_host(layer.data, host.mutable_data_ptr(),
                               layer.units * layer.width * static_cast<std::int64_t>(sizeof(std::int32_t)),
                               call_.queue());
  call_.kernels().synchronize(call_.queue());
  sketches_.emplace_back(layer.data, host);
  return host.const_data_ptr<std::int32_t>();
}

LayerEvidence DeviceSimilarities::layer_b(const MatchTask& task) {
  LayerEvidence layer = *task.b;
  if (!task.shuffled) {
    return layer;
  }
  if (shuffled_of_ != task.b) {
    const std::int64_t num_inputs = partners_.numel();
    shuffled_ = call_.new_tensor({layer.units, layer.width}, Dtype::Byte);
    call_.kernels().shuffle_samples(static_cast<const std::uint8_t*>(layer.data), layer.units, layer.width,
                                    partners_.const_data_ptr<std::int64_t>(), num_inputs, first_input_,
                                    layer.num_samples / num_inputs, shuffled_.mutable_data_ptr<std::uint8_t>(),
                                    call_.queue());
    call_.release_scratch();
    shuffled_of_ = task.b;
  }
  layer.data = shuffled_.const_data_ptr();
  return layer;
}

}  // namespace funcsim
