import EventPatterns
import JSON

/// A pattern on the first line, an event behind it.
///
/// - What is wrong with a pattern is said with a place in it.
/// - Matching and its explanation agree, whatever other rules stand beside the pattern.
/// - White space and escapes, in the pattern or in the event, change nothing.
enum PatternTarget {
    /// Rules that share fields with what the seeds ask for.
    private static let neighbours = [
        #"{}"#, #"{"a":["x"]}"#, #"{"link":[{"prefix":"@acme"}]}"#, #"{"a":[{"exists":false}]}"#, #"{"a":{"b":[1]}}"#,
    ].compactMap { try? EventPattern.parse(JSONNode.parse(Array($0.utf8))) }

    static func check(_ input: [UInt8]) {
        let (rule, event) = halves(input)
        guard let node = try? JSONNode.parse(rule) else { return }
        do throws(PatternFaults) {
            matched(try EventPattern.parse(node), node, event)
        } catch {
            promise(!error.faults.isEmpty, "refused without a fault")
            for fault in error.faults {
                promise((0..<rule.count).contains(fault.offset) && !fault.message.isEmpty, "\(fault)")
            }
        }
    }

    private static func matched(_ pattern: EventPattern, _ rule: JSONNode, _ event: [UInt8]) {
        guard let answer = answer([pattern], event) else { return }
        explained(pattern, rule, event, answer)
        if let among = Self.answer(neighbours + [pattern] + neighbours, event, index: neighbours.count) {
            promise(among == answer, "\(among) beside other rules, \(answer) alone")
        }
        guard let value = try? JSONValue.parse(event) else { return promise(false, "an event that is no JSON matches") }
        let rewritten = try? EventPattern.parse(JSONNode.parse(JSONSerializer.bytes(rule.value)))
        for written in [JSONSerializer.bytes(value), Array(JSONSerializer.pretty(value).utf8)] {
            let again = rewritten.flatMap { Self.answer([$0], written) }
            promise(again == answer, "\(String(describing: again)) for \(shown(written)), \(answer) as it came")
        }
    }

    /// Nil where the event cannot be matched, or only by more effort than there is.
    private static func answer(_ patterns: [EventPattern], _ event: [UInt8], index: Int = 0) -> Bool? {
        (try? PatternSet(patterns).matches(event))?.contains(index)
    }

    private static func explained(_ pattern: EventPattern, _ rule: JSONNode, _ event: [UInt8], _ answer: Bool) {
        let patterns = PatternSet([pattern])
        guard let flat = try? FlatEvent(parsing: event, paths: patterns.paths), let node = try? JSONNode.parse(event)
        else { return promise(false, "matched, but not read") }
        do throws(EventFault) {
            let failure = try patterns.firstFailure(of: 0, in: flat)
            promise((failure == nil) == answer, "\(answer), but \(String(describing: failure))")
            guard let failure else { return }
            let words = FailureExplanation(failure, of: pattern, in: rule, event: node)
            promise(!words.sentence.isEmpty && !words.wanted.isEmpty, "\(words)")
            promise(words.found.isEmpty == (failure.reason == .missing), "\(failure.reason), found \(words.found)")
        } catch {
            // Where the index says no at once, the evaluation of each field may still be too long.
            promise(!answer && (error == .tooCostly || error == .tooEntangled), "\(answer), but \(error)")
        }
    }
}
