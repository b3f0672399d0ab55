import JSON
import JSONTemplates

extension ObjectReader {
    /// Reads what a destination says about its answers.
    mutating func outcomeOverrides() -> OutcomeOverrides {
        let outcomes = optional("outcomes")?.outcomes()
        let success = optional("success")?.answerExpression(.truth)
        let retryAfter = optional("retryAfter")?.answerExpression(.seconds)
        return OutcomeOverrides(
            exact: outcomes?.exact ?? [:], classes: outcomes?.classes ?? [:], success: success, retryAfter: retryAfter)
    }
}

extension Field {
    private typealias Rule = OutcomeOverrides.Rule

    /// Conditions for one status at most; each is asked for each answer.
    private static let mostCases = 100

    /// Reads `outcomes`: an exact status or a class, and what it means here.
    fileprivate func outcomes() -> (exact: [Int: OutcomeOverrides.Rule], classes: [Int: OutcomeOverrides.Rule])? {
        guard let reader = object("an object such as {\"404\": \"dead\", \"4xx\": \"retry\"}") else { return nil }
        var exact: [Int: Rule] = [:]
        var classes: [Int: Rule] = [:]
        for (key, keyPlace, value) in reader.entries {
            let rule = value.rule()
            switch StatusKey(key) {
            case .exact(let status): exact[status] = rule
            case .hundreds(let digit): classes[digit] = rule
            case nil:
                log.add(
                    .error, at: keyPlace,
                    "\(Words.quoted(key)) is no status: write one from \"200\" to \"599\", or \"2xx\" to \"5xx\"")
            }
        }
        return (exact, classes)
    }

    private func rule() -> Rule? {
        guard case .array = node.kind else { return word(Outcome.self).map(Rule.always) }
        guard let elements = elements("cases"), (1...Field.mostCases).contains(elements.count) else {
            error("needs 1 to \(Field.mostCases) cases such as \(Field.exampleCase)")
            return nil
        }
        return .first(elements.compactMap { $0.outcomeCase() })
    }

    private static let exampleCase = "{\"when\": \"body == 'Queue is full'\", \"outcome\": \"retry\"}"

    private func outcomeCase() -> OutcomeOverrides.Case? {
        guard var reader = object("a case such as \(Field.exampleCase)") else { return nil }
        defer { reader.finish() }
        let condition = reader.required("when", "add a condition such as \"body == 'Queue is full'\"")
        let outcome = reader.required("outcome", "add \"outcome\": \"retry\", \"dead\", \"held\" or \"delivered\"")
        guard let condition = condition?.answerExpression(.truth), let outcome = outcome?.word(Outcome.self) else {
            return nil
        }
        return OutcomeOverrides.Case(when: condition, outcome)
    }

    /// Reads a JSON-e expression over an answer, and tries it on samples.
    fileprivate func answerExpression(_ wanted: AnswerLint.Wanted) -> AnswerExpression? {
        guard let source = text("an expression such as \(wanted.example)") else { return nil }
        do throws(TemplateError) {
            let expression = try AnswerExpression(source, path: path)
            if let doubt = AnswerLint.doubt(expression, wanted) { warning(doubt) }
            return expression
        } catch {
            self.error("this is no expression: \(error.message) (\(AnswerLint.place(of: error, in: source)))")
            return nil
        }
    }
}

/// A key of `outcomes`.
private enum StatusKey {
    case exact(Int)
    /// By the status' first digit.
    case hundreds(Int)

    init?(_ key: String) {
        let bytes = Array(key.utf8)
        guard bytes.count == 3, (UInt8(ascii: "2")...UInt8(ascii: "5")).contains(bytes[0]) else { return nil }
        if bytes[1...].elementsEqual("xx".utf8) {
            self = .hundreds(Int(bytes[0] - UInt8(ascii: "0")))
        } else if bytes.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }), let status = Int(key) {
            self = .exact(status)
        } else {
            return nil
        }
    }
}
