#include "kernels/shuffle_samples/shuffle_samples.h"

#include <algorithm>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/common/hash.h"
#include "kernels/common/simd_level.h"
#include "kernels/shuffle_samples/shuffle_loops.h"

namespace funcsim {

namespace {

/// Samples are bits of 64 units side by side, so that a word is moved for 64 bits.
constexpr std::int64_t units_together = 64;

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

void shuffle_bits(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                  const std::vector<std::int64_t>& sources, std::uint8_t* out, const ParallelFor& parallel_for) {
  const auto& loops = chosen_loops<ShuffleLoopsByLevel>();
  const auto samples = static_cast<std::int64_t>(sources.size());
  const std::int64_t bytes = signature_bytes(samples);
  const std::int64_t groups = ceil_div(units, units_together);
  const std::int64_t grain = 1 + ((1 << 12) / (bytes + 1));
  parallel_for(0, groups, grain, [&](std::int64_t begin, std::int64_t end) {
    // Uninitialised: all of it is written. NOLINTNEXTLINE(*-avoid-c-arrays)
    const auto columns = std::make_unique_for_overwrite<std::uint64_t[]>(ceil_div(bytes, 8) * 64);
    for (std::int64_t g = begin; g < end; ++g) {
      const std::int64_t first = g * units_together;
      const std::int64_t present = std::min(units_together, units - first);
      loops.columns_of_rows(signatures + (first * row_bytes), present, row_bytes, bytes, columns.get());
      loops.rows_of_columns(columns.get(), sources.data(), samples, present, row_bytes, out + (first * row_bytes));
    }
  });
}

struct HashedInput {
  std::uint64_t hash;
  std::int64_t input;

  auto operator<=>(const HashedInput&) const = default;
};

/// Inputs by hash, ties by index. One pass puts them into buckets of about four by the hash's leading bits, and there
/// is little left to sort.
std::vector<HashedInput> sorted_inputs(const HashStream& stream, std::int64_t num_inputs, std::int64_t first_input) {
  const auto hash_of = [&](std::int64_t i) {
    return stream(static_cast<std::uint64_t>(first_input) + static_cast<std::uint64_t>(i));
  };
  const int bits = std::max(1, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(num_inputs / 4))));
  std::vector<std::int64_t> places((std::size_t{1} << bits) + 1);
  for (std::int64_t i = 0; i < num_inputs; ++i) {
    ++places[hash_of(i) >> (64 - bits)];
  }
  std::int64_t before = 0;
  for (std::int64_t& place : places) {
    before += std::exchange(place, before);
  }
  std::vector<HashedInput> order(static_cast<std::size_t>(num_inputs));
  for (std::int64_t i = 0; i < num_inputs; ++i) {
    const std::uint64_t hash = hash_of(i);
    order[places[hash >> (64 - bits)]++] = {hash, i};
  }
  // Every place has moved on to the end of its bucket.
  std::int64_t begin = 0;
  for (const std::int64_t end : places) {
    std::sort(order.begin() + begin, order.begin() + end);
    begin = end;
  }
  return order;
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
  const std::vector<HashedInput> order = sorted_inputs(stream, num_inputs, first_input);
  std::vector<std::int64_t> partners(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::size_t other = std::min(k ^ 1, order.size() - 1);
    partners[order[k].input] = order[other].input;
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
