// Exact Jaccard of all pairs, by method, density and shape, in bit-pairs a second on one thread. What it is measured
// against is the popcount roofline of rooflines_benchmark.cpp.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "kernels/jaccard/intersection_counts.h"
#include "kernels/jaccard/jaccard.h"
#include "random_signatures.h"

namespace funcsim {
namespace {

void set_rate(benchmark::State& state, std::int64_t units_a, std::int64_t units_b, std::int64_t row_bytes) {
  state.counters["bit-pairs/s"] = benchmark::Counter(
      static_cast<double>(units_a) * static_cast<double>(units_b) * static_cast<double>(8 * row_bytes),
      benchmark::Counter::kIsIterationInvariantRate);
}

/// [units_a, units_b, samples, percent]
void jaccard_of_all_pairs(benchmark::State& state) {
  const std::int64_t units_a = state.range(0);
  const std::int64_t units_b = state.range(1);
  const std::int64_t row_bytes = state.range(2) / 8;
  const std::vector<std::uint8_t> a =
      random_signatures(units_a, row_bytes, static_cast<double>(state.range(3)) / 100, 1);
  const std::vector<std::uint8_t> b =
      random_signatures(units_b, row_bytes, static_cast<double>(state.range(3)) / 100, 2);
  std::vector<float> out(units_a * units_b);
  for (auto _ : state) {
    jaccard(a.data(), units_a, b.data(), units_b, row_bytes, out.data(), serial_for);
    benchmark::DoNotOptimize(out.data());
  }
  set_rate(state, units_a, units_b, row_bytes);
}
BENCHMARK(jaccard_of_all_pairs)
    ->ArgNames({"a", "b", "samples", "percent"})
    ->ArgsProduct({{2048}, {2048}, {32768}, {5, 25, 50, 75, 95}})
    ->ArgsProduct({{4096}, {4096}, {65536}, {25, 50}})
    ->Args({1, 4096, 65536, 25})
    ->Args({10, 100000, 4096, 25})
    ->Args({100000, 10, 4096, 25})
    ->Args({512, 512, 20000, 25})
    ->Args({64, 64, 4096, 25})
    ->Args({2048, 2048, 64, 25})
    ->Unit(benchmark::kMillisecond);

void jaccard_with_itself(benchmark::State& state) {
  const std::int64_t units = state.range(0);
  const std::int64_t row_bytes = state.range(1) / 8;
  const std::vector<std::uint8_t> rows = random_signatures(units, row_bytes, 0.25);
  std::vector<float> out(units * units);
  for (auto _ : state) {
    jaccard(rows.data(), units, rows.data(), units, row_bytes, out.data(), serial_for);
    benchmark::DoNotOptimize(out.data());
  }
  set_rate(state, units, units, row_bytes);
}
BENCHMARK(jaccard_with_itself)->ArgNames({"units", "samples"})->Args({2048, 32768})->Unit(benchmark::kMillisecond);

/// One method, whatever the rule would say: [method, units, percent] with 32768 samples.
void intersection_counts_by(benchmark::State& state) {
  const auto method = static_cast<CountMethod>(state.range(0));
  const std::int64_t units = state.range(1);
  constexpr std::int64_t row_bytes = 4096;
  const std::vector<std::uint8_t> a = random_signatures(units, row_bytes, static_cast<double>(state.range(2)) / 100, 1);
  const std::vector<std::uint8_t> b = random_signatures(units, row_bytes, static_cast<double>(state.range(2)) / 100, 2);
  std::vector<std::int32_t> counts_a(units);
  std::vector<std::int32_t> counts_b(units);
  set_counts(a.data(), units, row_bytes, counts_a.data(), serial_for);
  set_counts(b.data(), units, row_bytes, counts_b.data(), serial_for);
  std::vector<float> out(units * units);
  const CountEpilogue as_floats = [](const std::int32_t* common, std::int64_t columns, std::int32_t /*row_count*/,
                                     const std::int32_t* /*column_counts*/, float* similarity) {
    for (std::int64_t c = 0; c < columns; ++c) {
      similarity[c] = static_cast<float>(common[c]);
    }
  };
  for (auto _ : state) {
    intersection_counts({a.data(), units, counts_a.data()}, {b.data(), units, counts_b.data()}, row_bytes, method,
                        as_floats, out.data(), serial_for);
    benchmark::DoNotOptimize(out.data());
  }
  set_rate(state, units, units, row_bytes);
}
BENCHMARK(intersection_counts_by)
    ->ArgNames({"method", "units", "percent"})
    ->ArgsProduct({{static_cast<std::int64_t>(CountMethod::popcount)}, {32, 128, 2048}, {25}})
    ->ArgsProduct({{static_cast<std::int64_t>(CountMethod::vertical)}, {32, 128, 2048}, {5, 25, 50}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace funcsim
