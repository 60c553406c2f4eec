#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

void synchronize_op(const Tensor& like) {
  check_device(like, "synchronize", "like");
  synchronize(like);
}

const OperatorRegistration registration("synchronize(Tensor like) -> ()", TORCH_BOX(&synchronize_op));

}  // namespace

}  // namespace funcsim
