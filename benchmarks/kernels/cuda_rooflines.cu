// What the card can do, for the shares of it that the benchmarks on it reach: a program that prints JSON.
#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/common/hash.h"
#include "kernels/cuda/device_attribute.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ptx.cuh"

namespace funcsim {
namespace {

constexpr int block_threads = 256;
constexpr int warpgroup_threads = 128;
constexpr int chains = 8;  // of instructions that don't wait for each other, in each thread

/// Random bits that depend on the thread, since data without a pattern is what takes a card's full power.
__device__ std::uint32_t random_word(std::uint32_t index) {
  return static_cast<std::uint32_t>(mix64((std::uint64_t{threadIdx.x} << 32) + index) >> 32);
}

__device__ std::int64_t thread_index() {
  return (static_cast<std::int64_t>(blockIdx.x) * blockDim.x) + threadIdx.x;
}

// Kernels add up what they have computed: `sums` has one number a thread. It shows that all of the work was done.

constexpr int loads = 4;  // that a thread doesn't wait for one by one

__device__ void load(const uint4* from, std::int64_t first, std::int64_t step, std::int64_t size,
                     uint4 (&pieces)[loads]) {
#pragma unroll
  for (int k = 0; k < loads; ++k) {
    const std::int64_t i = first + (k * step);
    pieces[k] = i < size ? from[i] : make_uint4(0, 0, 0, 0);
  }
}

__global__ void __launch_bounds__(block_threads)
    read_memory(const uint4* from, std::int64_t size, std::uint32_t* sums) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  std::uint32_t sum = 0;
  for (std::int64_t first = thread_index(); first < size; first += loads * step) {
    uint4 pieces[loads];
    load(from, first, step, size, pieces);
    for (const uint4& piece : pieces) {
      sum += piece.x + piece.y + piece.z + piece.w;
    }
  }
  sums[thread_index()] = sum;
}

__global__ void __launch_bounds__(block_threads)
    copy_memory(const uint4* __restrict__ from, std::int64_t size, uint4* __restrict__ to) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t first = thread_index(); first < size; first += loads * step) {
    uint4 pieces[loads];
    load(from, first, step, size, pieces);
#pragma unroll
    for (int k = 0; k < loads; ++k) {
      if (first + (k * step) < size) {
        to[first + (k * step)] = pieces[k];
      }
    }
  }
}

/// And, count, add.
__global__ void __launch_bounds__(block_threads) count_bits(std::int64_t rounds, std::uint32_t* sums) {
  std::uint32_t words[chains];
  std::uint32_t counts[chains] = {};
  for (int k = 0; k < chains; ++k) {
    words[k] = random_word(k);
  }
  std::uint32_t other = random_word(chains);
  for (std::int64_t round = 0; round < rounds; ++round) {
    other += 0x9E3779B9U;
#pragma unroll
    for (int k = 0; k < chains; ++k) {
      counts[k] += __popc(words[k] & other);
    }
  }
  std::uint32_t sum = 0;
  for (const std::uint32_t count : counts) {
    sum += count;
  }
  sums[thread_index()] = sum;
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

template <typename Multiply>
__device__ void multiply(std::int64_t rounds, std::uint32_t* sums, const Multiply& add_products) {
  std::uint32_t a[4];
  std::uint32_t b[2];
  for (int k = 0; k < 4; ++k) {
    a[k] = random_word(k);
    b[k % 2] = random_word(4 + k);
  }
  std::int32_t products[chains][4] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma unroll
    for (int k = 0; k < chains; ++k) {
      add_products(products[k], a, b);
    }
  }
  std::uint32_t sum = 0;
  for (const auto& of_chain : products) {
    for (const std::int32_t product : of_chain) {
      sum += static_cast<std::uint32_t>(product);
    }
  }
  sums[thread_index()] = sum;
}

#endif

