import JSON
import JSONTemplates

/// A JSON-e expression over a destination's answer: `status`, `headers`, `body` and `json`.
package final class AnswerExpression: Sendable, Equatable {
    /// The keys that lead to it in the routes file.
    package let path: String
    package let source: String
    private let expression: Expression

    /// - Throws: the first syntax fault.
    init(_ source: String, path: String) throws(TemplateError) {
        self.path = path
        self.source = source
        expression = try Expression.parse(source)
    }

    package static func == (left: AnswerExpression, right: AnswerExpression) -> Bool {
        left.source.hasSameBytes(as: right.source)
    }

    /// Its value for an answer; within the budget of a template.
    func value(_ context: TemplateContext, now: Timestamp) throws(TemplateError) -> JSONValue {
        try expression.evaluate(context, functions: .standard, now: now.milliseconds)
    }

    func isTrue(_ context: TemplateContext, now: Timestamp) throws(TemplateError) -> Bool {
        try expression.isTrue(context, functions: .standard, now: now.milliseconds)
    }
}

/// An expression of the routes file that failed on an answer, which counts as false.
package struct AnswerFault: Sendable, Equatable {
    /// The keys that lead to the expression.
    package let path: String
    /// In the words of JSON-e; without a secret.
    package let text: String
}

/// One answer as expressions see it; nothing is read out of it before one of them asks.
struct AnswerReader {
    private let response: Response
    private let now: Timestamp
    private var context: TemplateContext?
    /// The expressions that failed so far; their texts may repeat what the answer says, at any length.
    private(set) var failures: [(path: String, message: String)] = []

    init(_ response: Response, now: Timestamp) {
        self.response = response
        self.now = now
    }

    /// Whether a condition holds; one that fails does not.
    mutating func isTrue(_ condition: AnswerExpression) -> Bool {
        do throws(TemplateError) {
            return try condition.isTrue(try answer(), now: now)
        } catch {
            failures.append((condition.path, error.wholeMessage))
            return false
        }
    }

    mutating func value(_ expression: AnswerExpression) throws(TemplateError) -> JSONValue {
        try expression.value(try answer(), now: now)
    }

    /// The number that an expression gives; nil where it gives anything else or fails.
    mutating func number(_ expression: AnswerExpression) -> Double? {
        guard let value = try? value(expression), case .number(let number) = value else { return nil }
        return number.double
    }

    private mutating func answer() throws(TemplateError) -> TemplateContext {
        if let context { return context }
        let made = try response.templateContext
        context = made
        return made
    }
}

extension Response {
    /// What expressions can name.
    fileprivate var templateContext: TemplateContext {
        get throws(TemplateError) {
            let json = (try? JSONValue.parse(body)).map { TemplateValue($0) }
            return try TemplateContext(
                TemplateFields([
                    .init(key: "status", value: .number(status)),
                    .init(key: "headers", value: .object(TemplateFields(joinedHeaders))),
                    .init(key: "body", value: .string(String(decoding: body, as: UTF8.self))),
                    .init(key: "json", value: json ?? .null),
                ]))
        }
    }

    /// Each name once, its values joined as RFC 9110 section 5.3 allows.
    private var joinedHeaders: [TemplateFields.Member] {
        var places: [String: Int] = [:]
        var joined: [(name: String, value: String)] = []
        for header in headers {
            if let place = places[header.name] {
                joined[place].value += ", " + header.value
            } else {
                places[header.name] = joined.count
                joined.append((header.name, header.value))
            }
        }
        return joined.map { TemplateFields.Member(key: $0.name, value: .string($0.value)) }
    }
}
