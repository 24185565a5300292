#include "agent/packed_record.hpp"

#include <cassert>
#include <chrono>
#include <concepts>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

// The octets: a Head; the lengths of id and node, and "id@node"; the texts, in the order of Text,
// the znode's name if it is another; when it was registered; the parts that are not empty, in the
// order of their bits.
// Numbers are in groups of seven bits, as in Protocol Buffers: most are small, and most texts short.

namespace agent {
namespace {

enum Part : std::uint8_t {
    tags_part = 1U << 0U,
    meta_part = 1U << 1U,
    tagged_addresses_part = 1U << 2U,
    dns_part = 1U << 3U,
    maintenance_part = 1U << 4U,
    checks_part = 1U << 5U,
    // These have no octets of their own.
    external_flag = 1U << 6U,
    tag_override_flag = 1U << 7U,
};

enum class Text { service, address, zone, node_address, datacenter, znode, end };

struct Head {
    Weights weights;
    std::uint16_t port;
    std::uint8_t health;
    std::uint8_t has;  // Parts
};
static_assert(std::is_trivially_copyable_v<Head> && sizeof(Head) == 8);

template <class T, class Of>
concept Is = std::same_as<std::remove_const_t<T>, Of>;

// A binding must name every member: one that is added and forgotten here does not compile.
auto fields_of(Is<TaggedAddress> auto& from) {
    auto& [address, port] = from;
    return std::tie(address, port);
}

auto fields_of(Is<Maintenance> auto& from) {
    auto& [reason] = from;
    return std::tie(reason);
}

auto fields_of(Is<DnsOrigin> auto& from) {
    auto& [key, expires_ms, has_address] = from;
    return std::tie(key, expires_ms, has_address);
}

auto fields_of(Is<CheckStatus> auto& from) {
    auto& [health, output] = from;
    return std::tie(health, output);
}

// clang-format off
auto fields_of(Is<CheckDefinition> auto& from) {
    auto& [id, name, notes, service_id, kind,
           url, method, header, body, expected_status, body_match, disable_redirects,
           tls_skip_verify, tls_server_name, tcp, tcp_use_tls, args,
           ttl, interval, timeout, start_period,
           success_before_passing, failures_before_warning, failures_before_critical,
           initial_status, deregister_critical_after, output_bytes_max] = from;
    return std::tie(id, name, notes, service_id, kind,
                    url, method, header, body, expected_status, body_match, disable_redirects,
                    tls_skip_verify, tls_server_name, tcp, tcp_use_tls, args,
                    ttl, interval, timeout, start_period,
                    success_before_passing, failures_before_warning, failures_before_critical,
                    initial_status, deregister_critical_after, output_bytes_max);
}
// clang-format on

auto fields_of(Is<Check> auto& from) {
    auto& [definition, status] = from;
    return std::tie(definition, status);
}

template <class T>
concept Number = std::integral<T> || std::is_enum_v<T>;

template <class T>
concept Structure = requires(T& value) {
    fields_of(value);
};

class Packer {
public:
    void put_number(std::uint64_t number) {
        for (; number >= 0x80U; number >>= 7U) octets_ += static_cast<char>(number | 0x80U);
        octets_ += static_cast<char>(number);
    }
    void put_octets(std::string_view octets) { octets_ += octets; }
    void put(std::string_view text) {
        put_number(text.size());
        put_octets(text);
    }
    void put(const std::string& text) { put(std::string_view(text)); }
    void put(Number auto number) { put_number(static_cast<std::uint64_t>(number)); }
    void put(std::chrono::milliseconds duration) { put(duration.count()); }
    template <class T>
    void put(const std::optional<T>& value) {
        put(value.has_value());
        if (value) put(*value);
    }
    template <class First, class Second>
    void put(const std::pair<First, Second>& pair) {
        put(pair.first);
        put(pair.second);
    }
    template <class T>
    void put(const std::vector<T>& list) {
        put_number(list.size());
        for (const auto& each : list) put(each);
    }
    template <class T>
    void put(const std::map<std::string, T>& map) {
        put_number(map.size());
        for (const auto& each : map) put(each);
    }
    void put(const Structure auto& value) {
        std::apply([this](const auto&... field) { (put(field), ...); }, fields_of(value));
    }

    [[nodiscard]] const std::string& octets() const { return octets_; }

private:
    std::string octets_;
};

// Of what a Packer wrote.
class Unpacker {
public:
    explicit Unpacker(const char* begin) : at_(begin) {}

