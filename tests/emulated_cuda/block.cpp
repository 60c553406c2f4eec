#include "block.h"

#include <link.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "emulated_cuda/asynchronous.h"
#include "emulated_cuda/collectives.h"
#include "emulated_cuda/intrinsics.h"
#include "emulated_cuda/keywords.h"
#include "fiber.h"

uint3 threadIdx{};
uint3 blockIdx{};
dim3 blockDim;
dim3 gridDim;

namespace emulated_cuda {

namespace {

constexpr unsigned warp_size = 32;
constexpr std::size_t shared_alignment = 1024;
constexpr std::size_t canary_bytes = 256;

using Works = std::vector<std::function<void()>>;

struct Thread {
  Fiber fiber;
  uint3 index{};
  // Of either kind: what is not yet in a group, and groups.
  std::array<Works, 2> uncommitted;
  std::array<std::vector<Works>, 2> groups;
  bool has_unfenced_copies = false;
};

struct Warp {
  std::uint32_t ready = 0;
  std::uint32_t exists = 0;
};

// A meeting that some have come to.
struct OpenMeeting {
  Meeting meeting{};
  unsigned first = 0;  // thread of the group
  unsigned missing = 0;
  std::vector<void*> frames;
  std::vector<unsigned> waiting;
};

bool same_text(const char* a, const char* b) {
  return a == b || std::strcmp(a, b) == 0;
}

bool same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() && same_text(a.file_name(), b.file_name());
}

// Where the calling thread's copies of the thread_local variables are of the program or library that has `address`.
// Kernels are its only code with such variables, which are what they declare __shared__.
std::pair<void*, std::size_t> static_shared_memory(const void* address) {
  struct Search {
    std::uintptr_t address;
    std::pair<void*, std::size_t> found;
  } search{reinterpret_cast<std::uintptr_t>(address), {nullptr, 0}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t /*size*/, void* data) {
        auto& wanted = *static_cast<Search*>(data);
        bool here = false;
        std::size_t bytes = 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
          here |= segment.p_type == PT_LOAD && wanted.address >= begin && wanted.address - begin < segment.p_memsz;
          bytes = segment.p_type == PT_TLS ? segment.p_memsz : bytes;
        }
        if (here && info->dlpi_tls_data != nullptr) {
          wanted.found = {info->dlpi_tls_data, bytes};
        }
        return static_cast<int>(here);
      },
      &search);
  return search.found;
}

// The one block that runs, and what all blocks of a kernel share.
class Runner {
 public:
  std::string run(const Launch& launch);

  void meet(const Meeting& meeting, void* frame, void (*combine)(void* const*, void*), void* function);
  void blame(const std::string& reason);
  bool any_unfenced_copies() const;
  [[noreturn]] void leave();
  [[noreturn]] void exit_thread();

  Thread& current_thread() { return *threads_[current]; }

  unsigned current = 0;  // the running thread's number in its block
  unsigned threads_count = 0;
  unsigned char* dynamic_shared = nullptr;
  std::size_t dynamic_shared_bytes = 0;
  const Launch* launch = nullptr;

 private:
  void prepare(const Launch& launch);
  void run_block(std::uint64_t order);
  void run_warp(unsigned warp, bool backwards);
  void resume(unsigned thread);
  OpenMeeting& open_meeting(const Meeting& meeting);
  void close_meeting(OpenMeeting& open);
  std::string describe_deadlock() const;

  Fiber scheduler_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<Warp> warps_;
  std::vector<std::unique_ptr<OpenMeeting>> open_;
  std::vector<std::unique_ptr<OpenMeeting>> spare_;
  unsigned alive_ = 0;
  std::string error_;
  std::uint64_t kernels_ = 0;
};

Runner runner;

void thread_main() {
  runner.launch->thread();
  runner.exit_thread();
}

template <typename... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

std::string format_index(const uint3& index) {
  return join("(", index.x, ", ", index.y, ", ", index.z, ")");
}

std::string format_meeting(const Meeting& meeting) {
  const std::string mask = meeting.group == warp_size ? join(" with mask 0x", std::hex, meeting.mask) : "";
  return join(meeting.name, mask, " at ", meeting.where.file_name(), ":", meeting.where.line());
}

void Runner::prepare(const Launch& of) {
  launch = &of;
  blockDim = of.threads;
  gridDim = of.blocks;
  threads_count = of.threads.x * of.threads.y * of.threads.z;
  while (threads_.size() < threads_count) {
    threads_.push_back(std::make_unique<Thread>());
  }
  for (unsigned i = 0; i < threads_count; ++i) {
    threads_[i]->index = {i % of.threads.x, i / of.threads.x % of.threads.y, i / of.threads.x / of.threads.y};
  }
  warps_.assign((threads_count + warp_size - 1) / warp_size, {});
  for (unsigned i = 0; i < threads_count; ++i) {
    warps_[i / warp_size].exists |= 1U << i % warp_size;
  }
}

