// That blocks, threads, barriers and collectives do what CUDA's programming guide says, and what that leaves undefined
// is refused.

#include <string>
#include <vector>

#include "run_kernels.h"

namespace emulated_cuda {
namespace {

__global__ void write_indices(uint3* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = {blockIdx.x, threadIdx.x, threadIdx.z};
}

TEST(EmulatedBlock, RunsEveryThreadOfEveryBlock) {
  Output<uint3> out(2 * 3 * 2 * 5 * 1 * 4);
  ASSERT_EQ(start({{2, 3, 2}, {5, 1, 4}}, write_indices, out.data()), cudaSuccess);
  const auto& got = out.download();
  for (unsigned i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].x, i / 20 % 2);
    EXPECT_EQ(got[i].y, i % 5);
    EXPECT_EQ(got[i].z, i / 5 % 4);
  }
}

__global__ void vote(unsigned* out) {
  const unsigned lane = threadIdx.x % 32;
  out[threadIdx.x] = __ballot_sync(~0U, static_cast<int>(lane % 3 == 0));
  if (lane < 16) {  // the halves vote by themselves
    out[64 + threadIdx.x] = __ballot_sync(0xFFFFU, static_cast<int>(lane > 13));
  } else {
    out[64 + threadIdx.x] = __ballot_sync(0xFFFF0000U, static_cast<int>(lane < 18));
  }
  out[128 + threadIdx.x] = static_cast<unsigned>(__any_sync(~0U, static_cast<int>(threadIdx.x == 40)) * 2 +
                                                 __all_sync(~0U, static_cast<int>(threadIdx.x < 32)));
}

TEST(EmulatedBlock, Votes) {
  Output<unsigned> out(192);
  ASSERT_EQ(start({1, 64}, vote, out.data()), cudaSuccess);
  const auto& got = out.download();
  for (unsigned i = 0; i < 64; ++i) {
    EXPECT_EQ(got[i], 0x49249249U);
    EXPECT_EQ(got[64 + i], i % 32 < 16 ? 0xC000U : 0x30000U);
    EXPECT_EQ(got[128 + i], i < 32 ? 1U : 2U);
  }
}

__global__ void shuffle(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_sync(~0U, lane * 10, 35);
  out[32 + lane] = __shfl_sync(~0U, lane * 10, 9, 8);
  out[64 + lane] = __shfl_up_sync(~0U, lane, 3, 8);
  out[96 + lane] = __shfl_down_sync(~0U, lane, 3, 8);
  out[128 + lane] = __shfl_xor_sync(~0U, lane, 5);
  out[160 + lane] = static_cast<int>(__shfl_sync(~0U, static_cast<long long>(lane) << 40, lane ^ 1) >> 40);
  out[192 + lane] = __reduce_add_sync(~0U, lane);
}

TEST(EmulatedBlock, Shuffles) {
  Output<int> out(224);
  ASSERT_EQ(start({1, 32}, shuffle, out.data()), cudaSuccess);
  const auto& got = out.download();
  for (int lane = 0; lane < 32; ++lane) {
    const auto at = [&](int which) { return got[static_cast<std::size_t>(32 * which + lane)]; };
    EXPECT_EQ(at(0), 30);
    EXPECT_EQ(at(1), (lane / 8 * 8 + 1) * 10);
    EXPECT_EQ(at(2), lane % 8 < 3 ? lane : lane - 3);
    EXPECT_EQ(at(3), lane % 8 > 4 ? lane : lane + 3);
    EXPECT_EQ(at(4), lane ^ 5);
    EXPECT_EQ(at(5), lane ^ 1);
    EXPECT_EQ(at(6), 31 * 32 / 2);
  }
}

// The sum of a block's thread numbers by halving, with or without the barriers it needs.
__global__ void sum_of_block(unsigned* out, bool with_barriers) {
  __shared__ unsigned sums[256];
  sums[threadIdx.x] = threadIdx.x;
  for (unsigned half = 128; half > 0; half /= 2) {
    if (with_barriers) {
      __syncthreads();
    }
    if (threadIdx.x < half) {
      sums[threadIdx.x] += sums[threadIdx.x + half];
    }
  }
  if (threadIdx.x == 0) {
    out[blockIdx.x] = sums[0];
  }
}

TEST(EmulatedBlock, BarriersMakeTheBlockWait) {
  Output<unsigned> out(5);
  ASSERT_EQ(start({5, 256}, sum_of_block, out.data(), true), cudaSuccess);
  EXPECT_EQ(out.download(), std::vector<unsigned>(5, 255 * 256 / 2));
  ASSERT_EQ(start({5, 256}, sum_of_block, out.data(), false), cudaSuccess);
  EXPECT_NE(out.download(), std::vector<unsigned>(5, 255 * 256 / 2)) << "a missing barrier doesn't show";
}

__global__ void count_threads(int* out) {
  const int odd = static_cast<int>(threadIdx.x & 1);
  const int counted = __syncthreads_count(odd);
  const int any = __syncthreads_or(static_cast<int>(threadIdx.x == 77));
  const int all = __syncthreads_and(static_cast<int>(threadIdx.x != 77));
  out[threadIdx.x] = counted * 100 + any * 10 + all;
}