__global__ void __launch_bounds__(block_threads) multiply_bytes(std::int64_t rounds, std::uint32_t* sums) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  multiply(rounds, sums, [](auto& products, const auto& a, const auto& b) { ptx::mma_s8(products, a, b); });
#endif
}

__global__ void __launch_bounds__(block_threads) multiply_bits(std::int64_t rounds, std::uint32_t* sums) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800 && __CUDA_ARCH__ <= 900
  multiply(rounds, sums, [](auto& products, const auto& a, const auto& b) { ptx::mma_b1(products, a, b); });
#endif
}

constexpr int row_bytes = 128;  // of what wgmma reads from shared memory
constexpr int rows_a = 64;
constexpr int rows_b = 256;
constexpr int groups = 4;  // of wgmmas in a round that aren't waited for

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

/// Of rows of 128 bytes one after the other, swizzled, which random bits are like any others.
__device__ std::uint64_t described(const std::uint32_t* start) {
  constexpr std::uint64_t next_pieces = 1;
  constexpr std::uint64_t next_8_rows = 8 * row_bytes;
  constexpr std::uint64_t swizzle_128_bytes = 1;
  const auto address = static_cast<std::uint64_t>(__cvta_generic_to_shared(start));
  return ((address & 0x3FFFF) >> 4) | (next_pieces << 16) | (next_8_rows >> 4 << 32) | (swizzle_128_bytes << 62);
}

#endif

__global__ void __launch_bounds__(warpgroup_threads)
    multiply_bits_of_warpgroups(std::int64_t rounds, std::uint32_t* sums) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  FUNCSIM_DYNAMIC_SHARED(std::uint32_t, shared);
  constexpr int words_a = rows_a * row_bytes / 4;
  constexpr int words = (rows_a + rows_b) * row_bytes / 4;
  for (int k = static_cast<int>(threadIdx.x); k < words; k += warpgroup_threads) {
    shared[k] = random_word(k);
  }
  ptx::fence_proxy_async();
  __syncthreads();
  std::int32_t products[128] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    ptx::wgmma_fence();
#pragma unroll
    for (int k = 0; k < groups * row_bytes / 32; ++k) {
      const int first_word = k % (row_bytes / 32) * 8;
      ptx::wgmma_b1(products, described(shared + first_word), described(shared + words_a + first_word));
    }
    ptx::wgmma_commit();
    ptx::wgmma_wait<0>(products);
  }
  std::uint32_t sum = 0;
  for (const std::int32_t product : products) {
    sum += static_cast<std::uint32_t>(product);
  }
  sums[thread_index()] = sum;
#endif
}

/// How much to measure.
struct Effort {
  bool is_smoke;
  int repetitions() const { return is_smoke ? 1 : 11; }
  double milliseconds() const { return is_smoke ? 0.0 : 4.0; }
  std::int64_t first_rounds() const { return is_smoke ? 2 : 64; }
  std::int64_t memory_bytes() const { return std::int64_t{1} << (is_smoke ? 16 : 30); }
};

struct Rate {
  const char* name;
  const char* unit;
  double per_second;
};

class DeviceMemory {
 public:
  DeviceMemory(std::int64_t bytes, int value) {
    check_cuda(cudaMalloc(&memory_, static_cast<std::size_t>(bytes)), "allocating memory");
    check_cuda(cudaMemset(memory_, value, static_cast<std::size_t>(bytes)), "filling memory");
  }
  ~DeviceMemory() { static_cast<void>(cudaFree(memory_)); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  template <typename Number>
  Number* as() const {
    return static_cast<Number*>(memory_);
  }

 private:
  void* memory_ = nullptr;
};

/// One number of each thread of a launch.
class Sums {
 public:
  explicit Sums(const LaunchShape& shape)
      : size_(std::int64_t{shape.blocks.x} * shape.threads.x),
        memory_(size_ * static_cast<std::int64_t>(sizeof(std::uint32_t)), 0) {}

