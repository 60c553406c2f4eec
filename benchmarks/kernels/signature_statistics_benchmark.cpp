#include <benchmark/benchmark.h>

#include "kernels/signature_statistics/signature_statistics.h"
#include "random_signatures.h"

namespace funcsim {
namespace {

constexpr std::int64_t kUnits = 256;

void statistics_of_signatures(benchmark::State& state) {
  const std::int64_t samples = state.range(0);
  const std::int64_t row_bytes = samples / 8;
  const std::vector<std::uint8_t> signatures = random_signatures(kUnits, row_bytes);
  std::vector<std::int64_t> counts(kUnits);
  std::vector<std::uint64_t> fingerprints(kUnits);
  for (auto _ : state) {
    signature_statistics(signatures.data(), kUnits, row_bytes, samples, 0, counts.data(), fingerprints.data(),
                         serial_for);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kUnits * samples);
  state.SetBytesProcessed(state.iterations() * kUnits * row_bytes);
}
BENCHMARK(statistics_of_signatures)->Arg(4096)->Arg(65536);

}  // namespace
}  // namespace funcsim
