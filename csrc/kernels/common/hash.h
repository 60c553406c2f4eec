#pragma once

#include <cstdint>

namespace funcsim {

// The hash behind sketches, position sampling and the shuffle. It is part of the file format
// (docs/hash.md gives the definition and test vectors): never change what it returns.

/// SplitMix64's finaliser (Stafford's variant 13): Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014. A bijection of the 64-bit integers.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration (Hurchalla, "An improved integer modular
/// multiplicative inverse (modulo 2^w)", 2022): x is right in its last 3 bits, and every step doubles them.
constexpr std::uint64_t inverse_of_odd(std::uint64_t x) {
  std::uint64_t inverse = x;
  for (int bits = 3; bits < 64; bits *= 2) {
    inverse *= 2 - (x * inverse);
  }
  return inverse;
}

/// The number whose mix64() is x.
constexpr std::uint64_t unmix64(std::uint64_t x) {
  x = (x ^ (x >> 31) ^ (x >> 62)) * inverse_of_odd(0x94D049BB133111EBULL);
  x = (x ^ (x >> 27) ^ (x >> 54)) * inverse_of_odd(0xBF58476D1CE4E5B9ULL);
  return x ^ (x >> 30) ^ (x >> 60);
}

/// What a stream of hashes is for; streams of different purposes are independent.
enum class HashPurpose : std::uint64_t {
  sample_order = 1,
  position = 2,
  shuffle = 3,
  fingerprint = 4,
  bootstrap = 5,
  shuffle_seed = 6,
};

/// A keyed stream of 64-bit hashes: element i is output i of SplitMix64 started at
/// key = mix64(mix64(seed + gamma) + purpose * gamma), gamma = 0x9E3779B97F4A7C15, all modulo 2^64.
class HashStream {
 public:
  constexpr HashStream(std::int64_t seed, HashPurpose purpose)
      : key_(mix64(mix64(static_cast<std::uint64_t>(seed) + gamma) + (static_cast<std::uint64_t>(purpose) * gamma))) {}

  /// The hash of one index.
  constexpr std::uint64_t operator()(std::uint64_t index) const { return mix64(unmixed(index)); }

  /// The sum that is mixed for one index: loops over consecutive indices add `gamma` each time.
  constexpr std::uint64_t unmixed(std::uint64_t index) const { return key_ + ((index + 1) * gamma); }

  /// The index with a hash: the stream is a bijection.
  constexpr std::uint64_t index_of(std::uint64_t hash) const {
    return ((unmix64(hash) - key_) * inverse_of_odd(gamma)) - 1;
  }

  static constexpr std::uint64_t gamma = 0x9E3779B97F4A7C15ULL;

 private:
  std::uint64_t key_;
};

}  // namespace funcsim
