#include "agent/url.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using agent::Url;

TEST(Url, the_parts_of_a_url_are_told_apart) {
    const auto plain = agent::parse_url("http://web.local").value();
    EXPECT_EQ(plain, (Url{Url::Scheme::http, "web.local", 80, "", "/"}));
    const auto full = agent::parse_url("HTTPS://me:p%40ss@[::1]:8443/a/b?c=d#e").value();
    EXPECT_EQ(full, (Url{Url::Scheme::https, "::1", 8443, "me:p@ss", "/a/b?c=d"}));
    EXPECT_EQ(agent::parse_url("https://[::1]?x").value(),
              (Url{Url::Scheme::https, "::1", 443, "", "/?x"}));
}

TEST(Url, a_unix_socket_has_a_path_and_a_target) {
    EXPECT_EQ(agent::parse_url("unix:/run/roster.sock:/v1/status/leader").value(),
              (Url{Url::Scheme::unix_socket, "/run/roster.sock", 80, "", "/v1/status/leader"}));
    EXPECT_EQ(agent::parse_url("unix:///run/roster.sock").value().host, "/run/roster.sock");
    EXPECT_EQ(agent::format(agent::parse_url("unix:/a.sock").value()), "unix:/a.sock:/");
}

TEST(Url, what_is_no_url_is_refused) {
    for (const auto* text : {"",
                             "web",
                             "ftp://a",
                             "http://",
                             "http://a:0",
                             "http://a:x/",
                             "http://a b/",
                             "http://a/\r\nX: y",
                             "unix:a",
                             "unix:/",
                             "http:///x"}) {
        EXPECT_FALSE(agent::parse_url(text)) << text;
    }
}

TEST(Url, the_host_header_has_the_port_only_when_it_is_unusual) {
    EXPECT_EQ(agent::parse_url("http://a:80/").value().authority(), "a");
    EXPECT_EQ(agent::parse_url("https://a:80/").value().authority(), "a:80");
    EXPECT_EQ(agent::parse_url("http://[::1]/").value().authority(), "[::1]");
    EXPECT_EQ(agent::parse_url("unix:/a:/b").value().authority(), "localhost");
}

TEST(Url, a_location_leads_somewhere_from_where_one_is) {
    const auto base = agent::parse_url("http://a:81/x/y?z").value();
    const auto lead = [&](std::string_view location) {
        return agent::format(agent::resolve(base, location).value());
    };
    EXPECT_EQ(lead("https://b/c"), "https://b/c");
    EXPECT_EQ(lead("//b/c"), "http://b/c");
    EXPECT_EQ(lead("/c?d=http://e"), "http://a:81/c?d=http://e");
    EXPECT_EQ(lead("c"), "http://a:81/x/c");
    EXPECT_EQ(lead("?q"), "http://a:81/x/y?q");
    EXPECT_FALSE(agent::resolve(base, "ftp://b/c"));
}

TEST(Url, percent_encoding_goes_there_and_back) {
    EXPECT_EQ(agent::percent_encode("web 1/a%"), "web%201%2Fa%25");
    EXPECT_EQ(agent::percent_decode(agent::percent_encode("web 1/a%")), "web 1/a%");
    EXPECT_EQ(agent::percent_decode("100%"), "100%");
    EXPECT_EQ(agent::percent_decode("%zz%41"), "%zzA");
}

}  // namespace
