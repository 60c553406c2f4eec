#pragma once

namespace funcsim {

// NOLINTBEGIN(modernize-use-using): `using` has no place for __extension__
__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;
// NOLINTEND(modernize-use-using)

}  // namespace funcsim
