#pragma once

#include <cuda_runtime.h>

#include <cstdint>

// Instructions that CUDA C++ has no function for, one function each, as the PTX ISA defines them. Lanes are numbered
// from 0 to 31; "quad" is lane / 4 and "place" is lane % 4, which the PTX ISA calls groupID and threadID_in_group.

namespace funcsim::ptx {

/// lop3: any function of three bits, for all bits of words. Bit 4x + 2y + z of the table is what x, y and z become.
/// Where the compiler is left to choose them, operators of such a function are spread over more instructions than it
/// takes.
template <unsigned table>
__device__ inline std::uint32_t lop3(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  std::uint32_t bits = 0;
  asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(bits) : "r"(x), "r"(y), "r"(z), "n"(table));
  return bits;
}

/// rcp.approx: 1 / x with the error of the last bit or less.
__device__ inline float rcp_approx(float x) {
  float reciprocal = 0;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(reciprocal) : "f"(x));
  return reciprocal;
}

/// cp.async.cg.shared.global: 16 bytes from global to shared memory, past the first-level cache, or 16 zero bytes.
/// They are there after cp_async_wait(). Processors before compute capability 8.0 wait for them at once.
///
/// @param to   in shared memory, aligned to 16 bytes
/// @param from in global memory, aligned to 16 bytes; not read with zero
__device__ inline void cp_async_16(void* to, const void* from, bool zero) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile(
      "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(to))),
      "l"(from), "r"(zero ? 0 : 16)
      : "memory");
#else
  *static_cast<uint4*>(to) = zero ? make_uint4(0, 0, 0, 0) : *static_cast<const uint4*>(from);
#endif
}

/// cp.async.commit_group: makes a group of this thread's copies since the last one.
__device__ inline void cp_async_commit() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// cp.async.wait_group: waits until at most the `pending` latest of this thread's groups are under way.
template <int pending>
__device__ inline void cp_async_wait() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#endif
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

/// ldmatrix.x4: four matrices of 8 rows of 16 bytes. Lanes 8m to 8m + 7 give the rows' addresses of matrix m, in shared
/// memory and aligned to 16 bytes. words[m] becomes the bytes from 4 * place on of row `quad` of matrix m.
__device__ inline void ldmatrix_x4(std::uint32_t (&words)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(static_cast<unsigned>(__cvta_generic_to_shared(row)))
               : "memory");
}

/// mma.m16n8k256.b1.and.popc: adds to sums of 16 rows and 8 columns the set bits that 256-bit rows and columns have in
/// common. A's row r is in bits: word w of a lane holds bits 32 * place + 128 * (w / 2) and the 31 after it of row
/// quad + 8 * (w % 2). B's column c: word w holds bits 32 * place + 128 * w and the 31 after it of column `quad`.
/// sums[s] is of row quad + 8 * (s / 2) and column 2 * place + s % 2.
__device__ inline void mma_b1(std::int32_t (&sums)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// mma.m16n8k32.s8: adds to sums of 16 rows and 8 columns the products of 32 bytes, modulo 2^32. Word w of a lane holds
/// A's bytes 4 * place + 16 * (w / 2) and the 3 after it of row quad + 8 * (w % 2), and B's bytes 4 * place + 16 * w
/// and the 3 after it of column `quad`. sums[s] is of row quad + 8 * (s / 2) and column 2 * place + s % 2.
__device__ inline void mma_s8(std::int32_t (&sums)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif

/// fence.proxy.async: wgmma sees what this thread has written to shared memory, cp.async included.
__device__ inline void fence_proxy_async() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

/// wgmma.fence: before the first wgmma, and before one whose sums were touched by anything else.
__device__ inline void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/// wgmma.commit_group: makes a group of this warpgroup's wgmmas since the last one.
__device__ inline void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Operands of inline assembly: sums[i] and those after it.
#define FUNCSIM_SUMS_8(i)                                                                            \
  "+r"(sums[i]), "+r"(sums[(i) + 1]), "+r"(sums[(i) + 2]), "+r"(sums[(i) + 3]), "+r"(sums[(i) + 4]), \
      "+r"(sums[(i) + 5]), "+r"(sums[(i) + 6]), "+r"(sums[(i) + 7])
#define FUNCSIM_SUMS_32(i) \
  FUNCSIM_SUMS_8(i), FUNCSIM_SUMS_8((i) + 8), FUNCSIM_SUMS_8((i) + 16), FUNCSIM_SUMS_8((i) + 24)
#define FUNCSIM_SUMS_128 FUNCSIM_SUMS_32(0), FUNCSIM_SUMS_32(32), FUNCSIM_SUMS_32(64), FUNCSIM_SUMS_32(96)

/// wgmma.wait_group: waits until at most the `pending` latest of this warpgroup's groups are under way. The sums may be
/// used only after none is.
template <int pending>
__device__ inline void wgmma_wait(std::int32_t (&sums)[128]) {
  // The sums are operands so that no use of them moves before it.
  asm volatile("wgmma.wait_group.sync.aligned %128;" : FUNCSIM_SUMS_128 : "n"(pending) : "memory");
}

/// wgmma.mma_async.m64n256k256.b1.and.popc, by four warps in step: adds to sums of 64 rows and 256 columns the set bits
/// that 256-bit rows of A and columns of B have in common. Both are 32 bytes wide in shared memory, given by
/// descriptors. sums[s] of warp w is of row 16 * (w % 4) + quad + 8 * (s / 2 % 2) and column 8 * (s / 4) + 2 * place +
/// s % 2.
__device__ inline void wgmma_b1(std::int32_t (&sums)[128], std::uint64_t a, std::uint64_t b) {
  asm volatile(
      "{\n"
      ".reg .pred added;\n"
      "setp.eq.u32 added, 0, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k256.s32.b1.b1.and.popc "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
      "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
      "%128, %129, added;\n"
      "}"
      : FUNCSIM_SUMS_128
      : "l"(a), "l"(b));
}

#undef FUNCSIM_SUMS_8
#undef FUNCSIM_SUMS_32
#undef FUNCSIM_SUMS_128

#endif

}  // namespace funcsim::ptx
