#include "http/filter.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <optional>
#include <regex>
#include <span>

namespace http {
namespace {

namespace json = boost::json;

constexpr std::size_t expression_bytes_max = 4096;
constexpr std::size_t regex_bytes_max = 256;
constexpr std::size_t matched_bytes_max = 4096;
constexpr int depth_max = 32;
// libstdc++'s second matcher: linear in the text, as RE2 is, where the first may take for ever.
constexpr auto regex_flags = std::regex::ECMAScript | std::regex_constants::__polynomial;

enum class Type { text, number, flag, list, map };
enum class Op { equal, not_equal, in, not_in, empty, not_empty, matches, not_matches };

struct Selector {
    std::string_view path;  // "*" stands for any one key
    Type type = Type::text;
};

constexpr Selector node_selectors[] = {
    {"ID", Type::text},
    {"Node", Type::text},
    {"Address", Type::text},
    {"Datacenter", Type::text},
    {"Meta", Type::map},
    {"Meta.*", Type::text},
    {"TaggedAddresses", Type::map},
    {"TaggedAddresses.*", Type::text},
};
constexpr Selector service_selectors[] = {
    {"ID", Type::text},
    {"Service", Type::text},
    {"Kind", Type::text},
    {"Address", Type::text},
    {"Port", Type::number},
    {"Tags", Type::list},
    {"Meta", Type::map},
    {"Meta.*", Type::text},
    {"TaggedAddresses", Type::map},
    {"TaggedAddresses.*.Address", Type::text},
    {"TaggedAddresses.*.Port", Type::number},
    {"Weights.Passing", Type::number},
    {"Weights.Warning", Type::number},
    {"EnableTagOverride", Type::flag},
    {"Connect.Native", Type::flag},
    {"Proxy.DestinationServiceName", Type::text},
};
constexpr Selector check_selectors[] = {
    {"CheckID", Type::text},
    {"Name", Type::text},
    {"Node", Type::text},
    {"Notes", Type::text},
    {"Output", Type::text},
    {"ServiceID", Type::text},
    {"ServiceName", Type::text},
    {"ServiceTags", Type::list},
    {"Status", Type::text},
};
constexpr Selector catalog_service_selectors[] = {
    {"ID", Type::text},
    {"Node", Type::text},
    {"Address", Type::text},
    {"Datacenter", Type::text},
    {"TaggedAddresses", Type::map},
    {"TaggedAddresses.*", Type::text},
    {"NodeMeta", Type::map},
    {"NodeMeta.*", Type::text},
    {"ServiceID", Type::text},
    {"ServiceName", Type::text},
    {"ServiceTags", Type::list},
    {"ServiceMeta", Type::map},
    {"ServiceMeta.*", Type::text},
    {"ServicePort", Type::number},
    {"ServiceAddress", Type::text},
    {"ServiceKind", Type::text},
    {"ServiceTaggedAddresses", Type::map},
    {"ServiceTaggedAddresses.*.Address", Type::text},
    {"ServiceTaggedAddresses.*.Port", Type::number},
    {"ServiceWeights.Passing", Type::number},
    {"ServiceWeights.Warning", Type::number},
    {"ServiceEnableTagOverride", Type::flag},
    {"ServiceConnect.Native", Type::flag},
    {"ServiceProxy.DestinationServiceName", Type::text},
};
constexpr Selector service_name_selectors[] = {
    {"ServiceName", Type::text},
    {"ServiceTags", Type::list},
};

using Path = std::vector<std::string>;

bool is_match(std::string_view pattern, std::span<const std::string> path) {
    for (const auto& part : path) {
        const auto dot = std::min(pattern.find('.'), pattern.size());
        if (pattern.empty() || (pattern.substr(0, dot) != "*" && pattern.substr(0, dot) != part)) {
            return false;
        }
        pattern.remove_prefix(std::min(dot + 1, pattern.size()));
    }
    return pattern.empty();
}

std::optional<Type> type_among(std::span<const Selector> selectors,
                               std::span<const std::string> path) {
    for (const auto& selector : selectors) {
        if (is_match(selector.path, path)) return selector.type;
    }
    return std::nullopt;
}

std::optional<Type> type_of(const Path& path, Filtered what) {
    switch (what) {
        case Filtered::node: return type_among(node_selectors, path);
        case Filtered::service: return type_among(service_selectors, path);
        case Filtered::catalog_service: return type_among(catalog_service_selectors, path);
        case Filtered::check: return type_among(check_selectors, path);
        case Filtered::service_name: return type_among(service_name_selectors, path);
        case Filtered::service_entry: break;
    }
    if (path.front() == "Checks" && path.size() == 1) return Type::list;
    const auto rest = std::span(path).subspan(1);
    if (path.front() == "Node") return type_among(node_selectors, rest);
    if (path.front() == "Service") return type_among(service_selectors, rest);
    if (path.front() == "Checks") return type_among(check_selectors, rest);
    return std::nullopt;
}

}  // namespace

struct Filter::Expression {
    enum class Kind { match, negation, conjunction, disjunction };
    Kind kind = Kind::match;
    std::vector<std::shared_ptr<const Expression>> parts;

