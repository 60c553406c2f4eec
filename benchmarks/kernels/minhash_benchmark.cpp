// Building MinHash sketches: hashes a second are units * num_hashes.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "kernels/common/bits.h"
#include "kernels/common/parallel.h"
#include "kernels/minhash/minhash.h"
#include "random_signatures.h"

namespace funcsim {
namespace {

/// Samples are ordered anew each time, as for the first of several layers. Arguments: units, samples, num_hashes,
/// density in thousandths.
void minhash_build(benchmark::State& state) {
  const std::int64_t units = state.range(0);
  const std::int64_t samples = state.range(1);
  const std::int64_t num_hashes = state.range(2);
  const std::int64_t row_bytes = signature_bytes(samples);
  const std::vector<std::uint8_t> bits =
      random_signatures(units, row_bytes, static_cast<double>(state.range(3)) / 1000);
  std::vector<std::int32_t> sketches(static_cast<std::size_t>(units * num_hashes), empty_slot);
  std::int64_t seed = 0;
  for (auto _ : state) {
    new_minhash_of_run(bits.data(), units, row_bytes, samples, num_hashes, seed++, 0, sketches.data(), serial_for);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * units * num_hashes);
}

BENCHMARK(minhash_build)
    ->ArgNames({"units", "samples", "hashes", "permille"})
    ->ArgsProduct({{2048}, {4096, 20000, 32768}, {128, 1024}, {250}})
    ->ArgsProduct({{2048}, {32768}, {128, 1024}, {1, 10, 50, 500}})
    ->Args({512, 20000, 1024, 250})
    ->Args({512, 20000, 1008, 250})
    ->Args({64, 20000, 1024, 250})
    ->Args({8, 20000, 1024, 250})
    ->Args({2048, 262144, 1024, 250})
    ->Args({2048, 1048576, 1024, 250})
    ->Unit(benchmark::kMillisecond);

void minhash_sample_order(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(sample_order(state.range(0), state.range(1), 0, 0, serial_for));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(minhash_sample_order)
    ->ArgNames({"samples", "hashes"})
    ->ArgsProduct({{4096, 20000, 32768, 1048576}, {128, 1024}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace funcsim
