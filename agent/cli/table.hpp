#pragma once
// Rows in aligned columns, for people.
//
// Fed by:  the commands that list something.
// Thread:  any; a pure function.
// Holds:   columns are two spaces apart, the last one is not padded; colours take no width.

#include <string>
#include <vector>

namespace agent {

using Row = std::vector<std::string>;

std::string format_table(const std::vector<Row>& rows);

// "a,b,c"; "-" when there are none.
std::string join(const std::vector<std::string>& words);

}  // namespace agent
