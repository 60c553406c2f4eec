// Packing activations: bytes a second are those that are read. copy_bytes is the limit for matrices beyond the caches:
// a copy reads as much, and writes it too.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/activation_signatures/activation_signatures.h"
#include "kernels/common/bits.h"

namespace funcsim {
namespace {

std::int64_t element_bytes(ScalarType type) {
  if (type == ScalarType::float64) {
    return 8;
  }
  return type == ScalarType::float32 ? 4 : 2;
}

/// Finite numbers of both signs: one exponent, so that they are finite in each type.
std::vector<std::uint8_t> random_numbers(ScalarType type, std::int64_t count) {
  std::mt19937_64 random(1);
  const std::int64_t size = element_bytes(type);
  std::uint64_t one = 0x3C00;
  if (type == ScalarType::float64) {
    one = std::uint64_t{1023} << 52;
  } else if (type == ScalarType::float32) {
    one = 0x3F800000;
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count * size));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t bits = ((random() >> 63) << ((8 * size) - 1)) | one;
    std::memcpy(bytes.data() + (i * size), &bits, static_cast<std::size_t>(size));
  }
  return bytes;
}

/// Every second column. Arguments: type, samples, units. Bytes are those that the columns span, which memory has to
/// move.
void pack_every_second_column(benchmark::State& state) {
  const auto type = static_cast<ScalarType>(state.range(0));
  const std::int64_t samples = state.range(1);
  const std::int64_t units = state.range(2);
  const std::vector<std::uint8_t> numbers = random_numbers(type, 2 * samples * units);
  const Activations activations{numbers.data(), type, samples, units, 2 * units, 2};
  const std::int64_t row_bytes = signature_bytes(samples);
  std::vector<std::uint8_t> signatures(static_cast<std::size_t>(units * row_bytes));
  for (auto _ : state) {
    benchmark::DoNotOptimize(activation_signatures(activations, nullptr, signatures.data(), row_bytes, serial_for));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * 2 * samples * units * element_bytes(type));
}

BENCHMARK(pack_every_second_column)
    ->ArgNames({"type", "samples", "units"})
    ->ArgsProduct({{0, 1, 2, 3}, {16384}, {2048}})
    ->Unit(benchmark::kMillisecond);

/// Arguments: type, samples, units, whether the units of a sample are neighbours.
void pack(benchmark::State& state) {
  const auto type = static_cast<ScalarType>(state.range(0));
  const std::int64_t samples = state.range(1);
  const std::int64_t units = state.range(2);
  const bool by_sample = state.range(3) != 0;
  const std::vector<std::uint8_t> numbers = random_numbers(type, samples * units);
  const Activations activations{numbers.data(), type, samples, units, by_sample ? units : 1, by_sample ? 1 : samples};
  const std::int64_t row_bytes = signature_bytes(samples);
  std::vector<std::uint8_t> signatures(static_cast<std::size_t>(units * row_bytes));
  for (auto _ : state) {
    benchmark::DoNotOptimize(activation_signatures(activations, nullptr, signatures.data(), row_bytes, serial_for));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * samples * units * element_bytes(type));
}

BENCHMARK(pack)
    ->ArgNames({"type", "samples", "units", "by_sample"})
    ->ArgsProduct({{0, 1, 2, 3}, {16384}, {2048}, {0, 1}})
    ->ArgsProduct({{0, 3}, {1024}, {2048}, {0, 1}})
    ->ArgsProduct({{0, 3}, {256}, {512}, {0, 1}})
    ->Args({0, 16383, 2047, 1})
    ->Unit(benchmark::kMillisecond);

void copy_bytes(benchmark::State& state) {
  std::vector<std::uint8_t> from(static_cast<std::size_t>(state.range(0)), 1);
  std::vector<std::uint8_t> to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK(copy_bytes)->Arg(std::int64_t{4} << 25)->Arg(std::int64_t{2} << 25)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace funcsim
