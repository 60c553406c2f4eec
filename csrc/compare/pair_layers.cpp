#include "compare/pair_layers.h"

#include <cmath>
#include <cstddef>

namespace funcsim {

namespace {

/// Best outcome for the layers from some (i, j) on.
struct Outcome {
  double sum = 0.0;
  std::int64_t pairs = 0;
};

bool better(const Outcome& x, const Outcome& y) {
  return x.sum > y.sum || (x.sum == y.sum && x.pairs > y.pairs);
}

}  // namespace

std::vector<std::pair<std::int64_t, std::int64_t>> pair_layers(const std::vector<double>& scores, std::int64_t layers_a,
                                                               std::int64_t layers_b) {
  const std::int64_t stride = layers_b + 1;
  std::vector<Outcome> best(static_cast<std::size_t>((layers_a + 1) * stride));
  const auto at = [&](std::int64_t i, std::int64_t j) -> Outcome& { return best[(i * stride) + j]; };
  const auto paired = [&](std::int64_t i, std::int64_t j) {
    return Outcome{scores[(i * layers_b) + j] + at(i + 1, j + 1).sum, at(i + 1, j + 1).pairs + 1};
  };
  const auto allowed = [&](std::int64_t i, std::int64_t j) { return !std::isnan(scores[(i * layers_b) + j]); };

  for (std::int64_t i = layers_a - 1; i >= 0; --i) {
    for (std::int64_t j = layers_b - 1; j >= 0; --j) {
      Outcome outcome = better(at(i + 1, j), at(i, j + 1)) ? at(i + 1, j) : at(i, j + 1);
      if (allowed(i, j) && !better(outcome, paired(i, j))) {
        outcome = paired(i, j);
      }
      at(i, j) = outcome;
    }
  }

  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  std::int64_t i = 0;
  std::int64_t j = 0;
  while (i < layers_a && j < layers_b) {
    if (allowed(i, j) && !better(at(i, j), paired(i, j))) {
      pairs.emplace_back(i, j);
      ++i;
      ++j;
    } else if (better(at(i + 1, j), at(i, j + 1))) {
      ++i;
    } else {
      ++j;
    }
  }
  return pairs;
}

}  // namespace funcsim
