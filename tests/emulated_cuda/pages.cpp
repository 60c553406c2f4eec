#include "pages.h"

#include <execinfo.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace emulated_cuda {

namespace {

struct sigaction handler_before;

void explain_access(int /*signal*/, siginfo_t* info, void* /*context*/) {
  if (Pages::instance().hold(info->si_addr)) {
    report("host access to device memory at ", info->si_addr,
           " of an emulated device: only kernels and copies touch it");
  }
  sigaction(SIGSEGV, &handler_before, nullptr);  // the access is tried again, and meets what was there before
}

void explain_accesses() {
  std::array<void*, 1> frame{};
  backtrace(frame.data(), frame.size());  // loads what a signal handler may not load
  struct sigaction handler{};
  handler.sa_sigaction = &explain_access;
  handler.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &handler, &handler_before);
}

}  // namespace

Pages& Pages::instance() {
  static auto* const pages = new Pages;  // outlives everything that might use it
  return *pages;
}

Pages::Pages() {
  constexpr std::size_t huge_page = std::size_t{2} << 20;
  std::size_t bytes = size + huge_page;
  void* memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    report("no addresses for device memory; ", memory);
    std::abort();
  }
  begin_ = static_cast<std::byte*>(std::align(huge_page, size, memory, bytes));
  madvise(begin_, size, MADV_HUGEPAGE);
  used_end_ = begin_;
  free_[begin_] = size;
  explain_accesses();
}

void Pages::open() {
  protect(PROT_READ | PROT_WRITE);
}

void Pages::close() {
  protect(PROT_NONE);
}

void Pages::protect(int protection) {
  if (used_end_ != begin_ && mprotect(begin_, static_cast<std::size_t>(used_end_ - begin_), protection) != 0) {
    report("can't open or close device memory at ", begin_);
    std::abort();
  }
}

void* Pages::take(std::size_t bytes) {
  const auto found = std::ranges::find_if(free_, [bytes](const auto& range) { return range.second >= bytes; });
  if (found == free_.end()) {
    return nullptr;
  }
  const auto [address, available] = *found;
  free_.erase(found);
  if (available > bytes) {
    free_[address + bytes] = available - bytes;
  }
  if (used_end_ < address + bytes) {
    used_end_ = address + bytes;
    open();
  }
  return address;
}

void Pages::give_back(void* memory, std::size_t bytes) {
  auto range = free_.emplace(static_cast<std::byte*>(memory), bytes).first;
  if (const auto after = std::next(range); after != free_.end() && range->first + bytes == after->first) {
    range->second += after->second;
    free_.erase(after);
  }
  if (range != free_.begin()) {
    const auto before = std::prev(range);
    if (before->first + before->second == range->first) {
      before->second += range->second;
      free_.erase(range);
      range = before;
    }
  }
  if (range->first + range->second == begin_ + size && range->first + most_unused < used_end_) {
    const auto used = static_cast<std::size_t>(range->first - begin_);
    forget(begin_ + ((used + most_unused - 1) / most_unused * most_unused));
  }
}

void Pages::forget(std::byte* end) {
  const auto bytes = static_cast<std::size_t>(used_end_ - end);
  if (madvise(end, bytes, MADV_DONTNEED) != 0 || mprotect(end, bytes, PROT_NONE) != 0) {
    report("can't close device memory at ", end);
    std::abort();
  }
  used_end_ = end;
}

void report(std::string_view before, const void* address, std::string_view after) {
  std::array<char, 16> digits{};
  char* const end = std::to_chars(digits.begin(), digits.end(), reinterpret_cast<std::uintptr_t>(address), 16).ptr;
  for (const std::string_view text :
       {before, std::string_view("0x"), std::string_view(digits.data(), end), after, std::string_view("\n")}) {
    static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
  }
  std::array<void*, 64> frames{};
  backtrace_symbols_fd(frames.data(), backtrace(frames.data(), frames.size()), STDERR_FILENO);
}

}  // namespace emulated_cuda
