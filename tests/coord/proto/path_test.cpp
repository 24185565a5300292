#include "coord/proto/path.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace coord {
namespace {

using std::string_view_literals::operator""sv;

TEST(Path, is_valid_when_absolute_and_made_of_names) {
    for (const auto path :
         {"/", "/a", "/a/b", "/a.b", "/...", "/.a", "/a..", "/a b", "/ü", "/日本/x"}) {
        EXPECT_TRUE(is_valid_path(path)) << path;
    }
}

TEST(Path, is_invalid_when_relative_or_with_an_empty_or_dotted_name) {
    for (const auto path :
         {"", "a", "a/b", "/a/", "//", "/a//b", "/.", "/..", "/a/.", "/./a", "/a/../b"}) {
        EXPECT_FALSE(is_valid_path(path)) << path;
    }
}

TEST(Path, is_invalid_with_characters_that_java_refuses) {
    for (const auto path : {"/a\0"sv,
                            "/\x01"sv,
                            "/a\x1F/b"sv,
                            "/\x7F"sv,
                            "/\u0080"sv,
                            "/\u009F"sv,
                            "/\xED\xA0\x80"sv,  // U+D800
                            "/\uE000"sv,
                            "/\uF8FF"sv,
                            "/\uFFF0"sv,
                            "/\uFFFF"sv,
                            "/\U0001F600"sv}) {
        EXPECT_FALSE(is_valid_path(path)) << path;
    }
    for (const auto path : {"/\u00A0"sv, "/\uD7FF"sv, "/\uF900"sv, "/\uFFEF"sv}) {
        EXPECT_TRUE(is_valid_path(path)) << path;
    }
}

TEST(Path, is_invalid_where_it_is_no_utf8) {
    for (const auto path : {"/\x80", "/\xC0\xAF", "/\xC3", "/\xE2\x82", "/\xFF", "/a\xC3/b"}) {
        EXPECT_FALSE(is_valid_path(path)) << path;
    }
}

TEST(Path, comes_apart_into_parent_and_name) {
    EXPECT_EQ(parent_path("/a/b"), "/a");
    EXPECT_EQ(parent_path("/a"), "/");
    EXPECT_EQ(parent_path("/"), "/");
    EXPECT_EQ(parent_path("/a//b"), "/a/");
    EXPECT_EQ(node_name("/a/b"), "b");
    EXPECT_EQ(node_name("/"), "");
}

}  // namespace
}  // namespace coord
