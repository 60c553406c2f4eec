#include "kernels/shuffle_samples/shuffle_samples.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/common/bits.h"
#include "kernels/common/hash.h"

namespace funcsim {

namespace {

/// Samples are bits of eight units side by side, so that a byte is moved for eight bits.
constexpr std::int64_t units_together = 8;

/// Where every sample comes from.
std::vector<std::int64_t> sample_sources(const std::vector<std::int64_t>& partners, std::int64_t samples_per_input) {
  std::vector<std::int64_t> sources;
  sources.reserve(partners.size() * static_cast<std::size_t>(samples_per_input));
  for (const std::int64_t partner : partners) {
    for (std::int64_t p = 0; p < samples_per_input; ++p) {
      sources.push_back((partner * samples_per_input) + p);
    }
  }
  return sources;
}

/// Byte s of `columns` becomes the bits of sample s of up to eight units.
void transpose_in(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t bytes,
                  std::uint8_t* columns) {
  for (std::int64_t c = 0; c < bytes; ++c) {
    std::uint64_t block = 0;
    for (std::int64_t u = 0; u < units; ++u) {
      block |= std::uint64_t{rows[(u * row_bytes) + c]} << (8 * u);
    }
    block = transpose_bits_8x8(block);
    std::memcpy(columns + (8 * c), &block, sizeof(block));
  }
}

/// Writes the bits of the samples' sources, the inverse of transpose_in.
void transpose_out(const std::uint8_t* columns, const std::vector<std::int64_t>& sources, std::int64_t units,
                   std::int64_t row_bytes, std::uint8_t* rows) {
  const auto samples = static_cast<std::int64_t>(sources.size());
  for (std::int64_t first = 0; first < samples; first += 8) {
    std::uint64_t block = 0;
    for (std::int64_t s = first; s < std::min(first + 8, samples); ++s) {
      block |= std::uint64_t{columns[sources[s]]} << (8 * (s - first));
    }
    block = transpose_bits_8x8(block);
    for (std::int64_t u = 0; u < units; ++u) {
      rows[(u * row_bytes) + (first / 8)] = static_cast<std::uint8_t>(block >> (8 * u));
    }
  }
}

void shuffle_bits(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                  const std::vector<std::int64_t>& sources, std::uint8_t* out, const ParallelFor& parallel_for) {
  const std::int64_t bytes = (static_cast<std::int64_t>(sources.size()) + 7) / 8;
  const std::int64_t groups = (units + units_together - 1) / units_together;
  const std::int64_t grain = 1 + ((1 << 12) / (bytes + 1));
  parallel_for(0, groups, grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::uint8_t> columns(static_cast<std::size_t>(8 * bytes));
    for (std::int64_t g = begin; g < end; ++g) {
      const std::int64_t first = g * units_together;
      const std::int64_t present = std::min(units_together, units - first);
      transpose_in(signatures + (first * row_bytes), present, row_bytes, bytes, columns.data());
      transpose_out(columns.data(), sources, present, row_bytes, out + (first * row_bytes));
    }
  });
}

/// `bytes_per_input` is an integer or, so that a copy is an instruction and no call, an integral constant.
template <typename Size>
void shuffle_bytes(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                   const std::vector<std::int64_t>& partners, Size bytes_per_input, std::uint8_t* out,
                   const ParallelFor& parallel_for) {
  const auto num_inputs = static_cast<std::int64_t>(partners.size());
  const std::int64_t grain = 1 + ((1 << 14) / (num_inputs + 1));
  parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u) {
      const std::uint8_t* from = signatures + (u * row_bytes);
      std::uint8_t* to = out + (u * row_bytes);
      for (std::int64_t i = 0; i < num_inputs; ++i) {
        std::memcpy(to + (i * bytes_per_input), from + (partners[i] * bytes_per_input), bytes_per_input);
      }
    }
  });
}

}  // namespace

std::vector<std::int64_t> shuffle_partners(std::int64_t num_inputs, std::int64_t seed, std::int64_t first_input) {
  const HashStream stream(seed, HashPurpose::shuffle);
  std::vector<std::pair<std::uint64_t, std::int64_t>> order(static_cast<std::size_t>(num_inputs));
  for (std::int64_t i = 0; i < num_inputs; ++i) {
    order[i] = {stream(static_cast<std::uint64_t>(first_input) + static_cast<std::uint64_t>(i)), i};
  }
  std::ranges::sort(order);
  std::vector<std::int64_t> partners(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::size_t other = std::min(k ^ 1, order.size() - 1);
    partners[order[k].second] = order[other].second;
  }
  return partners;
}

std::vector<std::int64_t> samples_of(std::span<const std::int64_t> inputs, std::int64_t samples_per_input) {
  std::vector<std::int64_t> samples;
  samples.reserve(inputs.size() * static_cast<std::size_t>(samples_per_input));
  for (const std::int64_t input : inputs) {
    for (std::int64_t p = 0; p < samples_per_input; ++p) {
      samples.push_back((input * samples_per_input) + p);
    }
  }
  return samples;
}

void shuffle_samples(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                     const std::vector<std::int64_t>& partners, std::int64_t samples_per_input, std::uint8_t* out,
                     const ParallelFor& parallel_for) {
  if (samples_per_input == 8) {
    shuffle_bytes(signatures, units, row_bytes, partners, std::integral_constant<std::size_t, 1>{}, out, parallel_for);
  } else if (samples_per_input == 16) {
    shuffle_bytes(signatures, units, row_bytes, partners, std::integral_constant<std::size_t, 2>{}, out, parallel_for);
  } else if (samples_per_input % 8 == 0) {
    shuffle_bytes(signatures, units, row_bytes, partners, static_cast<std::size_t>(samples_per_input / 8), out,
                  parallel_for);
  } else {
    shuffle_bits(signatures, units, row_bytes, sample_sources(partners, samples_per_input), out, parallel_for);
  }
}

}  // namespace funcsim
