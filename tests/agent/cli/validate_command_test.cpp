#include "tests/support/authority.hpp"
#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

class ValidateCommand : public testing::Test {
protected:
    ValidateCommand()
        : folder_(fs::path(testing::TempDir()) / ("validate_" + std::to_string(::getpid()))) {
        fs::create_directories(folder_ / "services.d");
    }
    ~ValidateCommand() override { fs::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }

    // What the examples of TLS name below /etc/roster/tls, in our folder.
    std::string with_certificates(std::string text) {
        const tests::Authority authority;
        write("ca.pem", authority.pem);
        for (const std::string name : {"server", "agent"}) {
            const auto issued = authority.issue();
            write(name + ".pem", issued.pem);
            write(name + ".key", issued.key_pem);
        }
        const std::string named = "/etc/roster/tls";
        for (auto at = text.find(named); at != std::string::npos; at = text.find(named)) {
            text.replace(at, named.size(), folder_.string());
        }
        return text;
    }

    fs::path folder_;
};

TEST_F(ValidateCommand, a_right_file_is_ok) {
    const auto file = write("roster.toml", "node = \"a\"\n");

    const auto ran = tests::run_command({"validate", file});

    EXPECT_EQ(ran.code, agent::exit_ok);
    EXPECT_EQ(ran.out, file + ": ok\n");
}

TEST_F(ValidateCommand, an_expired_certificate_is_warned_of) {
    const tests::Authority authority;
    const auto issued = authority.issue({.valid_from = -200, .valid_until = -100});
    const auto certificate = write("cert.pem", issued.pem);
    const auto file = write("roster.toml",
                            "[coord.tls]\nlisten = [\"127.0.0.1:2281\"]\ncert = \"" + certificate +
                                "\"\nkey = \"" + write("key.pem", issued.key_pem) + "\"\n");

    const auto ran = tests::run_command({"validate", file});

    EXPECT_EQ(ran.code, agent::exit_ok);
    EXPECT_EQ(ran.err, file + ": warning: " + certificate + ": the certificate has expired\n");
}

TEST_F(ValidateCommand, what_other_rooms_find_wrong_is_an_error_too) {
    const auto file = write("roster.toml", "domain = \"a\"\n");
    const auto find_faults = [](const agent::Config& config) {
        return std::vector<std::string>{"no domain: " + config.domain, "nothing else"};
    };

    const auto ran = tests::run_command({"validate", file}, find_faults);

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err, file + ": no domain: a\n" + file + ": nothing else\n");
}

TEST_F(ValidateCommand, every_error_of_every_file_is_printed) {
    const auto one = write("one.toml", "nod = \"a\"\n[dns]\nworkers = 0\n");
    const auto two = write("two.toml", "x = \n");

    const auto ran = tests::run_command({"validate", one, two});

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_NE(ran.err.find(one + ":1: unknown key \"nod\": did you mean \"node\"?\n"),
              std::string::npos);
    EXPECT_NE(ran.err.find(one + ":3: "), std::string::npos);
    EXPECT_NE(ran.err.find(two + ":1: "), std::string::npos);
}

TEST_F(ValidateCommand, files_of_a_services_d_declare_services_only) {
    const auto good = write("services.d/web.toml", "[[service]]\nname = \"web\"\n");
    EXPECT_EQ(tests::run_command({"validate", good}).out, good + ": ok\n");

    const auto bad = write("services.d/x.toml", "node = \"a\"\n");
    const auto ran = tests::run_command({"validate", (folder_ / "services.d").string()});
    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_EQ(ran.out, good + ": ok\n");
    EXPECT_EQ(ran.err, bad + ":1: unknown key \"node\": known are check and service\n");
}

TEST_F(ValidateCommand, the_packaged_configuration_is_right_also_when_uncommented) {
    const auto packaged = fs::path(__FILE__).parent_path() / "../../../packaging/roster.toml";
    EXPECT_EQ(tests::run_command({"validate", packaged.string()}).code, agent::exit_ok);

    std::ifstream in(packaged);
    std::string text;
    for (std::string line; std::getline(in, line);) {
        const bool is_prose = line.starts_with("# ") && !line.starts_with("#  ");
        if (line.starts_with("#node_id")) continue;  // Its default is no value it may be given.
        if (!is_prose) text += (line.starts_with("#") ? line.substr(1) : line) + "\n";
    }
    EXPECT_NE(text.find("deregister_critical_after"), std::string::npos);
    const auto ran = tests::run_command({"validate", write("all.toml", with_certificates(text))});
    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
}

TEST_F(ValidateCommand, a_folder_may_hold_the_main_file_and_must_hold_some) {
    const auto main = write("roster.toml", "node = \"a\"\n");

    EXPECT_EQ(tests::run_command({"validate", folder_.string()}).out, main + ": ok\n");

    const auto empty = (folder_ / "services.d").string();
    const auto ran = tests::run_command({"validate", empty});
    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_EQ(ran.err, empty + ": no *.toml file in it\n");
}

}  // namespace
