#include "http/blocking_query.hpp"

#include "http/catalog_view.hpp"
#include "tests/http/face.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ReadOptions parse(std::string_view target) {
    Request request;
    request.target = *parse_target(target);
    return std::get<ReadOptions>(parse_read_options(request, "dc1"));
}

Response refusal(std::string_view target) {
    Request request;
    request.target = *parse_target(target);
    const auto parsed = parse_read_options(request, "dc1");
    const auto* response = std::get_if<Response>(&parsed);
    EXPECT_NE(response, nullptr) << target;
    return response == nullptr ? Response{} : *response;
}

TEST(ReadOptions, have_consuls_defaults_and_limits) {
    EXPECT_EQ(parse("/x").wait, seconds(300));
    EXPECT_EQ(parse("/x?index=7&wait=55s").wait, seconds(55));
    EXPECT_EQ(parse("/x?index=7&wait=120000ms").wait, seconds(120));
    EXPECT_EQ(parse("/x?wait=24h").wait, seconds(600));
    EXPECT_EQ(parse("/x?index=7").index, 7U);
    EXPECT_TRUE(parse("/x?consistent=").consistent);
    EXPECT_EQ(parse("/x?dc=dc1&ns=default&token=t&stale").index, 0U);
}

TEST(ReadOptions, that_are_wrong_are_refused_in_consuls_words) {
    EXPECT_EQ(refusal("/x?index=abc").body, "Invalid index");
    EXPECT_EQ(refusal("/x?index=-1").status, 400);
    EXPECT_EQ(refusal("/x?wait=soon").body, "Invalid wait time");
    EXPECT_EQ(refusal("/x?stale&consistent").status, 400);
    EXPECT_EQ(refusal("/x?cached&consistent").status, 400);
    EXPECT_EQ(refusal("/x?ns=other").status, 400);
    EXPECT_EQ(refusal("/x?max_stale=soon").body, "Invalid max_stale value \"soon\"");
    const auto elsewhere = refusal("/x?dc=dc2");
    EXPECT_EQ(elsewhere.status, 500);
    EXPECT_EQ(elsewhere.body, "No path to datacenter");
}

TEST(BlockingQueries, jitter_at_most_a_sixteenth_of_the_wait) {
    boost::asio::io_context io;
    BlockingQueries queries(io, 10);

    for (int i = 0; i < 1000; ++i) {
        const auto wait = queries.jittered(seconds(16));
        EXPECT_GE(wait, seconds(16));
        EXPECT_LE(wait, seconds(17));
    }
}

Answer answer(std::uint64_t index, std::string body) {
    Answer made;
    made.index = index;
    made.response.body = std::move(body);
    return made;
}

TEST(BlockingQueries, keep_the_index_of_a_result_that_did_not_change) {
    boost::asio::io_context io;
    BlockingQueries queries(io, 10);
    auto first = answer(5, "a");
    auto same = answer(9, "a");
    auto other = answer(9, "b");

    queries.settle("q", first, 9);
    queries.settle("q", same, 9);
    queries.settle("q", other, 9);

    EXPECT_EQ(first.index, 5U);
    EXPECT_EQ(same.index, 5U);
    EXPECT_EQ(other.index, 9U);
}

TEST(BlockingQueries, never_take_an_index_back) {
    boost::asio::io_context io;
    BlockingQueries queries(io, 10);
    auto present = answer(20, "there");
    auto gone = answer(4, "gone");

    queries.settle("q", present, 20);
    queries.settle("q", gone, 25);

    EXPECT_EQ(gone.index, 25U);
}

TEST(BlockingQueries, forget_the_oldest_results_when_there_are_too_many) {
    boost::asio::io_context io;
    BlockingQueries queries(io, 10);
    auto first = answer(5, "a");
    queries.settle("first", first, 5);
    for (int i = 0; i < 50'000; ++i) {
        auto filler = answer(6, "x");
        queries.settle("filler " + std::to_string(i), filler, 6);
    }

    auto again = answer(7, "a");
    queries.settle("first", again, 7);

    EXPECT_EQ(again.index, 7U);  // Not known any more: the scope's own, and not lower than before.
}

constexpr std::string_view web = "/v1/health/service/web";

