// Comparing sketches: items a second are slots of pairs.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

#include "kernels/minhash_jaccard/minhash_jaccard.h"

namespace funcsim {
namespace {

/// Sketches whose slots have about `values` different values, the first ones most often, as units that fire often do.
std::vector<std::int32_t> random_sketches(std::int64_t units, std::int64_t num_hashes, std::int64_t values,
                                          unsigned seed) {
  std::mt19937_64 random(seed);
  std::geometric_distribution<std::int64_t> rank(8.0 / static_cast<double>(values));
  std::vector<std::int32_t> sketches(static_cast<std::size_t>(units * num_hashes));
  for (std::int32_t& slot : sketches) {
    slot = static_cast<std::int32_t>((rank(random) * 104729) & 0x7FFFFFFF);
  }
  return sketches;
}

/// Arguments: units of A, units of B (0: A itself), num_hashes, different values a slot.
void minhash_compare(benchmark::State& state) {
  const std::int64_t units_a = state.range(0);
  const bool symmetric = state.range(1) == 0;
  const std::int64_t units_b = symmetric ? units_a : state.range(1);
  const std::int64_t num_hashes = state.range(2);
  const std::vector<std::int32_t> a = random_sketches(units_a, num_hashes, state.range(3), 1);
  const std::vector<std::int32_t> b = random_sketches(units_b, num_hashes, state.range(3), 2);
  std::vector<float> out(static_cast<std::size_t>(units_a * units_b));
  for (auto _ : state) {
    minhash_jaccard(a.data(), units_a, symmetric ? a.data() : b.data(), units_b, num_hashes, out.data(), serial_for);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * units_a * units_b * num_hashes);
}

BENCHMARK(minhash_compare)
    ->ArgNames({"a", "b", "hashes", "values"})
    ->ArgsProduct({{2048}, {2048, 0}, {128, 1024}, {30}})
    ->ArgsProduct({{2048}, {2048}, {1024}, {4000}})
    ->ArgsProduct({{32}, {32}, {1024}, {30}})
    ->ArgsProduct({{48}, {48}, {1024}, {30}})
    ->ArgsProduct({{64}, {64}, {1024}, {30}})
    ->ArgsProduct({{128}, {128}, {1024}, {30}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace funcsim
