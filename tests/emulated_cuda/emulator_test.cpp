// That the emulator does what CUDA's programming guide says, and refuses what that leaves undefined.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cub/cub.cuh>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace {

struct Shape {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes = 0;
};

template <typename... Parameters, typename... Arguments>
cudaError_t start(const Shape& shape, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = shape.blocks;
  config.blockDim = shape.threads;
  config.dynamicSmemBytes = shape.shared_bytes;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

// Device memory that a kernel fills.
template <typename Number>
class Output {
 public:
  explicit Output(std::size_t size) : values_(size) { EXPECT_EQ(cudaMalloc(&memory_, bytes()), cudaSuccess); }
  ~Output() { EXPECT_EQ(cudaFree(memory_), cudaSuccess); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  Number* data() const { return memory_; }
  const std::vector<Number>& download() {
    EXPECT_EQ(cudaMemcpy(values_.data(), memory_, bytes(), cudaMemcpyDeviceToHost), cudaSuccess);
    return values_;
  }

 private:
  std::size_t bytes() const { return values_.size() * sizeof(Number); }

  std::vector<Number> values_;
  Number* memory_ = nullptr;
};

// What waiting for the kernel says, "" if all is well.
std::string outcome() {
  const cudaError_t error = cudaDeviceSynchronize();
  std::string text = error == cudaSuccess ? "" : cudaGetErrorString(error);
  cudaGetLastError();
  return text;
}

__global__ void write_indices(uint3* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = {blockIdx.x, threadIdx.x, threadIdx.z};
}

TEST(Emulator, RunsEveryThreadOfEveryBlock) {
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

TEST(Emulator, Votes) {
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

TEST(Emulator, Shuffles) {
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

TEST(Emulator, BarriersMakeTheBlockWait) {
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

TEST(Emulator, BarriersCount) {
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

TEST(Emulator, RefusesBarriersThatNotAllComeTo) {
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

}  // namespace
