#include <benchmark/benchmark.h>

#include <string>

#include "kernels/common/simd_level.h"

int main(int argc, char** argv) {
  benchmark::AddCustomContext("simd_level", std::string(funcsim::simd_level_name(funcsim::simd_level())));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
