#pragma once
// What a znode's path may look like, and its parts.
//
// Fed by:  DataTree (every write), Client (before it sends).
// Thread:  any; pure functions.
// Source:  ZooKeeper 3.8 PathUtils.validatePath.

#include <string_view>

namespace coord {

// True for "/", "/a", "/a/b"; false for "", "a", "/a/", "/a//b", "/a/./b", control characters, …
bool is_valid_path(std::string_view path);

// "/a/b" -> "/a", "/a" -> "/". The path must contain a '/'.
std::string_view parent_path(std::string_view path);

// "/a/b" -> "b".
std::string_view node_name(std::string_view path);

}  // namespace coord
