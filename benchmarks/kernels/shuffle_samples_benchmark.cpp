#include <benchmark/benchmark.h>

#include "kernels/common/bits.h"
#include "kernels/shuffle_samples/shuffle_samples.h"
#include "random_signatures.h"

namespace funcsim {
namespace {

constexpr std::int64_t kUnits = 256;

void shuffle_partners_of_inputs(benchmark::State& state) {
  const std::int64_t inputs = state.range(0);
  for (auto _ : state) {
    benchmark::DoNotOptimize(shuffle_partners(inputs, 0, 0, serial_for));
  }
  state.SetItemsProcessed(state.iterations() * inputs);
}
BENCHMARK(shuffle_partners_of_inputs)->Arg(4096)->Arg(65536)->Arg(1 << 20);

// Arguments: inputs, samples an input. Bytes are those of the signatures, each read once and written once.
void shuffle_samples_of_signatures(benchmark::State& state) {
  const std::int64_t inputs = state.range(0);
  const std::int64_t samples_per_input = state.range(1);
  const std::int64_t row_bytes = signature_bytes(inputs * samples_per_input);
  const std::vector<std::uint8_t> signatures = random_signatures(kUnits, row_bytes);
  const std::vector<std::int64_t> partners = shuffle_partners(inputs, 0, 0, serial_for);
  std::vector<std::uint8_t> shuffled(signatures.size());
  for (auto _ : state) {
    shuffle_samples(signatures.data(), kUnits, row_bytes, partners, samples_per_input, shuffled.data(), serial_for);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kUnits * inputs * samples_per_input);
  state.SetBytesProcessed(state.iterations() * kUnits * row_bytes);
}
BENCHMARK(shuffle_samples_of_signatures)
    ->Args({4096, 1})
    ->Args({65536, 1})
    ->Args({4096, 8})
    ->Args({4096, 16})
    ->Args({4096, 24})
    ->Args({4096, 32})
    ->Args({4096, 64});

}  // namespace
}  // namespace funcsim