  std::uint32_t* data() const { return memory_.as<std::uint32_t>(); }

  /// Modulo 2^32, of the work that is done.
  std::uint32_t total() const {
    std::vector<std::uint32_t> sums(static_cast<std::size_t>(size_));
    check_cuda(cudaMemcpy(sums.data(), data(), sums.size() * sizeof(sums[0]), cudaMemcpyDeviceToHost),
               "copying to the host");
    return std::accumulate(sums.begin(), sums.end(), std::uint32_t{0});
  }

 private:
  std::int64_t size_;
  DeviceMemory memory_;
};

class Card {
 public:
  explicit Card(Effort effort) : effort_(effort), queue_{.device = 0, .stream = nullptr, .scratch = nullptr} {
    check_cuda(cudaEventCreate(&begin_), "making an event");
    check_cuda(cudaEventCreate(&end_), "making an event");
  }
  ~Card() {
    static_cast<void>(cudaEventDestroy(begin_));
    static_cast<void>(cudaEventDestroy(end_));
  }
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  const Effort& effort() const { return effort_; }
  const DeviceQueue& queue() const { return queue_; }
  std::int64_t capability() const {
    return (10 * device_attribute(cudaDevAttrComputeCapabilityMajor, queue_)) +
           device_attribute(cudaDevAttrComputeCapabilityMinor, queue_);
  }

  /// As many blocks as are there at the same time.
  LaunchShape shape(int threads, int threads_of_processor, std::int64_t shared_bytes = 0) const {
    const std::int64_t blocks =
        device_attribute(cudaDevAttrMultiProcessorCount, queue_) * threads_of_processor / threads;
    return {.blocks = dim3(effort_.is_smoke ? 1 : static_cast<unsigned>(blocks)),
            .threads = dim3(static_cast<unsigned>(threads)),
            .shared_bytes = shared_bytes};
  }

  double milliseconds(const std::function<void()>& start) const {
    check_cuda(cudaEventRecord(begin_, nullptr), "recording an event");
    start();
    check_cuda(cudaEventRecord(end_, nullptr), "recording an event");
    check_cuda(cudaEventSynchronize(end_), "waiting for an event");
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, begin_, end_), "reading the time between events");
    return std::max(static_cast<double>(milliseconds), 1e-6);
  }

  /// The median, after a first time that doesn't count.
  double median_milliseconds(const std::function<void()>& start) const {
    start();
    std::vector<double> times(static_cast<std::size_t>(effort_.repetitions()));
    std::generate(times.begin(), times.end(), [&] { return milliseconds(start); });
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }

 private:
  Effort effort_;
  DeviceQueue queue_;
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

/// Bytes that are read; a copy writes as many.
std::vector<Rate> rates_of_memory(const Card& card) {
  const std::int64_t bytes = card.effort().memory_bytes();
  const std::int64_t pieces = bytes / static_cast<std::int64_t>(sizeof(uint4));
  const LaunchShape shape = card.shape(block_threads, 2048);
  const DeviceMemory from(bytes, 1);
  const DeviceMemory to(bytes, 0);
  const Sums sums(shape);
  const auto read = [&](const DeviceMemory& memory) {
    launch(read_memory, shape, card.queue(), memory.as<uint4>(), pieces, sums.data());
  };
  const auto check_sums = [&](const char* what) {
    const auto expected = static_cast<std::uint32_t>(static_cast<std::uint64_t>(bytes / 4) * 0x01010101U);
    check(sums.total() == expected, "not all of the memory was ", what);
  };
  const double reading = card.median_milliseconds([&] { read(from); });
  check_sums("read");
  const double copying = card.median_milliseconds(
      [&] { launch(copy_memory, shape, card.queue(), from.as<uint4>(), pieces, to.as<uint4>()); });
  read(to);
  check_sums("copied");
  return {{"memory read", "bytes", static_cast<double>(bytes) / reading * 1e3},
          {"memory copy", "bytes", static_cast<double>(bytes) / copying * 1e3}};
}