TEST(BlockingQuery, answers_at_once_without_an_index_or_with_an_old_one) {
    Face face;
    face.publish(web_publication(10));

    EXPECT_EQ(face.get(web).index(), 10U);
    EXPECT_EQ(face.get(std::string(web) + "?index=9").index(), 10U);
    EXPECT_EQ(face.get(std::string(web) + "?index=0").index(), 10U);
}

TEST(BlockingQuery, wakes_when_its_result_changes) {
    Face face;
    face.publish(web_publication(10));
    auto client = face.client();
    client.ask("GET", std::string(web) + "?index=10");
    ASSERT_TRUE(face.parked(1));

    face.publish(web_publication(11, agent::Health::critical));

    const auto reply = client.receive();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.index(), 11U);
    EXPECT_NE(reply.body.find("critical"), std::string::npos);
    EXPECT_TRUE(face.parked(0));
}

TEST(BlockingQuery, sleeps_on_when_only_what_it_filters_out_changed) {
    Face face;
    face.publish(web_publication(10, agent::Health::warning));
    auto passing = face.client();
    auto primary = face.client();
    passing.ask("GET", std::string(web) + "?passing&index=10&filter=Service.ID%20==%20%22web-2%22");
    primary.ask("GET", "/v1/catalog/service/web?tag=nobody&index=10");
    ASSERT_TRUE(face.parked(2));

    face.publish(web_publication(11, agent::Health::critical));

    EXPECT_TRUE(face.wait_for("roster_http_waiting_spared_total", 2));
    EXPECT_TRUE(passing.silent_for(milliseconds(0)));
    face.publish(web_publication(12, agent::Health::passing));
    EXPECT_EQ(passing.receive().index(), 12U);
    EXPECT_TRUE(primary.silent_for(milliseconds(0)));
}

TEST(BlockingQuery, is_not_looked_at_when_another_service_changes) {
    Face face;
    face.publish(web_publication(10));
    auto client = face.client();
    client.ask("GET", std::string(web) + "?index=10");
    ASSERT_TRUE(face.parked(1));

    auto other = support::publication(11);
    other.services = {support::make_service("api", {})};
    face.publish(std::move(other));

    EXPECT_EQ(face.get("/v1/catalog/services").index(), 11U);
    EXPECT_EQ(face.metric("roster_http_waiting_spared_total"), 0);
    EXPECT_TRUE(client.silent_for(milliseconds(0)));
}

TEST(BlockingQuery, returns_the_same_index_and_body_when_time_is_up) {
    Face face;
    face.publish(web_publication(10));
    const auto before = face.get(web);

    const auto after = face.get(std::string(web) + "?index=10&wait=20ms");

    EXPECT_EQ(after.index(), 10U);
    EXPECT_EQ(after.body, before.body);
}

TEST(BlockingQuery, that_slept_through_a_change_it_filters_out_keeps_its_index) {
    Face face;
    face.publish(web_publication(10, agent::Health::warning));
    const auto target = std::string(web) + "?passing&filter=Service.ID%20==%20%22web-2%22";
    const auto first = face.get(target);
    face.publish(web_publication(11, agent::Health::critical));

    const auto second = face.get(target + "&index=" + std::to_string(first.index()) + "&wait=20ms");

    EXPECT_EQ(second.index(), first.index());
    EXPECT_EQ(second.body, "[]");
}

TEST(BlockingQuery, on_a_missing_service_has_an_index_and_wakes_when_it_comes) {
    Face face;
    face.publish(support::publication(10));
    const auto missing = face.get(web);
    EXPECT_EQ(missing.body, "[]");
    EXPECT_EQ(missing.index(), 10U);
    auto client = face.client();
    client.ask("GET", std::string(web) + "?index=10");
    ASSERT_TRUE(face.parked(1));

    face.publish(web_publication(11));

    EXPECT_EQ(client.receive().index(), 11U);
}

TEST(BlockingQuery, does_not_go_back_when_its_service_vanishes) {
    Face face;
    face.publish(web_publication(10));
    auto client = face.client();
    client.ask("GET", std::string(web) + "?index=10");
    ASSERT_TRUE(face.parked(1));
    auto gone = support::publication(11);
    gone.removed_services = {"web"};

    face.publish(std::move(gone));

    const auto reply = client.receive();
    EXPECT_EQ(reply.body, "[]");
    EXPECT_EQ(reply.index(), 11U);
}