    Path path;
    Type type = Type::text;
    Op op = Op::equal;
    std::string value;
    double number = 0;  // of `value`, where the type is number
    std::optional<std::regex> regex;
};

namespace {

using Expression = Filter::Expression;

std::string_view text_of(const json::value& value) {
    const auto* text = value.if_string();
    return text == nullptr ? std::string_view{} : std::string_view(text->data(), text->size());
}

bool is_equal(const Expression& match, const json::value& value) {
    switch (match.type) {
        case Type::number: return value.is_number() && value.to_number<double>() == match.number;
        case Type::flag: return value.is_bool() && value.get_bool() == (match.value == "true");
        default: return text_of(value) == match.value;
    }
}

bool is_in(const Expression& match, const json::value& value) {
    if (const auto* object = value.if_object()) return object->contains(match.value);
    if (const auto* array = value.if_array()) {
        return std::any_of(array->begin(), array->end(), [&](const json::value& each) {
            return text_of(each) == match.value;
        });
    }
    return text_of(value).find(match.value) != std::string_view::npos;
}

bool is_empty(const json::value& value) {
    if (const auto* object = value.if_object()) return object->empty();
    if (const auto* array = value.if_array()) return array->empty();
    return text_of(value).empty() && !value.is_number() && !value.is_bool();
}

bool is_regex_match(const Expression& match, const json::value& value) {
    const auto text = text_of(value).substr(0, matched_bytes_max);
    return std::regex_search(text.begin(), text.end(), *match.regex);
}

// A key that is not there is equal to nothing, contains nothing and is empty.
bool holds(const Expression& match, const json::value* value) {
    switch (match.op) {
        case Op::equal: return value != nullptr && is_equal(match, *value);
        case Op::not_equal: return value == nullptr || !is_equal(match, *value);
        case Op::in: return value != nullptr && is_in(match, *value);
        case Op::not_in: return value == nullptr || !is_in(match, *value);
        case Op::empty: return value == nullptr || is_empty(*value);
        case Op::not_empty: return value != nullptr && !is_empty(*value);
        case Op::matches: return value != nullptr && is_regex_match(match, *value);
        case Op::not_matches: return value == nullptr || !is_regex_match(match, *value);
    }
    return false;
}

bool holds_at(const Expression& match, const json::value& value, std::size_t depth) {
    if (depth == match.path.size()) return holds(match, &value);
    if (const auto* array = value.if_array()) {
        return std::any_of(array->begin(), array->end(), [&](const json::value& each) {
            return holds_at(match, each, depth);
        });
    }
    const auto* object = value.if_object();
    const auto* next = object == nullptr ? nullptr : object->if_contains(match.path[depth]);
    return next == nullptr ? holds(match, nullptr) : holds_at(match, *next, depth + 1);
}

bool evaluate(const Expression& expression, const json::object& object) {
    const auto each = [&](const auto& part) { return evaluate(*part, object); };
    const auto& parts = expression.parts;
    switch (expression.kind) {
        case Expression::Kind::negation: return !evaluate(*parts.front(), object);
        case Expression::Kind::conjunction: return std::all_of(parts.begin(), parts.end(), each);
        case Expression::Kind::disjunction: return std::any_of(parts.begin(), parts.end(), each);
        case Expression::Kind::match: break;
    }
    const auto* next = object.if_contains(expression.path.front());
    return next == nullptr ? holds(expression, nullptr) : holds_at(expression, *next, 1);
}

struct Token {
    enum class Kind { word, quoted, sign, end };
    Kind kind = Kind::end;
    std::string text;
    Path path;  // of a word: its parts
};

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '/' || c == '-' || c == ':';
}

// Yields tokens, and `end` for ever once the text is over or was wrong.
class Lexer {
public:
    explicit Lexer(std::string_view text) : text_(text) {}

    [[nodiscard]] const std::string& error() const { return error_; }