    std::uint64_t number() {
        std::uint64_t number = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto octet = static_cast<unsigned char>(*at_++);
            number |= std::uint64_t{octet & 0x7fU} << shift;
            if (octet < 0x80U) return number;
        }
    }
    std::string_view octets(std::size_t size) { return {std::exchange(at_, at_ + size), size}; }
    std::string_view text() { return octets(number()); }

    void get(std::string_view& text_of) { text_of = text(); }
    void get(std::string& text_of) { text_of = text(); }
    template <Number T>
    void get(T& number_of) {
        number_of = static_cast<T>(number());
    }
    void get(std::chrono::milliseconds& duration) {
        duration = std::chrono::milliseconds(static_cast<std::int64_t>(number()));
    }
    template <class T>
    void get(std::optional<T>& value) {
        if (number() != 0) get(value.emplace());
    }
    template <class First, class Second>
    void get(std::pair<First, Second>& pair) {
        get(pair.first);
        get(pair.second);
    }
    template <class T>
    void get(std::vector<T>& list) {
        list.resize(number());
        for (auto& each : list) get(each);
    }
    template <class T>
    void get(std::map<std::string, T>& map) {
        for (auto left = number(); left > 0; --left) {
            std::pair<std::string, T> each;
            get(each);
            map.insert(map.end(), std::move(each));
        }
    }
    void get(Structure auto& value) {
        std::apply([this](auto&... field) { (get(field), ...); }, fields_of(value));
    }

private:
    const char* at_;
};

// The parts are put in the order of their bits, whatever the order of calls is meant to be.
class Parts {
public:
    template <class T>
    void add(Part part, const T& value) {
        if (value == T()) return;
        assert((has_ & ~(part - 1U)) == 0);
        has_ |= part;
        Packer packer;
        packer.put(value);
        octets_.put(packer.octets());
    }
    void flag(Part flag, bool value) {
        if (value) has_ |= flag;
    }
    [[nodiscard]] std::uint8_t has() const { return static_cast<std::uint8_t>(has_); }
    [[nodiscard]] const std::string& octets() const { return octets_.octets(); }

private:
    unsigned has_ = 0;
    Packer octets_;
};

Parts parts_of(const InstanceRecord& record) {
    Parts parts;
    parts.add(tags_part, record.service.tags);
    parts.add(meta_part, record.service.meta);
    parts.add(tagged_addresses_part, record.service.tagged_addresses);
    parts.add(dns_part, record.dns);
    parts.add(maintenance_part, record.maintenance);
    parts.add(checks_part, record.checks);
    parts.flag(external_flag, record.external);
    parts.flag(tag_override_flag, record.service.enable_tag_override);
    return parts;
}

// Finds its way through the octets of a record.
class Layout {
public:
    explicit Layout(const char* octets) : unpacker_(octets + sizeof(Head)) {
        assert(octets != nullptr);
        std::memcpy(&head_, octets, sizeof head_);
        id_bytes_ = unpacker_.number();
        node_bytes_ = unpacker_.number();
        name_ = unpacker_.octets(id_bytes_ + 1 + node_bytes_);
    }

    [[nodiscard]] const Head& head() const { return head_; }
    [[nodiscard]] bool has(Part part) const { return (head_.has & part) != 0; }
    [[nodiscard]] std::string_view name() const { return name_; }
    [[nodiscard]] std::string_view id() const { return name_.substr(0, id_bytes_); }
    [[nodiscard]] std::string_view node() const { return name_.substr(id_bytes_ + 1); }
    [[nodiscard]] std::string_view text(Text wanted) const {
        auto unpacker = unpacker_;
        for (auto left = static_cast<int>(wanted); left > 0; --left) unpacker.text();
        return unpacker.text();
    }
    [[nodiscard]] std::int64_t registered_ms() const {
        return static_cast<std::int64_t>(behind_texts().number());
    }
    template <class T>
    [[nodiscard]] T part(Part wanted) const {
        T value{};
        if (!has(wanted)) return value;
        auto unpacker = behind_texts();
        unpacker.number();
        for (unsigned before = 1; before < wanted; before <<= 1U) {
            if ((head_.has & before) != 0) unpacker.text();
        }
        Unpacker(unpacker.text().data()).get(value);
        return value;
    }

private:
    [[nodiscard]] Unpacker behind_texts() const {
        auto unpacker = unpacker_;
        for (auto left = static_cast<int>(Text::end); left > 0; --left) unpacker.text();
        return unpacker;
    }