std::string Runner::run(const Launch& of) {
  prepare(of);
  error_.clear();
  ++kernels_;
  const auto [static_shared, static_bytes] = static_shared_memory(of.kernel);
  // A block of its own, so that AddressSanitizer knows where it ends; others look at the bytes behind it.
  dynamic_shared_bytes = of.dynamic_shared_bytes;
#ifdef __SANITIZE_ADDRESS__
  constexpr std::size_t behind = 0;
#else
  constexpr std::size_t behind = canary_bytes;
#endif
  void* memory = nullptr;
  if (posix_memalign(&memory, shared_alignment, dynamic_shared_bytes + behind) != 0) {
    return "no memory for a block's dynamic shared memory";
  }
  const std::unique_ptr<void, decltype(&std::free)> owner(memory, &std::free);
  dynamic_shared = static_cast<unsigned char*>(memory);
  const std::uint64_t blocks = std::uint64_t{of.blocks.x} * of.blocks.y * of.blocks.z;
  for (std::uint64_t block = 0; block < blocks && error_.empty(); ++block) {
    // No order of blocks is promised: every second kernel has it the other way round.
    const std::uint64_t number = kernels_ % 2 == 0 ? block : blocks - 1 - block;
    blockIdx = {static_cast<unsigned>(number % of.blocks.x), static_cast<unsigned>(number / of.blocks.x % of.blocks.y),
                static_cast<unsigned>(number / of.blocks.x / of.blocks.y)};
    if (static_bytes > 0) {
      std::memset(static_shared, garbage, static_bytes);
    }
    std::memset(memory, garbage, dynamic_shared_bytes + behind);
    run_block(kernels_ / 2 + number);
    for (std::size_t i = 0; i < behind && error_.empty(); ++i) {
      if (dynamic_shared[dynamic_shared_bytes + i] != garbage) {
        error_ = join("wrote past the end of the ", dynamic_shared_bytes, " bytes of dynamic shared memory");
      }
    }
    if (!error_.empty()) {
      error_ = join("block ", format_index(blockIdx), ": ", error_);
    }
  }
  return error_;
}

void Runner::run_block(std::uint64_t order) {
  for (unsigned i = 0; i < threads_count; ++i) {
    threads_[i]->fiber.start(&thread_main);
    for (std::size_t kind = 0; kind < threads_[i]->groups.size(); ++kind) {
      threads_[i]->uncommitted[kind].clear();
      threads_[i]->groups[kind].clear();
    }
    threads_[i]->has_unfenced_copies = false;
  }
  for (Warp& warp : warps_) {
    warp.ready = warp.exists;
  }
  while (!open_.empty()) {  // what a failed kernel left
    close_meeting(*open_.back());
  }
  alive_ = threads_count;
  // No order of threads between barriers is promised either.
  const bool warps_backwards = (order & 1) != 0;
  const bool lanes_backwards = (order & 2) != 0;
  while (alive_ > 0 && error_.empty()) {
    bool any = false;
    for (unsigned i = 0; i < warps_.size() && error_.empty(); ++i) {
      const unsigned warp = warps_backwards ? static_cast<unsigned>(warps_.size()) - 1 - i : i;
      any |= warps_[warp].ready != 0;
      run_warp(warp, lanes_backwards);
    }
    if (!any && error_.empty()) {
      error_ = describe_deadlock();
    }
  }
}

void Runner::run_warp(unsigned warp, bool backwards) {
  while (warps_[warp].ready != 0) {
    for (std::uint32_t turn = warps_[warp].ready; turn != 0 && error_.empty();) {
      const auto lane = static_cast<unsigned>(backwards ? 31 - std::countl_zero(turn) : std::countr_zero(turn));
      turn &= ~(1U << lane);
      resume(warp * warp_size + lane);
    }
    if (!error_.empty()) {
      return;
    }
  }
}

void Runner::resume(unsigned thread) {
  current = thread;
  threadIdx = threads_[thread]->index;
  switch_fiber(scheduler_, threads_[thread]->fiber);
}

void Runner::exit_thread() {
  warps_[current / warp_size].ready &= ~(1U << current % warp_size);
  --alive_;
  leave();
}

void Runner::blame(const std::string& reason) {
  error_ = join("thread ", format_index(current_thread().index), ": ", reason);
}

bool Runner::any_unfenced_copies() const {
  return std::any_of(threads_.begin(), threads_.begin() + threads_count,
                     [](const auto& thread) { return thread->has_unfenced_copies; });
}

void Runner::leave() {
  switch_fiber(current_thread().fiber, scheduler_, true);
  std::abort();
}

OpenMeeting& Runner::open_meeting(const Meeting& meeting) {
  const unsigned first = current / meeting.group * meeting.group;
  for (const auto& open : open_) {
    const Meeting& other = open->meeting;
    if (open->first == first && other.group == meeting.group && other.mask == meeting.mask &&
        same_text(other.name, meeting.name) && (!meeting.one_place || same_place(other.where, meeting.where))) {
      return *open;
    }
  }
  if (spare_.empty()) {
    spare_.push_back(std::make_unique<OpenMeeting>());
  }
  open_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  OpenMeeting& open = *open_.back();
  open.meeting = meeting;
  open.first = first;
  open.missing = meeting.group == warp_size ? static_cast<unsigned>(std::popcount(meeting.mask)) : meeting.group;
  open.frames.assign(meeting.group, nullptr);
  open.waiting.clear();
  return open;
}

