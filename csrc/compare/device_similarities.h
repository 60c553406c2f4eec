#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "compare/similarities.h"
#include "device/device_call.h"

namespace funcsim {

/// For layers in memory of a device: matrices are made there and copied to pinned memory beside the work that follows,
/// so that the assignment of one layer is solved while the device goes on with the next.
class DeviceSimilarities final : public Similarities {
 public:
  /// @param partners int64 [inputs] on the device, indices from first_input on, for tasks that are shuffled; may be
  ///                 undefined without
  DeviceSimilarities(Measure measure, DeviceCall& call, torch::stable::Tensor partners, std::int64_t first_input)
      : measure_(measure), call_(call), partners_(std::move(partners)), first_input_(first_input) {}

  Measure measure() const override { return measure_; }
  /// Puts a task's work on the stream now, for start() to find; nothing, if that would take more memory than
  /// budget_bytes().
  void prepare(const MatchTask& task);
  std::unique_ptr<SimilarityMatrix> start(const MatchTask& task) override;
  const std::int32_t* host_sketches(const LayerEvidence& layer) override;
  std::int64_t budget_bytes() const override { return std::int64_t{1} << 30; }

 private:
  /// The task's layer of b, shuffled if it is to be.
  LayerEvidence layer_b(const MatchTask& task);

  Measure measure_;
  DeviceCall& call_;
  torch::stable::Tensor partners_;  ///< undefined without
  std::int64_t first_input_;
  std::int64_t prepared_bytes_ = 0;
  std::vector<std::pair<MatchTask, std::unique_ptr<SimilarityMatrix>>> prepared_;
  const LayerEvidence* shuffled_of_ = nullptr;
  torch::stable::Tensor shuffled_;
  std::vector<std::pair<const void*, torch::stable::Tensor>>
      sketches_;  ///< on the host, by where they are on the device
};

}  // namespace funcsim
