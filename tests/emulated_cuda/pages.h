#pragma once

#include <cstddef>
#include <map>
#include <string_view>

namespace emulated_cuda {

/// Addresses for the memory of all devices. While they are closed, nothing may touch them: an access says so with a
/// backtrace and ends the process.
class Pages {
 public:
  static Pages& instance();

  bool hold(const void* address) const { return begin_ <= address && address < begin_ + size; }

  void open();
  void close();

  /// Memory that no one else has, or null. They must be open.
  void* take(std::size_t bytes);
  void give_back(void* memory, std::size_t bytes);

 private:
  static constexpr std::size_t size = std::size_t{64}
                                      << 30;  // of addresses: memory is taken where something is written

  // Addresses up to the last that is taken are opened and closed, which takes time for each page. So many that aren't
  // needed any more are kept for what is taken next.
  static constexpr std::size_t most_unused = std::size_t{2} << 20;

  Pages();
  void protect(int protection);
  void forget(std::byte* end);

  std::byte* begin_ = nullptr;
  std::byte* used_end_ = nullptr;           // from here on all is closed
  std::map<std::byte*, std::size_t> free_;  // sizes
};

/// Writes a line about an address, and where this was called, to stderr. Signal handlers may call it.
void report(std::string_view before, const void* address, std::string_view after = "");

}  // namespace emulated_cuda
