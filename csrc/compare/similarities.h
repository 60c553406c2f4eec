#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/common/parallel.h"

namespace funcsim {

/// How alike two units are.
enum class Measure {
  jaccard,  ///< of packed signatures, exact
  phi,      ///< of packed signatures, exact
  minhash,  ///< the Jaccard index estimated from sketches
};

/// What is known of one hidden layer: packed signatures or sketches. Borrowed memory.
struct LayerEvidence {
  const void* data;          ///< uint8 [units, width] for jaccard and phi, int32 [units, width] for minhash; contiguous
  std::int64_t units;        ///< at least 1
  std::int64_t width;        ///< bytes of a signature, or slots of a sketch
  std::int64_t num_samples;  ///< layers with different numbers of samples can't be compared
};

/// Two layers whose units are to be matched.
struct MatchTask {
  const LayerEvidence* a = nullptr;
  const LayerEvidence* b = nullptr;
  bool shuffled = false;  ///< b's inputs trade places first

  bool operator==(const MatchTask&) const = default;
};

/// float32 [a.units, b.units] of a task, contiguous, which may still be on its way.
class SimilarityMatrix {
 public:
  SimilarityMatrix() = default;
  SimilarityMatrix(const SimilarityMatrix&) = delete;
  SimilarityMatrix& operator=(const SimilarityMatrix&) = delete;
  SimilarityMatrix(SimilarityMatrix&&) = delete;
  SimilarityMatrix& operator=(SimilarityMatrix&&) = delete;
  virtual ~SimilarityMatrix() = default;

  /// The numbers, in memory of the host that lives as long as this does.
  virtual const float* wait() = 0;
};

/// Makes similarity matrices where the layers are.
class Similarities {
 public:
  Similarities() = default;
  Similarities(const Similarities&) = delete;
  Similarities& operator=(const Similarities&) = delete;
  Similarities(Similarities&&) = delete;
  Similarities& operator=(Similarities&&) = delete;
  virtual ~Similarities() = default;

  virtual Measure measure() const = 0;
  /// Tasks of the same layer b should follow each other: the layer that was shuffled last is kept.
  virtual std::unique_ptr<SimilarityMatrix> start(const MatchTask& task) = 0;
  /// A layer's sketches in memory of the host that lives as long as this does.
  virtual const std::int32_t* host_sketches(const LayerEvidence& layer) = 0;
  /// Of matrices that may be alive at once: enough to keep all threads at work on assignments, which are sequential,
  /// without holding those of a whole deep network.
  virtual std::int64_t budget_bytes() const = 0;
};

/// For layers in memory of the host.
class HostSimilarities final : public Similarities {
 public:
  /// @param partners [inputs] who trades places with each input, for tasks that are shuffled; may be empty without
  HostSimilarities(Measure measure, std::vector<std::int64_t> partners, const ParallelFor& parallel_for)
      : measure_(measure), partners_(std::move(partners)), parallel_for_(parallel_for) {}

  Measure measure() const override { return measure_; }
  std::unique_ptr<SimilarityMatrix> start(const MatchTask& task) override;
  const std::int32_t* host_sketches(const LayerEvidence& layer) override {
    return static_cast<const std::int32_t*>(layer.data);
  }
  std::int64_t budget_bytes() const override { return std::int64_t{256} << 20; }

 private:
  void shuffle(const LayerEvidence& layer);

  Measure measure_;
  std::vector<std::int64_t> partners_;
  const ParallelFor& parallel_for_;
  const LayerEvidence* shuffled_of_ = nullptr;
  LayerEvidence shuffled_{};
  std::vector<std::uint8_t> rows_;
};

}  // namespace funcsim