TEST(EmulatedBlock, BarriersCount) {
  Output<int> out(100);
  ASSERT_EQ(start({1, 100}, count_threads, out.data()), cudaSuccess);
  EXPECT_EQ(out.download(), std::vector<int>(100, 5010));
}

__global__ void diverge(int how) {
  if (how == 0 && threadIdx.x == 5) {
    return;
  }
  if (how == 1 && threadIdx.x < 32) {
    __syncthreads();
    return;
  }
  if (how == 2) {
    if (threadIdx.x != 3) {
      __shfl_sync(~0U, 1, 0);
    }
    return;
  }
  if (how == 3) {
    __ballot_sync(0xFF, 1);
    return;
  }
  __syncthreads();
}

TEST(EmulatedBlock, RefusesBarriersThatNotAllComeTo) {
  const auto run = [](int how) {
    EXPECT_EQ(start({1, 64}, diverge, how), cudaSuccess);
    return outcome();
  };
  EXPECT_NE(run(0).find("63 threads, the first of them (0, 0, 0), in __syncthreads at"), std::string::npos) << run(0);
  EXPECT_NE(run(0).find("which 1 more should come to\n  1 threads of the block's 64 have returned"), std::string::npos);
  EXPECT_NE(run(1).find("\n  32 threads, the first of them (32, 0, 0), in __syncthreads at"), std::string::npos)
      << run(1);
  EXPECT_NE(run(2).find("31 threads"), std::string::npos) << run(2);
  EXPECT_NE(run(2).find("in __shfl_sync with mask 0xffffffff at"), std::string::npos) << run(2);
  EXPECT_NE(run(3).find("isn't in the mask it gives: __ballot_sync with mask 0xff"), std::string::npos) << run(3);
  EXPECT_EQ(run(4), "");
}

__global__ void read_shared(int* out) {
  __shared__ int unwritten[8];
  out[blockIdx.x * 8 + threadIdx.x] = unwritten[threadIdx.x];
  unwritten[threadIdx.x] = 0;  // another block doesn't see it
}

TEST(EmulatedBlock, SharedMemoryIsGarbageAtFirst) {
  Output<int> out(24);
  ASSERT_EQ(start({3, 8}, read_shared, out.data()), cudaSuccess);
  EXPECT_EQ(out.download(), std::vector<int>(24, static_cast<int>(0xCDCDCDCDU)));
}

__global__ void read_dynamic_shared(std::size_t* out, int index) {
  FUNCSIM_DYNAMIC_SHARED(int, values);
  out[0] = reinterpret_cast<std::size_t>(values) % 1024;
  out[1] = static_cast<std::size_t>(values[1]);
  out[2] = __cvta_generic_to_shared(values + 3);
  values[index] = 1;
}

TEST(EmulatedBlock, DynamicSharedMemory) {
  Output<std::size_t> out(3);
  ASSERT_EQ(start({1, 1, 16}, read_dynamic_shared, out.data(), 3), cudaSuccess);
  EXPECT_EQ(out.download(), (std::vector<std::size_t>{0, static_cast<std::size_t>(static_cast<int>(0xCDCDCDCDU)), 12}));
#ifdef __SANITIZE_ADDRESS__
  EXPECT_DEATH(
      {
        start({1, 1, 16}, read_dynamic_shared, out.data(), 4);
        outcome();
      },
      "heap-buffer-overflow");
#else
  ASSERT_EQ(start({1, 1, 16}, read_dynamic_shared, out.data(), 4), cudaSuccess);
  EXPECT_EQ(outcome(), "block (0, 0, 0): wrote past the end of the 16 bytes of dynamic shared memory");
#endif
}

__global__ void exchange(unsigned* out) {
  const unsigned mine = threadIdx.x;
  out[mine] = warpgroup_collective("rotate", mine, [](const std::array<unsigned, 128>& given) {
    std::array<unsigned, 128> taken;
    for (std::size_t i = 0; i < 128; ++i) {
      taken[i] = given[(i + 1) % 128];
    }
    return taken;
  });
}

TEST(EmulatedBlock, CollectivesOfFourWarps) {
  Output<unsigned> out(256);
  ASSERT_EQ(start({1, 256}, exchange, out.data()), cudaSuccess);
  const auto& got = out.download();
  for (unsigned i = 0; i < 256; ++i) {
    EXPECT_EQ(got[i], i / 128 * 128 + (i + 1) % 128);
  }
}

__global__ void copy_later(int* out) {
  int source = 1;
  int target = 0;
  defer(Asynchronous::copy, [&] { target = source; });
  commit_group(Asynchronous::copy);
  defer(Asynchronous::copy, [&] { target = source + 10; });
  commit_group(Asynchronous::copy);
  out[0] = target;
  wait_group(Asynchronous::matrix, 0);
  wait_group(Asynchronous::copy, 2);
  out[1] = target;
  wait_group(Asynchronous::copy, 1);
  out[2] = target;
  wait_group(Asynchronous::copy, 0);
  out[3] = target;
}

TEST(EmulatedBlock, DefersWorkUntilItsGroupIsWaitedFor) {
  Output<int> out(4);
  ASSERT_EQ(start({1, 1}, copy_later, out.data()), cudaSuccess);
  EXPECT_EQ(out.download(), (std::vector<int>{0, 0, 1, 11}));
}

}  // namespace
}  // namespace emulated_cuda
