#pragma once
// Names of the configuration: [[dns.record]], compiled once.
//
// Fed by:  Server, with the configuration.
// Read by: Server, which puts them into the table for good.
// Thread:  any; a pure function.
// Holds:   such a name is none that the catalog could publish, nor another spelling of one.
// Fails:   throws std::runtime_error with one line: what is no name, or one of the catalog's.

#include "agent/config.hpp"
#include "dns/answer_table.hpp"
#include "dns/grammar.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace dns {

struct StaticName {
    Labels key;
    AnswerSet answers;
};

// What compile() would throw for each of them, and names that are there twice.
std::vector<std::string> find_faults(const std::vector<agent::DnsRecordConfig>& records,
                                     const Grammar& grammar);

StaticName
compile(const agent::DnsRecordConfig& record, const Grammar& grammar, std::chrono::seconds ttl);

}  // namespace dns
