#include "compare/similarities.h"

#include <cstddef>

#include "kernels/jaccard/jaccard.h"
#include "kernels/minhash_jaccard/minhash_jaccard.h"
#include "kernels/shuffle_samples/shuffle_samples.h"

namespace funcsim {

namespace {

/// One that is there already.
class HostMatrix final : public SimilarityMatrix {
 public:
  HostMatrix(Measure measure, const LayerEvidence& a, const LayerEvidence& b, const ParallelFor& parallel_for)
      : values_(static_cast<std::size_t>(a.units) * static_cast<std::size_t>(b.units)) {
    const auto* bits_a = static_cast<const std::uint8_t*>(a.data);
    const auto* bits_b = static_cast<const std::uint8_t*>(b.data);
    switch (measure) {
      case Measure::jaccard:
        jaccard(bits_a, a.units, bits_b, b.units, a.width, values_.data(), parallel_for);
        break;
      case Measure::phi:
        phi(bits_a, a.units, bits_b, b.units, a.width, a.num_samples, values_.data(), parallel_for);
        break;
      case Measure::minhash:
        minhash_jaccard(static_cast<const std::int32_t*>(a.data), a.units, static_cast<const std::int32_t*>(b.data),
                        b.units, a.width, values_.data(), parallel_for);
        break;
    }
  }

  const float* wait() override { return values_.data(); }

 private:
  std::vector<float> values_;
};

}  // namespace

std::unique_ptr<SimilarityMatrix> HostSimilarities::start(const MatchTask& task) {
  if (!task.shuffled) {
    return std::make_unique<HostMatrix>(measure_, *task.a, *task.b, parallel_for_);
  }
  if (shuffled_of_ != task.b) {
    shuffle(*task.b);
  }
  return std::make_unique<HostMatrix>(measure_, *task.a, shuffled_, parallel_for_);
}

void HostSimilarities::shuffle(const LayerEvidence& layer) {
  rows_.resize(static_cast<std::size_t>(layer.units) * static_cast<std::size_t>(layer.width));
  shuffle_samples(static_cast<const std::uint8_t*>(layer.data), layer.units, layer.width, partners_,
                  layer.num_samples / static_cast<std::int64_t>(partners_.size()), rows_.data(), parallel_for_);
  shuffled_ = layer;
  shuffled_.data = rows_.data();
  shuffled_of_ = &layer;
}

}  // namespace funcsim
