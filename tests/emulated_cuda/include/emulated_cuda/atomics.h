#pragma once

#include <cstring>
#include <type_traits>

// Blocks and their threads take turns, so that plain reads and writes are atomic. All return what was there before.

#define EMULATED_CUDA_ATOMIC(name, Number, expression)  \
  inline Number name(Number* address, Number operand) { \
    const Number old = *address;                        \
    *address = static_cast<Number>(expression);         \
    return old;                                         \
  }
#define EMULATED_CUDA_ATOMICS(Number)                                         \
  EMULATED_CUDA_ATOMIC(atomicExch, Number, operand)                           \
  EMULATED_CUDA_ATOMIC(atomicMin, Number, old < operand ? old : operand)      \
  EMULATED_CUDA_ATOMIC(atomicMax, Number, old > operand ? old : operand)      \
  EMULATED_CUDA_ATOMIC(atomicAnd, Number, old& operand)                       \
  EMULATED_CUDA_ATOMIC(atomicOr, Number, old | operand)                       \
  EMULATED_CUDA_ATOMIC(atomicXor, Number, old ^ operand)                      \
  inline Number atomicCAS(Number* address, Number expected, Number desired) { \
    const Number old = *address;                                              \
    *address = old == expected ? desired : old;                               \
    return old;                                                               \
  }
EMULATED_CUDA_ATOMICS(int)
EMULATED_CUDA_ATOMICS(unsigned)
EMULATED_CUDA_ATOMICS(unsigned long long)
EMULATED_CUDA_ATOMIC(atomicMin, long long, old < operand ? old : operand)
EMULATED_CUDA_ATOMIC(atomicMax, long long, old > operand ? old : operand)
EMULATED_CUDA_ATOMIC(atomicAdd, int, static_cast<unsigned>(old) + static_cast<unsigned>(operand))
EMULATED_CUDA_ATOMIC(atomicAdd, unsigned, old + operand)
EMULATED_CUDA_ATOMIC(atomicAdd, unsigned long long, old + operand)
EMULATED_CUDA_ATOMIC(atomicAdd, float, old + operand)
EMULATED_CUDA_ATOMIC(atomicAdd, double, old + operand)
EMULATED_CUDA_ATOMIC(atomicSub, unsigned, old - operand)
EMULATED_CUDA_ATOMIC(atomicExch, float, operand)
EMULATED_CUDA_ATOMIC(atomicInc, unsigned, old >= operand ? 0 : old + 1)
EMULATED_CUDA_ATOMIC(atomicDec, unsigned, old == 0 || old > operand ? operand : old - 1)
#undef EMULATED_CUDA_ATOMICS
#undef EMULATED_CUDA_ATOMIC

inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