TEST(BlockingQuery, with_an_index_from_the_future_returns_at_once_with_ours) {
    Face face;
    face.publish(web_publication(10));

    EXPECT_EQ(face.get(std::string(web) + "?index=5000").index(), 10U);
}

TEST(BlockingQuery, is_answered_when_the_ensemble_was_restored) {
    Face face;
    face.publish(web_publication(10));
    auto client = face.client();
    client.ask("GET", std::string(web) + "?index=10");
    ASSERT_TRUE(face.parked(1));

    face.publish(web_publication(4));

    EXPECT_EQ(client.receive().index(), 4U);
}

TEST(BlockingQuery, ends_when_its_client_hangs_up) {
    Face face;
    face.publish(web_publication(10));
    auto client = face.client();
    client.ask("GET", std::string(web) + "?index=10");
    ASSERT_TRUE(face.parked(1));

    client.shutdown();

    EXPECT_TRUE(face.parked(0));
    EXPECT_TRUE(face.wait_for("roster_http_connections", 0));
}

TEST(BlockingQuery, above_the_limit_is_refused) {
    ServerOptions options;
    options.limits.waiting_max = 1;
    Face face(std::move(options));
    face.publish(web_publication(10));
    auto first = face.client();
    first.ask("GET", std::string(web) + "?index=10");
    ASSERT_TRUE(face.parked(1));

    EXPECT_EQ(face.get(std::string(web) + "?index=10").status, 429);
    EXPECT_EQ(face.metric("roster_http_waiting_refused_total"), 1);
}

TEST(BlockingQuery, wakes_many_at_once) {
    Face face;
    face.publish(web_publication(10));
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 200; ++i) {
        clients.push_back(std::make_unique<RawClient>(face.server().ports().front()));
        clients.back()->ask("GET", std::string(web) + "?index=10");
    }
    ASSERT_TRUE(face.parked(200));

    face.publish(web_publication(11, agent::Health::critical));

    for (auto& client : clients) EXPECT_EQ(client->receive().index(), 11U);
}

TEST(Read, has_every_header_of_consul) {
    Face face;
    face.publish(web_publication(10));

    const auto reply = face.get("/v1/catalog/nodes?cached");

    EXPECT_EQ(reply.find("x-consul-index"), "10");
    EXPECT_EQ(reply.find("x-consul-knownleader"), "true");
    EXPECT_EQ(reply.find("x-consul-lastcontact"), "0");
    EXPECT_EQ(reply.find("x-consul-effective-consistency"), "stale");
    EXPECT_EQ(reply.find("x-consul-query-backend"), "blocking-query");
    EXPECT_EQ(reply.find("x-consul-default-acl-policy"), "allow");
    EXPECT_EQ(reply.find("x-cache"), "HIT");
    EXPECT_EQ(reply.find("content-type"), "application/json");
}

TEST(Read, from_the_cache_takes_the_directives_of_consuls_clients_and_refuses_broken_ones) {
    Face face;
    face.publish(web_publication(10));
    const auto status_with = [&](const std::string& cache_control) {
        auto client = face.client();
        client.send("GET /v1/catalog/nodes?cached HTTP/1.1\r\nHost: x\r\nCache-Control: " +
                    cache_control + "\r\n\r\n");
        return client.receive().status;
    };
    EXPECT_EQ(status_with("max-age=5, must-revalidate, stale-if-error=60"), 200);
    EXPECT_EQ(status_with("no-cache"), 200);
    EXPECT_EQ(status_with("max-age=soon"), 400);
    EXPECT_EQ(status_with("must-revalidate,stale-if-error="), 400);
}

TEST(Read, goes_on_without_the_ensemble_and_says_so) {
    Face face;
    auto lost = web_publication(10);
    lost.connected = false;
    face.publish(std::move(lost));

    const auto reply = face.get(web);

    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.find("x-consul-knownleader"), "false");
}

TEST(Read, is_500_in_consuls_words_before_the_first_sync) {
    const Face face;

    const auto reply = face.get(web);

    EXPECT_EQ(reply.status, 500);
    EXPECT_TRUE(reply.body.starts_with("No cluster leader")) << reply.body;
}

}  // namespace
}  // namespace http
