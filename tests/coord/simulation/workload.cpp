#include "tests/coord/simulation/workload.hpp"

#include "tests/coord/simulation/register_calls.hpp"

#include <optional>

namespace coord {

namespace {

constexpr std::uint64_t registers = 3;

Wish create(const std::string& path, const std::string& data, CreateMode mode, OpCode op) {
    Wish wish{op, {}};
    Encoder out(wish.body);
    CreateRequest{path, data, open_acl_unsafe, static_cast<std::int32_t>(mode)}.encode(out, op);
    return wish;
}

Wish remove(const std::string& path, std::int32_t version) {
    Wish wish{OpCode::remove, {}};
    Encoder out(wish.body);
    RemoveRequest{path, version}.encode(out);
    return wish;
}

Wish set(const std::string& path, const std::string& data, std::int32_t version) {
    Wish wish{OpCode::set_data, {}};
    Encoder out(wish.body);
    SetDataRequest{path, data, version}.encode(out);
    return wish;
}

Wish read(OpCode op, const std::string& path, bool watch) {
    Wish wish{op, {}};
    Encoder out(wish.body);
    ReadRequest{path, watch}.encode(out);
    return wish;
}

// check is a remove that removes nothing.
void add_to(Wish& multi, OpCode op, const Wish& one) {
    Encoder out(multi.body);
    MultiHeader{op, false, -1}.encode(out);
    multi.body += one.body;
}

}  // namespace

Workload::Workload(SimulatedWorld& world, const TreeModel& model, std::uint64_t client)
    : world_(world), dice_(world.dice), model_(model), client_(client) {
    const auto add = [&](Draw draw, std::uint64_t weight) {
        for (std::uint64_t i = 0; i < weight; ++i) mix_.push_back(draw);
    };
    using W = Workload;
    for (const auto draw : {&W::set_register, &W::read_register, &W::add_item}) add(draw, 3);
    for (const auto draw : {&W::read_register_behind_sync,
                            &W::create_register,
                            &W::create_ephemeral,
                            &W::look_at_ephemeral,
                            &W::remove_item,
                            &W::list_children,
                            &W::several}) {
        add(draw, 2);
    }
    for (const auto draw : {&W::remove_register, &W::remove_ephemeral, &W::watch_on}) add(draw, 1);
}

std::vector<Wish> Workload::first() {
    return {create("/ephemeral", data(), CreateMode::persistent, OpCode::create),
            create("/queue", data(), CreateMode::persistent, OpCode::create2)};
}

Wish Workload::next() { return (this->*dice_.one_of(mix_))(); }

std::vector<Wish> Workload::all() const {
    std::vector<Wish> wishes;
    for (const auto& path : model_.paths()) {
        if (path == "/" || path == members_path) continue;
        wishes.push_back(read(OpCode::get_data, path, false));
        wishes.push_back(read(OpCode::get_children2, path, false));
    }
    for (std::uint64_t i = 0; i < registers; ++i) {
        const auto path = std::string(register_prefix) + std::to_string(i);
        wishes.push_back(read(OpCode::get_data, path, false));
        wishes.back().behind_sync = true;
    }
    return wishes;
}

// No two are equal.
std::string Workload::data() {
    auto text = std::to_string(client_) + "." + std::to_string(++count_);
    if (dice_.once_in(10)) text.resize(dice_.between(100, 600), '.');
    return text;
}

std::string Workload::a_register() {
    return std::string(register_prefix) + std::to_string(dice_.below(registers));
}

std::string Workload::an_ephemeral() {
    if (dice_.once_in(2)) return "/ephemeral/lock";
    return "/ephemeral/" + std::to_string(client_) + "-" + std::to_string(dice_.below(3));
}

std::string Workload::an_item() {
    const auto names = model_.children("/queue", model_.last());
    if (names.empty()) return "/queue/item-0000000000";
    return "/queue/" +
           *std::next(names.begin(), static_cast<std::ptrdiff_t>(dice_.below(names.size())));
}

std::int32_t Workload::a_version(const std::string& path) {
    const auto* const znode = model_.find(path, model_.last());
    if (znode == nullptr || dice_.once_in(2)) return -1;
    return znode->stat.version - (dice_.once_in(4) ? 1 : 0);
}

Wish Workload::set_register() {
    const auto path = a_register();
    return set(path, data(), a_version(path));
}
Wish Workload::create_register() {
    const auto op = dice_.once_in(2) ? OpCode::create : OpCode::create2;
    return create(a_register(), data(), CreateMode::persistent, op);
}
Wish Workload::remove_register() {
    const auto path = a_register();
    return remove(path, a_version(path));
}
Wish Workload::read_register() {
    const auto op = dice_.once_in(3) ? OpCode::exists : OpCode::get_data;
    return read(op, a_register(), dice_.once_in(2));
}
Wish Workload::read_register_behind_sync() {
    auto wish = read(OpCode::get_data, a_register(), false);
    wish.behind_sync = true;
    return wish;
}
Wish Workload::create_ephemeral() {
    return create(an_ephemeral(), data(), CreateMode::ephemeral, OpCode::create2);
}
Wish Workload::remove_ephemeral() { return remove(an_ephemeral(), -1); }
Wish Workload::look_at_ephemeral() { return read(OpCode::exists, an_ephemeral(), true); }
Wish Workload::add_item() {
    const auto mode =
        dice_.once_in(3) ? CreateMode::ephemeral_sequential : CreateMode::persistent_sequential;
    return create("/queue/item-", data(), mode, OpCode::create);
}
Wish Workload::remove_item() { return remove(an_item(), -1); }
Wish Workload::list_children() {
    const auto* const path = dice_.once_in(2) ? "/queue" : "/ephemeral";
    return read(OpCode::get_children2, path, dice_.once_in(2));
}

// Some fail: a version is old, an item was taken.
Wish Workload::several() {
    Wish multi{OpCode::multi, {}};
    const auto path = a_register();
    if (dice_.once_in(2)) add_to(multi, OpCode::check, remove(path, a_version(path)));
    if (dice_.once_in(2)) {
        const auto other = a_register();
        if (other != path) add_to(multi, OpCode::set_data, set(other, data(), a_version(other)));
    }
    if (dice_.once_in(2)) add_to(multi, OpCode::remove, remove_item());
    add_to(multi, OpCode::create, add_item());
    Encoder out(multi.body);
    MultiHeader{}.encode(out);
    return multi;
}

Wish Workload::watch_on() {
    const auto mode = dice_.once_in(2) ? WatchMode::persistent : WatchMode::persistent_recursive;
    const auto path = dice_.one_of<std::string>({"/queue", "/ephemeral", a_register(), "/"});
    Wish wish{OpCode::add_watch, {}};
    Encoder out(wish.body);
    WatchRequest{path, static_cast<std::int32_t>(mode)}.encode(out);
    return wish;
}

}  // namespace coord
