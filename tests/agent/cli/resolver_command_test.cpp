#include "tests/support/fake_agent.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

namespace fs = std::filesystem;

const std::string mark = "# Written by 'roster resolver setup'";

void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
}

std::string read(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// The image of a host, and the command on it.
class ResolverCommand : public ::testing::Test {
protected:
    ResolverCommand() { write(root_ / "etc/roster.toml", "domain = \"x.test\"\n"); }

    tests::Ran setup(std::vector<std::string> more) {
        more.insert(more.begin(), {"resolver", "setup", "--root", root_.path().string()});
        more.insert(more.end(), {"--config", (root_ / "etc/roster.toml").string()});
        return tests::run_command(more);
    }
    tests::Ran remove(std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"resolver", "remove", "--root", root_.path().string()});
        return tests::run_command(more);
    }

    coord::TemporaryDirectory root_;
    fs::path unbound_ = root_ / "etc/unbound/unbound.conf.d/roster.conf";
};

TEST_F(ResolverCommand, prints_the_lines_for_another_resolver_and_writes_nothing) {
    const auto ran = setup({"--for", "dnsmasq"});

    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
    EXPECT_NE(ran.out.find("--- /etc/dnsmasq.d/roster.conf\n" + mark), std::string::npos);
    EXPECT_NE(ran.out.find("server=/x.test/127.0.0.1#8600\n"), std::string::npos) << ran.out;
    EXPECT_NE(ran.out.find("systemctl restart dnsmasq\n"), std::string::npos);
    EXPECT_NE(ran.err.find("--write"), std::string::npos);
    EXPECT_FALSE(fs::exists(root_ / "etc/dnsmasq.d"));
}

TEST_F(ResolverCommand, writes_once_and_takes_away_what_it_wrote) {
    fs::create_directories(unbound_.parent_path());

    const auto first = setup({"--for", "unbound", "--write"});
    const auto text = read(unbound_);
    const auto second = setup({"--for", "unbound", "--write"});

    EXPECT_EQ(first.code, agent::exit_ok) << first.err;
    EXPECT_NE(first.out.find("written " + unbound_.string()), std::string::npos);
    EXPECT_NE(first.out.find("now run: systemctl restart unbound"), std::string::npos);
    EXPECT_NE(second.out.find("unchanged " + unbound_.string()), std::string::npos);
    EXPECT_EQ(read(unbound_), text);
    EXPECT_TRUE(text.starts_with(mark));
    EXPECT_EQ(fs::status(unbound_).permissions(), fs::perms(0644));
    EXPECT_EQ(remove().code, agent::exit_ok);
    EXPECT_TRUE(fs::is_empty(unbound_.parent_path()));
    EXPECT_EQ(remove().out, "nothing of ours is there\n");
}

TEST_F(ResolverCommand, tells_of_the_files_of_another_setup) {
    fs::create_directories(unbound_.parent_path());
    fs::create_directories(root_ / "etc/dnsmasq.d");
    setup({"--for", "unbound", "--write"});

    const auto ran = setup({"--for", "dnsmasq", "--write"});

    EXPECT_NE(ran.out.find("/unbound.conf.d/roster.conf of another setup is there, too"),
              std::string::npos)
        << ran.out;
}

TEST_F(ResolverCommand, wires_systemd_resolved_without_being_asked_to_write) {
    write(root_ / "etc/resolv.conf", "nameserver 127.0.0.53\n");
    fs::create_directories(root_ / "etc/systemd");
    const auto unit = root_ / "etc/systemd/system/roster-resolver.service";

    const auto printed = setup({"--print"});
    EXPECT_FALSE(fs::exists(unit));
    const auto ran = setup({});

    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
    EXPECT_TRUE(read(unit).starts_with(mark));
    EXPECT_NE(printed.out.find(read(unit)), std::string::npos) << "what is printed is written";
    EXPECT_NE(remove({"--print"}).out.find("rm " + unit.string()), std::string::npos);
    EXPECT_TRUE(fs::exists(unit));
    remove();
    EXPECT_FALSE(fs::exists(unit));
}

TEST_F(ResolverCommand, puts_back_the_resolv_conf_that_was_there) {
    const std::string before = "nameserver 10.0.0.1\nsearch a.example\n";
    write(root_ / "etc/resolv.conf", before);
    write(root_ / "etc/roster.toml", "[dns.forward]\nservers = [\"10.0.0.1\"]\n");

    const auto ran = setup({"--for", "resolv.conf", "--dns-addr", "127.0.0.2:53", "--write"});
    setup({"--for", "resolv.conf", "--dns-addr", "127.0.0.3:53", "--write"});

    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
    EXPECT_NE(read(root_ / "etc/resolv.conf").find("nameserver 127.0.0.3\nsearch a.example\n"),
              std::string::npos);
    EXPECT_EQ(remove().code, agent::exit_ok);
    EXPECT_EQ(read(root_ / "etc/resolv.conf"), before);
    EXPECT_FALSE(fs::exists(root_ / "etc/resolv.conf.before-roster"));
}

TEST_F(ResolverCommand, leaves_a_file_of_somebody_elses_alone) {
    write(unbound_, "server:\n");

    const auto ran = setup({"--for", "unbound", "--write"});

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_NE(ran.err.find(unbound_.string() + " is there and not ours"), std::string::npos);
    remove();
    EXPECT_EQ(read(unbound_), "server:\n");
}

TEST_F(ResolverCommand, says_what_is_not_installed) {
    const auto ran = setup({"--for", "unbound", "--write"});

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_NE(ran.err.find("unbound is not installed here"), std::string::npos) << ran.err;
}

TEST_F(ResolverCommand, says_what_is_wrong_with_the_configuration) {
    write(root_ / "etc/roster.toml", "[dns]\nlisten = [\"127.0.0.1:0\"]\n");
    EXPECT_NE(setup({"--for", "unbound"}).err.find("roster resolver setup: dns.listen"),
              std::string::npos);

    write(root_ / "etc/roster.toml", "domian = \"x\"\n");
    EXPECT_NE(setup({"--for", "unbound"}).err.find("did you mean \"domain\""), std::string::npos);
}

TEST_F(ResolverCommand, wrong_words_are_usage_errors) {
    EXPECT_EQ(tests::run_command({"resolver"}).code, agent::exit_usage);
    EXPECT_EQ(setup({"--for", "bind"}).code, agent::exit_usage);
    EXPECT_EQ(setup({"--domain", "a..b"}).code, agent::exit_usage);
    EXPECT_EQ(setup({"--dns-addr", "localhost"}).code, agent::exit_usage);
}

TEST_F(ResolverCommand, status_tells_that_no_agent_answers) {
    const auto ran = tests::run_command({"resolver",
                                         "status",
                                         "--config",
                                         (root_ / "etc/roster.toml").string(),
                                         "--dns-addr",
                                         "127.0.0.1:1"});

    EXPECT_EQ(ran.code, agent::exit_unreachable) << ran.out << ran.err;
    EXPECT_NE(ran.out.find("No agent answers on 127.0.0.1:1"), std::string::npos);
}

}  // namespace
