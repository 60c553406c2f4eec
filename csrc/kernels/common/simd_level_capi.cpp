#include "kernels/common/simd_level_capi.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "kernels/common/simd_level.h"

namespace {

void copy_text(std::string_view from, char* text, std::int64_t text_size) {
  if (text_size > 0) {
    const std::size_t length = std::min(from.size(), static_cast<std::size_t>(text_size - 1));
    std::memcpy(text, from.data(), length);
    text[length] = '\0';
  }
}

}  // namespace

std::int64_t funcsim_simd_level(char* text, std::int64_t text_size) {
  try {
    copy_text(funcsim::simd_level_name(funcsim::simd_level()), text, text_size);
    return 0;
  } catch (const std::exception& caught) {
    copy_text(caught.what(), text, text_size);
    return -1;
  }
}
