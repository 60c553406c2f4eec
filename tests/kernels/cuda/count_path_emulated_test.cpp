#include <cstdlib>
#include <thread>

#include "device_under_test.h"
#include "kernels/common/error.h"
#include "kernels/jaccard/count_path.h"
#include "kernels/jaccard/jaccard.h"

// How CudaKernels::jaccard() chooses between its ways to count, which only the emulated kernels let a test look into.

namespace funcsim {
namespace {

void count_slowly(const SetPairs& pairs, const DeviceQueue& queue) {
  for (int k = 0; k < 20; ++k) {
    count_by_popcount(pairs, queue);
  }
}

void count_nothing(const SetPairs& /*pairs*/, const DeviceQueue& /*queue*/) {}

void count_all_but_the_last(const SetPairs& pairs, const DeviceQueue& queue) {
  count_by_popcount(pairs, queue);
  float* const last = pairs.out + (pairs.a.units * pairs.b.units) - 1;
  ASSERT_EQ(cudaMemsetAsync(last, 0, sizeof(float), static_cast<cudaStream_t>(queue.stream)), cudaSuccess);
}

constexpr TrialSize tiny{.units = 70, .row_bytes = 48};

CountPath path(std::string_view name, CountFunction count) {
  return {.name = name, .count = count, .first_capability = 0, .last_capability = 1000};
}

using CountPathCuda = DeviceTest;

TEST_F(CountPathCuda, PathsCountRight) {
  for (const CountFunction count : {count_by_popcount, count_by_mma_b1, count_by_mma_s8, count_by_wgmma_b1}) {
    EXPECT_TRUE(counts_right(count, device_queue()));
  }
}

TEST_F(CountPathCuda, WrongPathsAreSeen) {
  EXPECT_FALSE(counts_right(count_nothing, device_queue()));
  EXPECT_FALSE(counts_right(count_all_but_the_last, device_queue()));
}

TEST_F(CountPathCuda, TheFastestThatCountsRightIsTaken) {
  const CountPath popcount = path("popcount", count_by_popcount);
  const CountPath slow = path("slow", count_slowly);
  const auto fastest = [](std::initializer_list<CountPath> paths) {
    return fastest_path(std::vector<CountPath>(paths), tiny, device_queue()).name;
  };
  EXPECT_EQ(fastest({popcount}), "popcount");
  EXPECT_EQ(fastest({slow, popcount}), "popcount");
  EXPECT_EQ(fastest({popcount, slow}), "popcount");
  EXPECT_EQ(fastest({slow, path("nothing", count_nothing), popcount}), "popcount");
  EXPECT_EQ(fastest({slow, path("nothing", count_nothing)}), "slow");
  EXPECT_EQ(fastest({slow, path("wrong", count_all_but_the_last)}), "slow");
}

TEST_F(CountPathCuda, SmallProblemsAreCountedByPopcount) {
  const long long launches = emulated_cuda::launches();
  EXPECT_EQ(choose_count(1023, 1024, 255, device_queue()), &count_by_popcount);
  EXPECT_EQ(emulated_cuda::launches(), launches);
}

/// A queue on the other device: what is found out about one is kept.
class OtherDevice {
 public:
  OtherDevice() {
    EXPECT_EQ(cudaSetDevice(1), cudaSuccess);
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
    EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  }
  ~OtherDevice() { EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess); }
  OtherDevice(const OtherDevice&) = delete;
  OtherDevice& operator=(const OtherDevice&) = delete;

  cudaStream_t stream() const { return stream_; }
  DeviceQueue queue() const { return {1, stream_, device_queue().scratch}; }

 private:
  cudaStream_t stream_ = nullptr;
};

TEST_F(CountPathCuda, PopcountIsTakenWhileAGraphIsCapturedAndOthersAreTriedOnceLater) {
  const OtherDevice other;
  const cudaStream_t stream = other.stream();
  const auto choose = [&] { return choose_count(1024, 1024, 256, other.queue(), tiny); };
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  for_each_capability({75, 80, 86, 89, 90, 100, 103, 120}, [&] { EXPECT_EQ(choose(), &count_by_popcount); });
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);

