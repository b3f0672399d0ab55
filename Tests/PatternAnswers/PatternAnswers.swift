import EventPatterns
import JSON

/// Answers for the comparison with `Tests/Outside/rules_by_the_page.py`.
///
/// Reads lines `{"rules": [text, …], "events": [text, …]}`: patterns and events as JSON texts of their own, so that a
/// text which is no JSON can be asked about too. Writes a line for each: a list with one entry an event, which is the
/// list of the rules that match it or `"EVENT-ERR"`; or `{"RULE-ERR": [index, …]}` where rules do not parse.
@main
enum PatternAnswers {
    /// A line that is no question.
    private struct NotAQuestion: Error, CustomStringConvertible {
        let line: Int
        var description: String { "line \(line): wants {\"rules\": [text, …], \"events\": [text, …]}" }
    }

    static func main() throws {
        var number = 0
        while let line = readLine() {
            number += 1
            guard case .object(let question) = try JSONValue.parse(Array(line.utf8)),
                let rules = texts(question["rules"]), let events = texts(question["events"])
            else { throw NotAQuestion(line: number) }
            print(JSONSerializer.text(answer(rules, events)))
        }
    }

    private static func texts(_ value: JSONValue?) -> [[UInt8]]? {
        guard case .array(let elements)? = value else { return nil }
        let texts = elements.compactMap { if case .string(let text) = $0 { Array(text.utf8) } else { nil } }
        return texts.count == elements.count ? texts : nil
    }

    private static func answer(_ rules: [[UInt8]], _ events: [[UInt8]]) -> JSONValue {
        let patterns = rules.map { try? EventPattern.parse(JSONNode.parse($0)) }
        let refused = patterns.indices.filter { patterns[$0] == nil }
        guard refused.isEmpty else { return .object(JSONObject(["RULE-ERR": list(refused)])) }
        let set = PatternSet(patterns.compactMap(\.self))
        return .array(events.map { event in (try? set.matches(event)).map(list) ?? .string("EVENT-ERR") })
    }

    private static func list(_ indices: [Int]) -> JSONValue { .array(indices.map { .number(JSONNumber($0)) }) }
}
