// That CUDA's functions for one thread are what its manuals say.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cub/cub.cuh>
#include <limits>
#include <numeric>
#include <vector>

#include "run_kernels.h"

namespace emulated_cuda {
namespace {

TEST(EmulatedFunctions, Bits) {
  EXPECT_EQ(__popc(0xF00F0001U), 9);
  EXPECT_EQ(__popcll(0xF00F00010000000FULL), 13);
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__clz(1), 31);
  EXPECT_EQ(__clzll(1LL << 40), 23);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffs(8), 4);
  EXPECT_EQ(__ffsll(1LL << 40), 41);
  EXPECT_EQ(__brev(0x80000003U), 0xC0000001U);
  EXPECT_EQ(__brevll(1), 1ULL << 63);
  EXPECT_EQ(__funnelshift_l(0x12345678U, 0x9ABCDEF0U, 8), 0xBCDEF012U);
  EXPECT_EQ(__funnelshift_l(0x12345678U, 0x9ABCDEF0U, 32), 0x9ABCDEF0U);
  EXPECT_EQ(__funnelshift_r(0x12345678U, 0x9ABCDEF0U, 8), 0xF0123456U);
  EXPECT_EQ(__funnelshift_r(0x12345678U, 0x9ABCDEF0U, 32), 0x12345678U);
  EXPECT_EQ(__funnelshift_lc(0x12345678U, 0x9ABCDEF0U, 40), 0x12345678U);
  EXPECT_EQ(__funnelshift_rc(0x12345678U, 0x9ABCDEF0U, 40), 0x9ABCDEF0U);
  EXPECT_EQ(__byte_perm(0x33221100U, 0x77665544U, 0x0752U), 0x00775522U);
  EXPECT_EQ(__byte_perm(0x33228100U, 0x77665544U, 0x89A0U), 0x00FF0000U);
  EXPECT_EQ(__umulhi(0x80000000U, 6), 3U);
  EXPECT_EQ(__umul64hi(1ULL << 63, 6), 3U);
  EXPECT_EQ(__dp4a(static_cast<int>(0xFF02037FU), 0x01010102, 5), -1 + 2 + 3 + 254 + 5);
  EXPECT_EQ(__dp4a(0xFF020301U, 0x01010101U, 5U), 255 + 2 + 3 + 1 + 5U);
  EXPECT_EQ(__vcmpeq4(0x01020304U, 0x01FF03FFU), 0xFF00FF00U);
}

TEST(EmulatedFunctions, SixteenBitNumbersWidenExactly) {
  const auto half = [](unsigned short bits) { return __half2float(__ushort_as_half(bits)); };
  EXPECT_EQ(half(0x3C00), 1.0F);
  EXPECT_EQ(half(0xC555), -5.33203125F);
  EXPECT_EQ(half(0x7BFF), 65504.0F);
  EXPECT_EQ(half(0x0001), std::ldexp(1.0F, -24));
  EXPECT_EQ(half(0x83FF), -std::ldexp(1023.0F, -24));
  EXPECT_TRUE(std::signbit(half(0x8000)));
  EXPECT_EQ(half(0xFC00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(half(0x7C01)));
  EXPECT_EQ(__bfloat162float(__ushort_as_bfloat16(0xC0A0)), -5.0F);
  EXPECT_TRUE(std::isnan(__bfloat162float(__ushort_as_bfloat16(0x7F81))));
}

TEST(EmulatedFunctions, AtomicsReturnWhatWasThere) {
  int value = 5;
  EXPECT_EQ(atomicAdd(&value, 3), 5);
  EXPECT_EQ(atomicMax(&value, 6), 8);
  EXPECT_EQ(atomicMin(&value, -2), 8);
  EXPECT_EQ(atomicExch(&value, 12), -2);
  EXPECT_EQ(atomicOr(&value, 3), 12);
  EXPECT_EQ(atomicAnd(&value, 6), 15);
  EXPECT_EQ(atomicCAS(&value, 7, 1), 6);
  EXPECT_EQ(atomicCAS(&value, 6, 1), 6);
  EXPECT_EQ(value, 1);
}

TEST(EmulatedFunctions, RadixSortIsStableAndLooksAtTheBitsItIsTold) {
  const std::vector<unsigned> keys = {0x31, 0x12, 0x21, 0x11, 0x32};
  std::vector<unsigned> values(5);
  std::iota(values.begin(), values.end(), 0U);
  const auto upload = [](const Output<unsigned>& to, const std::vector<unsigned>& from) {
    EXPECT_EQ(cudaMemcpy(to.data(), from.data(), from.size() * sizeof(unsigned), cudaMemcpyHostToDevice), cudaSuccess);
  };
  const Output<unsigned> keys_in(5);
  const Output<unsigned> values_in(5);
  Output<unsigned> keys_out(5);
  Output<unsigned> values_out(5);
  upload(keys_in, keys);
  upload(values_in, values);
  const auto sort = [&](void* storage, std::size_t& bytes) {
    return cub::DeviceRadixSort::SortPairs(storage, bytes, keys_in.data(), keys_out.data(), values_in.data(),
                                           values_out.data(), 5, 0, 4);
  };
  std::size_t bytes = 0;
  EXPECT_EQ(sort(nullptr, bytes), cudaSuccess);
  const Output<unsigned char> storage(bytes);
  std::size_t too_few = bytes - 1;
  EXPECT_EQ(sort(storage.data(), too_few), cudaErrorInvalidValue);
  EXPECT_EQ(sort(storage.data(), bytes), cudaSuccess);
  EXPECT_EQ(keys_out.download(), (std::vector<unsigned>{0x31, 0x21, 0x11, 0x12, 0x32}));
  EXPECT_EQ(values_out.download(), (std::vector<unsigned>{0, 2, 3, 1, 4}));
}

}  // namespace
}  // namespace emulated_cuda