    Unpacker unpacker_;  // before the texts
    Head head_{};
    std::size_t id_bytes_ = 0;
    std::size_t node_bytes_ = 0;
    std::string_view name_;
};

// The name of most znodes needs no escapes: it is there already.
std::string pack(const InstanceRecord& record, std::string_view znode) {
    const auto& service = record.service;
    assert(service.checks.empty());
    const auto name = service.id + "@" + record.node;
    const auto parts = parts_of(record);
    const Head head{service.weights,
                    service.port,
                    static_cast<std::uint8_t>(aggregate(record, nullptr)),
                    parts.has()};
    std::string head_octets(sizeof head, '\0');
    std::memcpy(head_octets.data(), &head, sizeof head);

    Packer packer;
    packer.put_octets(head_octets);
    packer.put_number(service.id.size());
    packer.put_number(record.node.size());
    packer.put_octets(name);
    for (const std::string_view text : {std::string_view(service.name),
                                        std::string_view(service.address),
                                        std::string_view(service.zone),
                                        std::string_view(record.node_address),
                                        std::string_view(record.datacenter),
                                        znode == name ? std::string_view() : znode}) {
        packer.put(text);
    }
    packer.put(record.registered_ms);
    packer.put_octets(parts.octets());
    return packer.octets();
}

}  // namespace

PackedRecord::PackedRecord(const InstanceRecord& record)
    : PackedRecord(record, instance_name(record.service.id, record.node)) {}

PackedRecord::PackedRecord(const InstanceRecord& record, std::string_view znode) {
    const auto packed = pack(record, znode);
    auto octets = std::make_shared_for_overwrite<char[]>(packed.size());  // NOLINT(*-c-arrays)
    std::memcpy(octets.get(), packed.data(), packed.size());
    octets_ = std::move(octets);
}

InstanceRecord PackedRecord::unpack() const {
    const Layout layout(octets_.get());
    InstanceRecord record;
    auto& service = record.service;
    service.id = layout.id();
    service.name = layout.text(Text::service);
    service.address = layout.text(Text::address);
    service.port = layout.head().port;
    service.tags = layout.part<decltype(service.tags)>(tags_part);
    service.meta = meta();
    service.tagged_addresses = tagged_addresses();
    service.weights = layout.head().weights;
    service.enable_tag_override = layout.has(tag_override_flag);
    service.zone = layout.text(Text::zone);
    record.node = layout.node();
    record.node_address = layout.text(Text::node_address);
    record.datacenter = layout.text(Text::datacenter);
    record.registered_ms = layout.registered_ms();
    record.checks = checks();
    record.maintenance = maintenance();
    record.external = layout.has(external_flag);
    record.dns = dns();
    return record;
}

std::string_view PackedRecord::id() const { return Layout(octets_.get()).id(); }

std::string_view PackedRecord::node() const { return Layout(octets_.get()).node(); }

std::string_view PackedRecord::znode() const {
    const Layout layout(octets_.get());
    const auto escaped = layout.text(Text::znode);
    return escaped.empty() ? layout.name() : escaped;
}

std::string_view PackedRecord::service() const { return Layout(octets_.get()).text(Text::service); }

std::string_view PackedRecord::address() const { return Layout(octets_.get()).text(Text::address); }

std::string_view PackedRecord::zone() const { return Layout(octets_.get()).text(Text::zone); }

std::string_view PackedRecord::node_address() const {
    return Layout(octets_.get()).text(Text::node_address);
}

std::string_view PackedRecord::datacenter() const {
    return Layout(octets_.get()).text(Text::datacenter);
}

std::uint16_t PackedRecord::port() const { return Layout(octets_.get()).head().port; }

Weights PackedRecord::weights() const { return Layout(octets_.get()).head().weights; }

Health PackedRecord::health() const {
    return static_cast<Health>(Layout(octets_.get()).head().health);
}

bool PackedRecord::external() const { return Layout(octets_.get()).has(external_flag); }

std::vector<std::string_view> PackedRecord::tags() const {
    return Layout(octets_.get()).part<std::vector<std::string_view>>(tags_part);
}

std::map<std::string, std::string> PackedRecord::meta() const {
    return Layout(octets_.get()).part<std::map<std::string, std::string>>(meta_part);
}

std::map<std::string, TaggedAddress> PackedRecord::tagged_addresses() const {
    return Layout(octets_.get()).part<std::map<std::string, TaggedAddress>>(tagged_addresses_part);
}

std::optional<DnsOrigin> PackedRecord::dns() const {
    return Layout(octets_.get()).part<std::optional<DnsOrigin>>(dns_part);
}

std::optional<Maintenance> PackedRecord::maintenance() const {
    return Layout(octets_.get()).part<std::optional<Maintenance>>(maintenance_part);
}

std::vector<Check> PackedRecord::checks() const {
    return Layout(octets_.get()).part<std::vector<Check>>(checks_part);
}

}  // namespace agent
