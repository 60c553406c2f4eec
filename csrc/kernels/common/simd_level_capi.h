#pragma once

#include <cstdint>

// A plain C function of the library, which Python calls through ctypes.
extern "C" {

/// The name of the instruction set that kernels run at (simd_level.h), or why there is none.
///
/// @param text out: the name or the message, cut to text_size - 1 characters
/// @return 0, or -1 if text is a message
__attribute__((visibility("default"))) std::int64_t funcsim_simd_level(char* text, std::int64_t text_size);
}
