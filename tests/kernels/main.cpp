// Runs the tests once for every instruction set that this machine has, each in a process of its own since the choice is
// made once a process; with FUNCSIM_SIMD set, for that one.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/common/simd_level.h"

namespace {

bool passes_at(funcsim::SimdLevel level) {
  const std::string name(funcsim::simd_level_name(level));
  std::printf("FUNCSIM_SIMD=%s\n", name.c_str());
  static_cast<void>(std::fflush(nullptr));
  const pid_t child = fork();
  if (child == 0) {
    setenv("FUNCSIM_SIMD", name.c_str(), 1);
    std::exit(RUN_ALL_TESTS());
  }
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (testing::GTEST_FLAG(list_tests) || std::getenv("FUNCSIM_SIMD") != nullptr) {
    return RUN_ALL_TESTS();
  }
  bool passed = true;
  for (const funcsim::SimdLevel level : funcsim::supported_simd_levels()) {
    passed = passes_at(level) && passed;
  }
  return passed ? 0 : 1;
}
