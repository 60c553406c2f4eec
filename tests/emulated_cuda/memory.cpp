#include "memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>

#include "emulated_cuda/collectives.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace emulated_cuda {

namespace {

struct Piece {
  std::size_t bytes;
  Place place;
};

std::map<std::uintptr_t, Piece>& pieces() {
  static auto* const all = new std::map<std::uintptr_t, Piece>;  // what is never freed isn't lost, for LeakSanitizer
  return *all;
}

int accesses = 0;

void allow(std::uintptr_t address, const Piece& piece, bool allowed) {
#ifdef __SANITIZE_ADDRESS__
  if (piece.place == Place::device) {
    if (allowed) {
      __asan_unpoison_memory_region(reinterpret_cast<void*>(address), piece.bytes);
    } else {
      __asan_poison_memory_region(reinterpret_cast<void*>(address), piece.bytes);
    }
  }
#else
  static_cast<void>(address);
  static_cast<void>(piece);
  static_cast<void>(allowed);
#endif
}

void allow_all(bool allowed) {
  for (const auto& [address, piece] : pieces()) {
    allow(address, piece, allowed);
  }
}

}  // namespace

void* new_memory(std::size_t bytes, Place place) {
  constexpr std::size_t alignment = 256;  // CUDA's
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes) != 0) {
    return nullptr;
  }
  std::memset(memory, garbage, bytes);
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const auto entry = pieces().insert_or_assign(address, Piece{bytes, place}).first;
  allow(address, entry->second, accesses > 0);
  return memory;
}

bool delete_memory(void* memory, Place place) {
  const auto found = pieces().find(reinterpret_cast<std::uintptr_t>(memory));
  if (found == pieces().end() || found->second.place != place) {
    return false;
  }
  allow(found->first, found->second, true);
  pieces().erase(found);
  std::free(memory);
  return true;
}

Place place_of(const void* address, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  auto piece = pieces().upper_bound(begin);
  if (piece == pieces().begin()) {
    return Place::pageable;
  }
  --piece;
  const std::uintptr_t offset = begin - piece->first;
  return offset <= piece->second.bytes && bytes <= piece->second.bytes - offset ? piece->second.place : Place::pageable;
}

DeviceAccess::DeviceAccess() {
  if (++accesses == 1) {
    allow_all(true);
  }
}

DeviceAccess::~DeviceAccess() {
  if (--accesses == 0) {
    allow_all(false);
  }
}

}  // namespace emulated_cuda
