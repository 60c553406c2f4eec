#include "kernels/common/hash.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace funcsim {
namespace {

TEST(Hash, MixIsTheFinaliserOfSplitMix64) {
  // The first outputs of SplitMix64 started at 1234567, as other implementations' tests quote them.
  constexpr std::uint64_t gamma = 0x9E3779B97F4A7C15ULL;
  const std::vector<std::uint64_t> outputs{6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
                                           4593380528125082431ULL, 16408922859458223821ULL};
  for (std::uint64_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(mix64(1234567 + ((i + 1) * gamma)), outputs[i]);
  }
}

TEST(Hash, StreamsHaveTheDocumentedValues) {
  // docs/hash.md, which another language's implementation agrees with.
  struct Vector {
    std::int64_t seed;
    HashPurpose purpose;
    std::uint64_t index;
    std::uint64_t hash;
  };
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const std::vector<Vector> vectors{
      {0, HashPurpose::sample_order, 0, 0x238275BC38FCBE91ULL},
      {0, HashPurpose::sample_order, 1, 0xF89A2566B5822C54ULL},
      {0, HashPurpose::sample_order, 1ULL << 40, 0xC689D8362B3431CBULL},
      {1, HashPurpose::sample_order, 0, 0xB18A02F46D8D86C3ULL},
      {-1, HashPurpose::sample_order, 0, 0xFC042709560421DAULL},
      {least, HashPurpose::sample_order, 7, 0xA37C194C2D014669ULL},
      {0, HashPurpose::position, 0, 0x2F101FE21496EA20ULL},
      {most, HashPurpose::position, ~0ULL, 0x4DEDBAF33A874163ULL},
      {0, HashPurpose::shuffle, 0, 0x0B91752FD22FB56AULL},
      {12345, HashPurpose::shuffle, static_cast<std::uint64_t>(most), 0x5CF9EA2D016140E1ULL},
      {0, HashPurpose::fingerprint, 0, 0xCDA3E176F37BC9FBULL},
      {-3, HashPurpose::bootstrap, 256000, 0xF7AD61CF6B805D99ULL},
      {7, HashPurpose::shuffle_seed, 98, 0x3C7B9124916B59E1ULL},
  };
  for (const Vector& vector : vectors) {
    EXPECT_EQ(HashStream(vector.seed, vector.purpose)(vector.index), vector.hash) << "seed " << vector.seed;
    EXPECT_EQ(HashStream(vector.seed, vector.purpose).index_of(vector.hash), vector.index) << "seed " << vector.seed;
  }
}

TEST(Hash, UnmixIsTheInverseOfMix) {
  for (const std::uint64_t x : {0ULL, 1ULL, 0x9E3779B97F4A7C15ULL, 1ULL << 63, ~0ULL}) {
    EXPECT_EQ(unmix64(mix64(x)), x);
    EXPECT_EQ(mix64(unmix64(x)), x);
  }
}

}  // namespace
}  // namespace funcsim
