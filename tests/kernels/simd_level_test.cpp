#include "kernels/common/simd_level.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/common/error.h"

namespace funcsim {
namespace {

/// What simd_level() says in a new process with this FUNCSIM_SIMD.
std::string level_with(const char* value) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    setenv("FUNCSIM_SIMD", value, 1);
    std::string said;
    try {
      said = simd_level_name(simd_level());
    } catch (const Error& error) {
      said = error.what();
    }
    const bool written = write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::string said(1024, '\0');
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(read(ends[0], said.data(), said.size()), 0)));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return said;
}

std::vector<std::string> supported_names() {
  std::vector<std::string> names;
  for (const SimdLevel level : supported_simd_levels()) {
    names.emplace_back(simd_level_name(level));
  }
  return names;
}

// Comes first: children inherit the choice once it is made.
TEST(ASimdLevel, TakesEachSupportedNameAndRefusesOthers) {
  for (const std::string& name : supported_names()) {
    EXPECT_EQ(level_with(name.c_str()), name);
  }
  EXPECT_EQ(level_with(""), supported_names().back());
  for (const char* wrong : {"AVX2", "avx", "sse2", "fastest"}) {
    const std::string message = level_with(wrong);
    EXPECT_NE(message.find("FUNCSIM_SIMD must name an instruction set that this machine"), std::string::npos)
        << message;
    EXPECT_NE(message.find("got \"" + std::string(wrong) + "\""), std::string::npos) << message;
    for (const std::string& name : supported_names()) {
      EXPECT_NE(message.find(name), std::string::npos) << message;
    }
  }
}

TEST(SimdLevel, EveryMachineHasThePortableOneFirst) {
  EXPECT_EQ(supported_simd_levels().front(), SimdLevel::portable);
}

TEST(SimdLevel, IsTheOneAskedFor) {
  const char* forced = std::getenv("FUNCSIM_SIMD");
  ASSERT_NE(forced, nullptr);
  EXPECT_EQ(simd_level_name(simd_level()), forced);
}

/// Levels in place of loops.
struct AllLevels {
  static constexpr SimdLevel portable = SimdLevel::portable;
  static constexpr SimdLevel neon = SimdLevel::neon;
  static constexpr SimdLevel avx2 = SimdLevel::avx2;
  static constexpr SimdLevel avx512 = SimdLevel::avx512;
};

struct SomeLevels {
  static constexpr SimdLevel portable = SimdLevel::portable;
  static constexpr SimdLevel avx2 = SimdLevel::avx2;
};

TEST(SimdLevel, ChoosesTheLoopsOfItsLevelOrOfTheNextOneDown) {
  EXPECT_EQ(chosen_loops<AllLevels>(), simd_level());
  EXPECT_EQ(chosen_loops<SomeLevels>(), simd_level() >= SimdLevel::avx2 ? SimdLevel::avx2 : SimdLevel::portable);
}

}  // namespace
}  // namespace funcsim
