#include "memory.h"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "emulated_cuda/collectives.h"
#include "pages.h"

namespace emulated_cuda {

namespace {

constexpr std::size_t alignment = 256;  // CUDA's
constexpr std::size_t margin = 256;     // after device memory, to see whether something is written there

struct Piece {
  std::size_t bytes;
  Place place;

  std::size_t with_margin() const { return (bytes + margin + alignment - 1) / alignment * alignment; }
};

std::map<std::uintptr_t, Piece>& pieces() {
  static auto* const all = new std::map<std::uintptr_t, Piece>;  // what is never freed isn't lost, for LeakSanitizer
  return *all;
}

int accesses = 0;
std::recursive_mutex mutex;  // for all of this

/// AddressSanitizer reports accesses to what isn't allowed.
void allow(void* address, const Piece& piece, bool allowed) {
  if (piece.place == Place::device && allowed) {
    ASAN_UNPOISON_MEMORY_REGION(address, piece.bytes);
  } else if (piece.place == Place::device) {
    ASAN_POISON_MEMORY_REGION(address, piece.bytes);
  }
}

void allow_all(bool allowed) {
  if (allowed) {
    Pages::instance().open();
  } else {
    Pages::instance().close();
  }
  for (const auto& [address, piece] : pieces()) {
    allow(reinterpret_cast<void*>(address), piece, allowed);
  }
}

void* new_device_memory(const Piece& piece) {
  const DeviceAccess access;
  void* const memory = Pages::instance().take(piece.with_margin());
  if (memory != nullptr) {
    ASAN_UNPOISON_MEMORY_REGION(memory, piece.with_margin());
    std::memset(memory, garbage, piece.with_margin());
    ASAN_POISON_MEMORY_REGION(memory, piece.with_margin());
  }
  return memory;
}

void delete_device_memory(void* memory, const Piece& piece) {
  const DeviceAccess access;
  ASAN_UNPOISON_MEMORY_REGION(memory, piece.with_margin());
  const auto* const begin = static_cast<const unsigned char*>(memory);
  const auto* const end = begin + piece.with_margin();
  const auto* const changed = std::find_if(begin + piece.bytes, end, [](auto byte) { return byte != garbage; });
  if (changed != end) {
    report("something was written after the end of device memory, at ", changed);
    std::abort();
  }
  std::memset(memory, garbage, piece.bytes);
  ASAN_POISON_MEMORY_REGION(memory, piece.with_margin());
  Pages::instance().give_back(memory, piece.with_margin());
}

void* new_host_memory(std::size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes) != 0) {
    return nullptr;
  }
  return std::memset(memory, garbage, bytes);
}

}  // namespace

void* new_memory(std::size_t bytes, Place place) {
  const std::lock_guard lock(mutex);
  const Piece piece{bytes, place};
  void* const memory = place == Place::device ? new_device_memory(piece) : new_host_memory(bytes);
  if (memory != nullptr) {
    pieces().insert_or_assign(reinterpret_cast<std::uintptr_t>(memory), piece);
    allow(memory, piece, accesses > 0);
  }
  return memory;
}

bool delete_memory(void* memory, Place place) {
  const std::lock_guard lock(mutex);
  const auto found = pieces().find(reinterpret_cast<std::uintptr_t>(memory));
  if (found == pieces().end() || found->second.place != place) {
    return false;
  }
  const Piece piece = found->second;
  pieces().erase(found);
  if (place == Place::device) {
    delete_device_memory(memory, piece);
  } else {
    std::free(memory);
  }
  return true;
}

Place place_of(const void* address, std::size_t bytes) {
  const std::lock_guard lock(mutex);
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
  const std::lock_guard lock(mutex);
  if (++accesses == 1) {
    allow_all(true);
  }
}

DeviceAccess::~DeviceAccess() {
  const std::lock_guard lock(mutex);
  if (--accesses == 0) {
    allow_all(false);
  }
}

}  // namespace emulated_cuda
