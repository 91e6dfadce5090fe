// Shows what is longer than the terminal in the person's pager.
#pragma once

#include <string>
#include <vector>

namespace godwit::cli {

/// Shows the lines in $PAGER (less -FIRX if it is not set) when standard input and output are a
/// terminal and the lines do not fit on it. False when it did not: print them instead.
auto page(std::vector<std::string> const& lines) -> bool;

}  // namespace godwit::cli
