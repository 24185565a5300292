#pragma once
// A DnsFace with two nodes, and questions in short: names below the domain, answers as lines.
//
// Fed by:  tests of dns/'s compiler and its parts.
// Thread:  the test's.

#include "tests/support/dns_face.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace support {

class CompiledNames : public testing::Test {
protected:
    using Lines = std::vector<std::string>;
    static constexpr unsigned no_error = 0;
    static constexpr unsigned name_error = 3;

    // NOERROR and nothing, NXDOMAIN, or the data.
    Lines ask(const std::string& name, unsigned type) {
        const auto reply = face.ask_tcp(name + ".roster.internal", type);
        if (reply.rcode == name_error) return {"NXDOMAIN"};
        EXPECT_EQ(reply.rcode, no_error);
        return reply.data();
    }

    DnsFace face;
    std::shared_ptr<const agent::NodeView> host1 = make_node("Host1", "10.0.0.1");
    std::shared_ptr<const agent::NodeView> host2 = make_node("host2", "fd00::2");
};

}  // namespace support