  const long long before = emulated_cuda::launches();
  const CountFunction fastest = choose();
  const long long after = emulated_cuda::launches();
  EXPECT_GT(after, before);
  EXPECT_EQ(choose(), fastest);
  EXPECT_EQ(emulated_cuda::launches(), after);
}

TEST_F(CountPathCuda, AForcedPathIsTakenForAllSizesAndTriedOnce) {
  const OtherDevice other;
  setenv("FUNCSIM_CUDA_JACCARD", "mma_s8", 1);
  const long long before = emulated_cuda::launches();
  EXPECT_EQ(choose_count(1, 1, 1, other.queue()), &count_by_mma_s8);
  const long long after = emulated_cuda::launches();
  EXPECT_GT(after, before);
  EXPECT_EQ(choose_count(5000, 5000, 5000, other.queue()), &count_by_mma_s8);
  EXPECT_EQ(emulated_cuda::launches(), after);
  setenv("FUNCSIM_CUDA_JACCARD", "popcount", 1);
  EXPECT_EQ(choose_count(5000, 5000, 5000, device_queue()), &count_by_popcount);
  setenv("FUNCSIM_CUDA_JACCARD", "", 1);
  EXPECT_EQ(choose_count(1, 1, 1, device_queue()), &count_by_popcount);
  unsetenv("FUNCSIM_CUDA_JACCARD");
}

TEST_F(CountPathCuda, RefusesToForceWhatTheDeviceDoesNotHave) {
  const auto message = [](const char* name) -> std::string {
    setenv("FUNCSIM_CUDA_JACCARD", name, 1);
    std::string text;
    try {
      choose_count(1, 1, 1, device_queue());
    } catch (const Error& error) {
      text = error.what();
    }
    unsetenv("FUNCSIM_CUDA_JACCARD");
    return text;
  };
  for_each_capability({75}, [&] {
    EXPECT_EQ(message("mma_s8"),
              "FUNCSIM_CUDA_JACCARD must name a way to count that device 0 has (popcount), got \"mma_s8\"");
  });
  for_each_capability({80, 89}, [&] {
    EXPECT_EQ(message("wgmma_b1"),
              "FUNCSIM_CUDA_JACCARD must name a way to count that device 0 has (popcount, mma_s8, mma_b1), got "
              "\"wgmma_b1\"");
  });
  for_each_capability({100, 120}, [&] {
    EXPECT_EQ(message("mma_b1"),
              "FUNCSIM_CUDA_JACCARD must name a way to count that device 0 has (popcount, mma_s8), got \"mma_b1\"");
  });
}

TEST_F(CountPathCuda, LargeUnionsAreDividedInDouble) {
  // Counts that take rows of 2^21 bytes, which nobody has to count here.
  const DeviceArray<std::int32_t> counts_a{(1 << 24) + 1, (1 << 28) + 3, 7, 0};
  const DeviceArray<std::int32_t> counts_b{(1 << 24) - 1, (1 << 24) + 6, 0};
  const DeviceArray<std::int32_t> common{1 << 23, 8388609, 0, (1 << 23) + 7, 12345678, 0, 3, 5, 0, 0, 0, 0};
  const std::vector<std::int32_t> a = counts_a.download();
  const std::vector<std::int32_t> b = counts_b.download();
  const std::vector<std::int32_t> both = common.download();
  const DeviceArray<float> out(12);
  write_similarities({.a = {nullptr, 4, 0, counts_a.data()},
                      .b = {nullptr, 3, 0, counts_b.data()},
                      .symmetric = false,
                      .similarity = jaccard_of_rows(large_row_bytes + 1),
                      .num_samples = 0,
                      .out = out.data()},
                     common.data(), device_queue());
  const std::vector<float> got = out.download();
  for (std::size_t i = 0; i < 12; ++i) {
    const double either = static_cast<double>(a[i / 3]) + b[i % 3] - both[i];
    EXPECT_EQ(got[i], either == 0 ? 1.0F : static_cast<float>(both[i] / either)) << i;
  }
  EXPECT_EQ(jaccard_of_rows(large_row_bytes), Similarity::jaccard);
}

}  // namespace
}  // namespace funcsim