/// A kernel that computes with what a multiprocessor holds.
struct Computing {
  const char* name;
  const char* unit;
  void (*kernel)(std::int64_t rounds, std::uint32_t* sums);
  int threads;
  int threads_of_processor;
  std::int64_t shared_bytes;
  std::int64_t work_of_warp;  ///< in a round
  bool is_linear;             ///< sums are those of a round times the number of rounds
  int first_capability;       ///< that has the instruction: 80 is 8.0
  int last_capability;
};

constexpr int any_later = std::numeric_limits<int>::max();
constexpr std::array<Computing, 4> computings = {{
    {"popcount", "bit pairs", count_bits, block_threads, 1024, 0, std::int64_t{chains} * 32 * 32, false, 0, any_later},
    {"mma s8", "multiply-adds", multiply_bytes, block_threads, 1024, 0, std::int64_t{chains} * 16 * 8 * 32, true, 80,
     any_later},
    {"mma b1", "bit pairs", multiply_bits, block_threads, 1024, 0, std::int64_t{chains} * 16 * 8 * 256, true, 80, 90},
    {"wgmma b1", "bit pairs", multiply_bits_of_warpgroups, warpgroup_threads, 3 * warpgroup_threads,
     (rows_a + rows_b) * row_bytes, std::int64_t{groups} * rows_a / 4 * rows_b * row_bytes * 8, true, 90, 90},
}};

Rate rate_of(const Computing& computing, const Card& card) {
  const LaunchShape shape = card.shape(computing.threads, computing.threads_of_processor, computing.shared_bytes);
  const Sums sums(shape);
  const auto run = [&](std::int64_t rounds) { launch(computing.kernel, shape, card.queue(), rounds, sums.data()); };
  run(1);
  const std::uint32_t of_one = sums.total();
  check(of_one != 0, computing.name, ": this program has no code for this card");
  std::int64_t rounds = card.effort().first_rounds();
  while (card.milliseconds([&] { run(rounds); }) < card.effort().milliseconds()) {
    rounds *= 2;
  }
  const double milliseconds = card.median_milliseconds([&] { run(rounds); });
  const std::uint32_t expected = of_one * static_cast<std::uint32_t>(rounds);
  check(computing.is_linear ? sums.total() == expected : sums.total() != of_one, computing.name,
        ": sums aren't those of so many rounds");
  const double warps = static_cast<double>(shape.blocks.x) * computing.threads / 32;
  const double work = static_cast<double>(computing.work_of_warp) * warps * static_cast<double>(rounds);
  return {computing.name, computing.unit, work / milliseconds * 1e3};
}

void print_rates(const Effort& effort) {
  const Card card(effort);
  const std::int64_t capability = card.capability();
  std::vector<Rate> rates = rates_of_memory(card);
  for (const Computing& computing : computings) {
    if (computing.first_capability <= capability && capability <= computing.last_capability) {
      rates.push_back(rate_of(computing, card));
    }
  }
  std::printf("{\"compute capability\": %lld, \"rates\": [", static_cast<long long>(capability));
  const char* separator = "";
  for (const Rate& rate : rates) {
    std::printf("%s\n {\"name\": \"%s\", \"unit\": \"%s\", \"rate\": %.6g}", separator, rate.name, rate.unit,
                rate.per_second);
    separator = ",";
  }
  std::printf("]}\n");
}

}  // namespace
}  // namespace funcsim

int main(int argc, char** argv) {
  try {
    const bool is_smoke = argc == 2 && std::strcmp(argv[1], "--smoke") == 0;
    if (argc != 1 && !is_smoke) {
      std::fprintf(stderr, "usage: %s [--smoke]\n", argv[0]);
      return 2;
    }
    funcsim::print_rates(funcsim::Effort{is_smoke});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
