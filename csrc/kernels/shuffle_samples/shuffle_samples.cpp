#include "kernels/shuffle_samples/shuffle_samples.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "kernels/activation_signatures/grid_points.h"
#include "kernels/common/bits.h"
#include "kernels/common/buffer.h"
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
    const auto columns = new_buffer<std::uint64_t>(ceil_div(bytes, 8) * 64);
    for (std::int64_t g = begin; g < end; ++g) {
      const std::int64_t first = g * units_together;
      const std::int64_t present = std::min(units_together, units - first);
      loops.columns_of_rows(signatures + (first * row_bytes), present, row_bytes, bytes, columns.get());
      loops.rows_of_columns(columns.get(), sources.data(), samples, present, row_bytes, out + (first * row_bytes));
    }
  });
}

/// Puts hashes that are alike in their first `skipped` bits into 2^bits buckets by the next `bits` (at least 1).
///
/// @return the end of each bucket in `out`
std::vector<std::int64_t> distribute(std::span<const std::uint64_t> hashes, int skipped, int bits, std::uint64_t* out) {
  const auto bucket_of = [&](std::uint64_t hash) { return (hash << skipped) >> (64 - bits); };
  std::vector<std::int64_t> places(std::size_t{1} << bits);
  for (const std::uint64_t hash : hashes) {
    ++places[bucket_of(hash)];
  }
  std::int64_t before = 0;
  for (std::int64_t& place : places) {
    before += std::exchange(place, before);
  }
  // Every place moves on from the beginning of its bucket to the end.
  for (const std::uint64_t hash : hashes) {
    out[places[bucket_of(hash)]++] = hash;
  }
  return places;
}

void insertion_sort(std::uint64_t* begin, const std::uint64_t* end) {
  for (std::uint64_t* next = begin; next < end; ++next) {
    const std::uint64_t hash = *next;
    std::uint64_t* place = next;
    for (; place > begin && place[-1] > hash; --place) {
      *place = place[-1];
    }
    *place = hash;
  }
}

/// Sorts by one pass into buckets of about four, which leaves little to sort: hashes are spread evenly.
void sort_hashes(std::span<const std::uint64_t> hashes, int skipped, std::uint64_t* sorted) {
  const int bits = std::max(1, static_cast<int>(std::bit_width(hashes.size() / 4)));
  std::int64_t begin = 0;
  for (const std::int64_t end : distribute(hashes, skipped, bits, sorted)) {
    insertion_sort(sorted + begin, sorted + end);
    begin = end;
  }
}

/// Hashes of a part, on average at most: few enough to be sorted in the second cache.
constexpr std::uint64_t part_hashes = std::uint64_t{1} << 15;

/// The hashes of all inputs, in order.
std::vector<std::uint64_t> sorted_hashes(const HashStream& stream, std::int64_t num_inputs, std::int64_t first_input,
                                         const ParallelFor& parallel_for) {
  std::vector<std::uint64_t> hashes(static_cast<std::size_t>(num_inputs));
  for (std::int64_t i = 0; i < num_inputs; ++i) {
    hashes[i] = stream(static_cast<std::uint64_t>(first_input) + static_cast<std::uint64_t>(i));
  }
  std::vector<std::uint64_t> sorted(hashes.size());
  std::vector<std::int64_t> part_ends = {num_inputs};
  const auto skipped = static_cast<int>(std::bit_width(hashes.size() / part_hashes));
  if (skipped > 0) {
    part_ends = distribute(hashes, 0, skipped, sorted.data());
    hashes.swap(sorted);
  }
  parallel_for(0, static_cast<std::int64_t>(part_ends.size()), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; ++part) {
      const std::int64_t begin = part == 0 ? 0 : part_ends[part - 1];
      sort_hashes(std::span(hashes).subspan(begin, part_ends[part] - begin), skipped, sorted.data() + begin);
    }
  });
  return sorted;
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

/// The inputs, as indices from 0, sorted by the hashes of their global indices.
std::vector<std::int64_t> sorted_inputs(std::int64_t num_inputs, std::int64_t seed, std::int64_t first_input,
                                        const ParallelFor& parallel_for) {
  const HashStream stream(seed, HashPurpose::shuffle);
  const std::vector<std::uint64_t> hashes = sorted_hashes(stream, num_inputs, first_input, parallel_for);
  std::vector<std::int64_t> inputs(hashes.size());
  parallel_for(0, num_inputs, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t place = begin; place < end; ++place) {
      inputs[place] =
          static_cast<std::int64_t>(stream.index_of(hashes[place]) - static_cast<std::uint64_t>(first_input));
    }
  });
  return inputs;
}

/// Partners of neighbours in an order: the first and the second, the third and the fourth, ...
std::vector<std::int64_t> partners_in(const std::vector<std::int64_t>& order, const ParallelFor& parallel_for) {
  const auto num_inputs = static_cast<std::int64_t>(order.size());
  std::vector<std::int64_t> partners(order.size());
  parallel_for(0, (num_inputs + 1) / 2, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pair = begin; pair < end; ++pair) {
      const std::int64_t input = order[2 * pair];
      const std::int64_t other = (2 * pair) + 1 < num_inputs ? order[(2 * pair) + 1] : input;
      partners[input] = other;
      partners[other] = input;
    }
  });
  return partners;
}

}  // namespace

std::vector<std::int64_t> shuffle_partners(std::int64_t num_inputs, std::int64_t seed, std::int64_t first_input,
                                           const ParallelFor& parallel_for) {
  return partners_in(sorted_inputs(num_inputs, seed, first_input, parallel_for), parallel_for);
}

std::vector<std::int64_t> shuffle_partners_again(std::int64_t num_inputs, std::int64_t seed, std::int64_t its_seed,
                                                 const ParallelFor& parallel_for) {
  const PointSets sets(seed);
  std::vector<std::int64_t> order = sorted_inputs(num_inputs, its_seed, 0, parallel_for);
  std::ranges::stable_sort(order, {}, [&](std::int64_t input) { return sets(static_cast<std::uint64_t>(input)); });
  return partners_in(order, parallel_for);
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
  // Few bytes an input are faster moved as bits, unless their copy is a single instruction.
  if (samples_per_input == 16) {
    shuffle_bytes(signatures, units, row_bytes, partners, std::integral_constant<std::size_t, 2>{}, out, parallel_for);
  } else if (samples_per_input == 32) {
    shuffle_bytes(signatures, units, row_bytes, partners, std::integral_constant<std::size_t, 4>{}, out, parallel_for);
  } else if (samples_per_input >= 64 && samples_per_input % 8 == 0) {
    shuffle_bytes(signatures, units, row_bytes, partners, static_cast<std::size_t>(samples_per_input / 8), out,
                  parallel_for);
  } else {
    shuffle_bits(signatures, units, row_bytes, sample_sources(partners, samples_per_input), out, parallel_for);
  }
}

}  // namespace funcsim
