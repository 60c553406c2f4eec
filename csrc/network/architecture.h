#pragma once

// The interface other folders build on. The network folder's owner completes this file.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace funcsim {

struct LayerType;
struct Item;
struct Architecture;

}  // namespace funcsim