    Token next() {
        while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_.front())) != 0) {
            text_.remove_prefix(1);
        }
        if (text_.empty()) return {};
        const char first = text_.front();
        if (first == '(' || first == ')') return {Token::Kind::sign, take(1), {}};
        if (text_.starts_with("==") || text_.starts_with("!=")) {
            return {Token::Kind::sign, take(2), {}};
        }
        if (first == '"' || first == '`') return {Token::Kind::quoted, quoted(), {}};
        if (is_word_char(first)) return word();
        fail("unexpected character '" + std::string(1, first) + "'");
        return {};
    }

private:
    void fail(std::string sentence) {
        error_ = std::move(sentence);
        text_ = {};
    }
    std::string take(std::size_t n) {
        std::string taken(text_.substr(0, n));
        text_.remove_prefix(n);
        return taken;
    }
    std::string quoted() {
        const char quote = text_.front();
        text_.remove_prefix(1);
        std::string out;
        while (!text_.empty() && text_.front() != quote) {
            if (quote == '"' && text_.front() == '\\' && text_.size() > 1) text_.remove_prefix(1);
            out += take(1);
        }
        if (text_.empty())
            fail("a quote is not closed");
        else
            text_.remove_prefix(1);
        return out;
    }
    std::string index() {
        text_.remove_prefix(1);
        if (text_.empty() || (text_.front() != '"' && text_.front() != '`')) {
            fail("an index must be a quoted string");
            return {};
        }
        auto key = quoted();
        if (text_.starts_with(']'))
            text_.remove_prefix(1);
        else if (error_.empty())
            fail("an index is not closed");
        return key;
    }
    Token word() {
        Token token{Token::Kind::word, {}, {}};
        std::string part;
        const auto whole = text_;
        while (!text_.empty()) {
            if (is_word_char(text_.front())) {
                part += take(1);
            } else if (text_.front() == '.') {
                text_.remove_prefix(1);
                if (!part.empty()) token.path.push_back(std::move(part));
                part.clear();
            } else if (text_.front() == '[') {
                if (!part.empty()) token.path.push_back(std::move(part));
                part.clear();
                token.path.push_back(index());
            } else {
                break;
            }
        }
        if (!part.empty()) token.path.push_back(std::move(part));
        token.text = whole.substr(0, whole.size() - text_.size());
        return token;
    }

    std::string_view text_;
    std::string error_;
};

// Recursive descent. The first failure is kept and ends the tokens, so that every rule returns; what
// they return then is never looked at.
class Parser {
public:
    Parser(std::string_view text, Filtered what) : lexer_(text), what_(what) { advance(); }

    ParsedFilter parse() {
        auto root = disjunction();
        if (token_.kind != Token::Kind::end) fail("unexpected '" + token_.text + "'");
        if (error_.empty()) return {Filter(std::move(root)), {}};
        return {{}, "Failed to create boolean expression evaluator: " + error_};
    }

private:
    void advance() {
        if (!error_.empty()) return;
        token_ = lexer_.next();
        if (!lexer_.error().empty()) fail(lexer_.error());
    }
    void fail(std::string sentence) {
        if (error_.empty()) error_ = std::move(sentence);
        token_ = {};
    }
    [[nodiscard]] bool is_word(std::string_view word) const {
        return token_.kind == Token::Kind::word && token_.text == word;
    }
    bool accept(std::string_view word) {
        if (!is_word(word)) return false;
        advance();
        return true;
    }
    bool accept_sign(std::string_view sign) {
        if (token_.kind != Token::Kind::sign || token_.text != sign) return false;
        advance();
        return true;
    }

    using Next = std::shared_ptr<const Expression> (Parser::*)();
    std::shared_ptr<const Expression>
    chain(Expression::Kind kind, std::string_view word, Next next) {
        auto whole = std::make_shared<Expression>();
        whole->kind = kind;
        do whole->parts.push_back((this->*next)());
        while (accept(word));
        return whole->parts.size() == 1 ? whole->parts.front() : whole;
    }
    std::shared_ptr<const Expression> disjunction() {
        if (++depth_ > depth_max) fail("the expression is nested too deeply");
        auto parsed = chain(Expression::Kind::disjunction, "or", &Parser::conjunction);
        --depth_;
        return parsed;
    }
    std::shared_ptr<const Expression> conjunction() {
        return chain(Expression::Kind::conjunction, "and", &Parser::negation);
    }
    std::shared_ptr<const Expression> negation() {
        if (!accept("not")) return primary();
        auto whole = std::make_shared<Expression>();
        whole->kind = Expression::Kind::negation;
        whole->parts.push_back(primary());
        return whole;
    }
    std::shared_ptr<const Expression> primary() {
        if (!accept_sign("(")) return match();
        auto inner = disjunction();
        if (!accept_sign(")")) fail("a parenthesis is not closed");
        return inner;
    }
    std::shared_ptr<const Expression> match();
    void after_selector(Expression& match);
    bool select(Expression& match, const Token& token);
    void check(Expression& match);
    void check_value(Expression& match);

