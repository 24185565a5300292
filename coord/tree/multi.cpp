#include "coord/tree/multi.hpp"

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

namespace coord {
namespace {

struct Operation {
    OpCode op{};
    std::variant<CreateRequest, RemoveRequest, SetDataRequest> request;
};

// In a multi it is the flags that say which kind of create it is, whatever the operation was called
// (ZooKeeper's Op.Create): without container or TTL it is a plain one, and answers without Stat. The
// flags of a TTL without one break the request, but not before an earlier operation fails it.
Operation decode_create(OpCode op, Decoder& in) {
    const auto request = CreateRequest::decode(in, op);
    const CreateMode mode{request.flags};
    const bool is_ttl =
        mode == CreateMode::persistent_ttl || mode == CreateMode::persistent_sequential_ttl;
    if (is_ttl) return {op == OpCode::create_ttl ? op : OpCode::error, request};
    const bool is_container = mode == CreateMode::container;
    return {is_container ? OpCode::create_container : OpCode::create, request};
}

std::optional<Operation> decode_operation(OpCode op, Decoder& in) {
    switch (op) {
        case OpCode::create:
        case OpCode::create2:
        case OpCode::create_container:
        case OpCode::create_ttl: return decode_create(op, in);
        case OpCode::remove:
        case OpCode::check: return Operation{op, RemoveRequest::decode(in)};
        case OpCode::set_data: return Operation{op, SetDataRequest::decode(in)};
        default: return std::nullopt;
    }
}

std::optional<std::vector<Operation>> decode_operations(std::string_view body) {
    Decoder in(body);
    std::vector<Operation> operations;
    for (;;) {
        const auto header = MultiHeader::decode(in);
        if (in.failed()) return std::nullopt;
        if (header.done) return operations;
        auto operation = decode_operation(header.op, in);
        if (!operation || in.failed()) return std::nullopt;
        operations.push_back(std::move(*operation));
    }
}

// What an operation's result is labelled: a create that carries a Stat is a create2.
OpCode result_op(OpCode op) {
    const bool carries_stat = op == OpCode::create_container || op == OpCode::create_ttl;
    return carries_stat ? OpCode::create2 : op;
}

struct Applier {
    Transaction& transaction;
    OpCode op;
    Encoder& reply;

    Errc operator()(const CreateRequest& request) const {
        return transaction.create(op, request, reply);
    }
    Errc operator()(const RemoveRequest& request) const {
        return op == OpCode::check ? transaction.check(request) : transaction.remove(request);
    }
    Errc operator()(const SetDataRequest& request) const {
        return transaction.set_data(request, reply);
    }
};

void encode_failure(std::size_t culprit, Errc error, std::size_t count, Encoder& out) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto code = i < culprit    ? Errc::ok
                          : i == culprit ? error
                                         : Errc::runtime_inconsistency;
        MultiHeader{OpCode::error, false, static_cast<std::int32_t>(code)}.encode(out);
        out.int32(static_cast<std::int32_t>(code));
    }
}

}  // namespace

Errc apply_multi(DataTree& tree,
                 Transaction& transaction,
                 std::string_view body,
                 std::string& reply) {
    const auto operations = decode_operations(body);
    if (!operations) return Errc::marshalling_error;
    if (!transaction.has_session()) return Errc::session_expired;
    Encoder out(reply);
    for (std::size_t i = 0; i < operations->size(); ++i) {
        const auto& [op, request] = (*operations)[i];
        MultiHeader{result_op(op), false, 0}.encode(out);
        const auto error = op == OpCode::error ? Errc::marshalling_error
                                               : std::visit(Applier{transaction, op, out}, request);
        if (error == Errc::ok) continue;
        tree.rollback();
        transaction.events().clear();
        reply.clear();
        if (op == OpCode::error) return error;
        encode_failure(i, error, operations->size(), out);
        break;
    }
    MultiHeader{}.encode(out);
    return Errc::ok;
}

}  // namespace coord
