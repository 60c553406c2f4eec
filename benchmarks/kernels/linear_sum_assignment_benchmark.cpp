#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

#include "kernels/common/parallel.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"

namespace funcsim {
namespace {

std::vector<float> uniform_costs(std::int64_t rows, std::int64_t columns) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform;
  std::vector<float> costs(static_cast<std::size_t>(rows * columns));
  for (float& cost : costs) {
    cost = uniform(random);
  }
  return costs;
}

/// Sums of a row's and a column's cost, and little else: nearly every assignment is nearly the best.
std::vector<float> near_ties(std::int64_t rows, std::int64_t columns) {
  std::vector<float> costs = uniform_costs(rows, columns);
  const std::vector<float> row = uniform_costs(rows, 1);
  const std::vector<float> column = uniform_costs(columns, 1);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      float& cost = costs[(i * columns) + j];
      cost = (0.02F * cost) + row[i] + column[j];
    }
  }
  return costs;
}

void assign(benchmark::State& state, const std::vector<float>& costs) {
  const CostMatrix<float> matrix{costs.data(), state.range(0), state.range(1), state.range(1), 1};
  for (auto _ : state) {
    benchmark::DoNotOptimize(linear_sum_assignment(matrix, false, serial_for));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(costs.size() * sizeof(float)));
}

void linear_sum_assignment_uniform(benchmark::State& state) {
  assign(state, uniform_costs(state.range(0), state.range(1)));
}

void linear_sum_assignment_near_ties(benchmark::State& state) {
  assign(state, near_ties(state.range(0), state.range(1)));
}

BENCHMARK(linear_sum_assignment_uniform)
    ->Args({1024, 1024})
    ->Args({2048, 2048})
    ->Args({2048, 4096})
    ->Args({10, 100000});
BENCHMARK(linear_sum_assignment_near_ties)->Args({1024, 1024})->Args({2048, 2048})->Args({2048, 4096});

}  // namespace
}  // namespace funcsim
