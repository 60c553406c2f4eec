#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/common/ceil_div.h"

namespace funcsim {

// Packed bits, eight bytes at a time. Sample s is bit s % 8 of byte s / 8, so that in a little-endian word it is bit
// s % 64 as well.
static_assert(std::endian::native == std::endian::little, "the kernels load packed bits as little-endian words");

/// Bytes of one packed row of `samples` bits.
constexpr std::int64_t signature_bytes(std::int64_t samples) {
  return ceil_div(samples, 8);
}

/// The eight bytes at any address as a word.
inline std::uint64_t load_word(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

/// `count` bytes (0 to 8) as a word, the others 0.
inline std::uint64_t load_word(const std::uint8_t* bytes, std::int64_t count) {
  std::uint64_t word = 0;
  if (count > 0) {
    std::memcpy(&word, bytes, static_cast<std::size_t>(count));
  }
  return word;
}

/// Set bits of a word. Not std::popcount, which is a call to a table look-up where the machine need not have the
/// instruction; this is inlined and vectorised.
constexpr std::int64_t count_bits(std::uint64_t word) {
  word -= (word >> 1) & 0x5555555555555555ULL;
  word = (word & 0x3333333333333333ULL) + ((word >> 2) & 0x3333333333333333ULL);
  word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0FULL;
  return static_cast<std::int64_t>((word * 0x0101010101010101ULL) >> 56);
}

/// The transpose of an 8x8 matrix of bits: bit c of byte r becomes bit r of byte c (Warren, "Hacker's Delight", 7-3).
constexpr std::uint64_t transpose_bits_8x8(std::uint64_t x) {
  std::uint64_t swapped = (x ^ (x >> 7)) & 0x00AA00AA00AA00AAULL;
  x ^= swapped ^ (swapped << 7);
  swapped = (x ^ (x >> 14)) & 0x0000CCCC0000CCCCULL;
  x ^= swapped ^ (swapped << 14);
  swapped = (x ^ (x >> 28)) & 0x00000000F0F0F0F0ULL;
  return x ^ swapped ^ (swapped << 28);
}

/// Eight bytes that are 0 or 1 as eight bits, the lowest byte in the lowest bit.
constexpr std::uint8_t pack_flags(std::uint64_t flags) {
  return static_cast<std::uint8_t>((flags * 0x0102040810204080ULL) >> 56);
}

}  // namespace funcsim