void Runner::close_meeting(OpenMeeting& open) {
  for (auto& entry : open_) {
    if (entry.get() == &open) {
      spare_.push_back(std::move(entry));
      entry = std::move(open_.back());
      open_.pop_back();
      return;
    }
  }
}

void Runner::meet(const Meeting& meeting, void* frame, void (*combine)(void* const*, void*), void* function) {
  const unsigned thread = current;
  if (meeting.group == warp_size && (meeting.mask >> thread % warp_size & 1) == 0) {
    blame(join("isn't in the mask it gives: ", format_meeting(meeting)));
    leave();  // apart, since nothing is destroyed on the way
  }
  OpenMeeting& open = open_meeting(meeting);
  open.frames[thread - open.first] = frame;
  if (--open.missing == 0) {
    if (combine != nullptr) {
      combine(open.frames.data(), function);
    }
    for (const unsigned other : open.waiting) {
      warps_[other / warp_size].ready |= 1U << other % warp_size;
    }
    close_meeting(open);
    return;
  }
  open.waiting.push_back(thread);
  warps_[thread / warp_size].ready &= ~(1U << thread % warp_size);
  switch_fiber(threads_[thread]->fiber, scheduler_);
}

std::string Runner::describe_deadlock() const {
  std::string text = "threads wait for others that will not come:";
  for (const auto& open : open_) {
    text += join("\n  ", open->waiting.size(), " threads, the first of them ",
                 format_index(threads_[*std::min_element(open->waiting.begin(), open->waiting.end())]->index), ", in ",
                 format_meeting(open->meeting), ", which ", open->missing, " more should come to");
  }
  return join(text, "\n  ", threads_count - alive_, " threads of the block's ", threads_count, " have returned");
}

}  // namespace

std::string run_kernel(const Launch& launch) {
  return runner.run(launch);
}

void meet(const Meeting& meeting, void* frame, void (*combine)(void* const* frames, void* function), void* function) {
  runner.meet(meeting, frame, combine, function);
}

unsigned lane() {
  return runner.current % warp_size;
}

unsigned block_threads() {
  return runner.threads_count;
}

void* dynamic_shared() {
  return runner.dynamic_shared;
}

void* shared_bytes(std::size_t address, std::size_t bytes) {
  if (address > runner.dynamic_shared_bytes || bytes > runner.dynamic_shared_bytes - address) {
    fail_kernel("%zu bytes at address %zu of shared memory, but the block has %zu bytes", bytes, address,
                runner.dynamic_shared_bytes);
  }
  return runner.dynamic_shared + address;
}

int count_block(const char* name, bool mine, std::source_location where) {
  struct Frame {
    bool mine;
    int count;
  } frame{mine, 0};
  meet(
      {name, runner.threads_count, ~0U, where}, &frame,
      [](void* const* frames, void* /*function*/) {
        int count = 0;
        for (unsigned i = 0; i < runner.threads_count; ++i) {
          count += static_cast<int>(static_cast<const Frame*>(frames[i])->mine);
        }
        for (unsigned i = 0; i < runner.threads_count; ++i) {
          static_cast<Frame*>(frames[i])->count = count;
        }
      },
      nullptr);
  return frame.count;
}

void defer(Asynchronous kind, std::function<void()> work) {
  runner.current_thread().uncommitted[static_cast<std::size_t>(kind)].push_back(std::move(work));
}

void commit_group(Asynchronous kind) {
  Thread& thread = runner.current_thread();
  const auto index = static_cast<std::size_t>(kind);
  thread.groups[index].push_back(std::exchange(thread.uncommitted[index], {}));
}

void wait_group(Asynchronous kind, unsigned pending) {
  Thread& thread = runner.current_thread();
  auto& groups = thread.groups[static_cast<std::size_t>(kind)];
  while (groups.size() > pending) {
    const Works works = std::move(groups.front());
    groups.erase(groups.begin());
    thread.has_unfenced_copies |= kind == Asynchronous::copy && !works.empty();
    for (const auto& work : works) {
      work();
    }
  }
}

void fence_copies() {
  runner.current_thread().has_unfenced_copies = false;
}

void check_copies_fenced() {
  if (runner.any_unfenced_copies()) {
    fail_kernel(
        "a matrix instruction may not see copies to shared memory: there was no fence.proxy.async after the wait");
  }
}

void fail_kernel(const char* format, ...) {
  std::array<char, 1024> text{};
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  runner.blame(text.data());
  runner.leave();
}

}  // namespace emulated_cuda

std::size_t __cvta_generic_to_shared(const void* address) {
  const auto offset =
      reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(emulated_cuda::dynamic_shared());
  static_cast<void>(emulated_cuda::shared_bytes(offset, 0));
  return offset;
}