    std::string take_value() {
        if (token_.kind != Token::Kind::word && token_.kind != Token::Kind::quoted) {
            fail("a value is missing");
            return {};
        }
        auto value = token_.text;
        advance();
        return value;
    }

    Lexer lexer_;
    Filtered what_;
    Token token_;
    int depth_ = 0;
    std::string error_;
};

bool Parser::select(Expression& match, const Token& token) {
    if (token.kind != Token::Kind::word || token.path.empty()) {
        fail("a selector is missing");
        return false;
    }
    const auto type = type_of(token.path, what_);
    if (!type) {
        fail("Selector \"" + token.text + "\" is not valid");
        return false;
    }
    match.path = token.path;
    match.type = *type;
    return true;
}

void Parser::after_selector(Expression& match) {
    if (accept_sign("==")) {
        match.op = Op::equal;
        match.value = take_value();
    } else if (accept_sign("!=")) {
        match.op = Op::not_equal;
        match.value = take_value();
    } else if (accept("is")) {
        match.op = accept("not") ? Op::not_empty : Op::empty;
        if (!accept("empty")) fail("\"is\" must be followed by \"empty\"");
    } else {
        const bool negated = accept("not");
        if (accept("contains"))
            match.op = negated ? Op::not_in : Op::in;
        else if (accept("matches"))
            match.op = negated ? Op::not_matches : Op::matches;
        else
            fail("an operator is missing after \"" + match.path.back() + "\"");
        match.value = take_value();
    }
}

// Value or selector comes first; the word after it tells which of the two it was.
std::shared_ptr<const Expression> Parser::match() {
    auto match = std::make_shared<Expression>();
    const auto first = token_;
    if (first.kind != Token::Kind::word && first.kind != Token::Kind::quoted) {
        fail("an expression is missing");
        return match;
    }
    advance();
    const auto after = lexer_;  // `not` may belong to "not in" or to "not contains".
    const auto word = token_;
    const bool negated = accept("not");
    if (accept("in")) {
        match->op = negated ? Op::not_in : Op::in;
        match->value = first.text;
        if (!select(*match, token_)) return match;
        advance();
    } else {
        if (!error_.empty()) return match;
        lexer_ = after;
        token_ = word;
        if (!select(*match, first)) return match;
        after_selector(*match);
    }
    check(*match);
    return match;
}

// That the operator fits the type, and the value both.
void Parser::check(Expression& match) {
    const bool is_container = match.type == Type::list || match.type == Type::map;
    const bool is_scalar = match.type == Type::number || match.type == Type::flag;
    bool fits = true;
    switch (match.op) {
        case Op::equal:
        case Op::not_equal: fits = !is_container; break;
        case Op::matches:
        case Op::not_matches: fits = match.type == Type::text; break;
        case Op::in:
        case Op::not_in:
        case Op::empty:
        case Op::not_empty: fits = !is_scalar; break;
    }
    if (fits)
        check_value(match);
    else
        fail("the operator does not fit selector \"" + match.path.back() + "\"");
}

void Parser::check_value(Expression& match) {
    if (match.op == Op::matches || match.op == Op::not_matches) {
        if (match.value.size() > regex_bytes_max) return fail("the regex is too long");
        try {
            match.regex.emplace(match.value, regex_flags);
        } catch (const std::regex_error& error) {
            fail(std::string("the regex is not valid: ") + error.what());
        }
    } else if (match.type == Type::flag && match.value != "true" && match.value != "false") {
        fail("\"" + match.value + "\" is not true or false");
    } else if (match.type == Type::number) {
        const auto* end = match.value.data() + match.value.size();
        const auto parsed = std::from_chars(match.value.data(), end, match.number);
        if (parsed.ec != std::errc{} || parsed.ptr != end) {
            fail("\"" + match.value + "\" is not a number");
        }
    }
}

}  // namespace

bool Filter::matches(const json::object& object) const {
    return root_ == nullptr || evaluate(*root_, object);
}

ParsedFilter parse_filter(std::string_view text, Filtered what) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return {};
    if (text.size() > expression_bytes_max) {
        return {{}, "Failed to create boolean expression evaluator: the expression is too long"};
    }
    return Parser(text, what).parse();
}

}  // namespace http
