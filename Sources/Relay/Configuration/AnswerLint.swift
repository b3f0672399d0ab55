import JSON
import JSONTemplates

/// Tries expressions on answers as services give them, since most mistakes show at once.
enum AnswerLint {
    /// What an expression is asked for.
    enum Wanted {
        case truth
        case seconds

        var example: String {
            switch self {
            case .truth: "\"body == 'ok'\""
            case .seconds: "\"json.retry_after\""
            }
        }

        fileprivate var mismatch: String {
            switch self {
            case .truth: "neither true nor false: compare it with something"
            case .seconds: "no number of seconds: use number(…) for a text"
            }
        }

        /// An answer without a wait may well give null.
        fileprivate func fits(_ value: JSONValue) -> Bool {
            switch (self, value) {
            case (.truth, .bool), (.seconds, .number), (.seconds, .null): true
            default: false
            }
        }
    }

    /// What is doubtful about an expression; nil where nothing is.
    ///
    /// One that fails on each sample for another reason depends on what the answer holds, which nobody knows here.
    static func doubt(_ expression: AnswerExpression, _ wanted: Wanted) -> String? {
        var errors: [String] = []
        for (name, sample) in samples {
            var answer = AnswerReader(sample, now: Timestamp(milliseconds: 0))
            do throws(TemplateError) {
                let value = try answer.value(expression)
                if !wanted.fits(value) { return "gives \(kind(of: value)) for \(name), which is \(wanted.mismatch)" }
            } catch {
                errors.append(error.message)
            }
        }
        guard let error = errors.first, errors.count == samples.count, Set(errors).count == 1 else { return nil }
        return "fails for every answer: \(error); there are status, headers['name'], body and json"
    }

    /// Where in an expression the fault is, for a person.
    static func place(of error: TemplateError, in source: String) -> String {
        guard let position = error.position else { return "at its end" }
        let before = String(decoding: source.utf8.prefix(position), as: UTF8.self)
        let rest = String(decoding: source.utf8.dropFirst(position), as: UTF8.self)
        return "at character \(before.unicodeScalars.count + 1), \(Words.quoted(rest))"
    }

    private static func kind(of value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }

    private static let samples: [(name: String, answer: Response)] = [
        ("an empty answer 200", sample(200, "", "")),
        (
            "an answer 200 with JSON",
            sample(200, "application/json", #"{"ok": true, "success": true, "status": "success", "id": "1"}"#)
        ),
        (
            "an answer 429",
            sample(
                429, "application/json", #"{"ok": false, "retry_after": 0.5, "parameters": {"retry_after": 3}}"#,
                more: [.init("retry-after", "1"), .init("x-ratelimit-reset-after", "0.5")])
        ),
        ("an answer 500 with HTML", sample(500, "text/html", "<html><body>Internal Server Error</body></html>")),
    ]

    private static func sample(
        _ status: Int, _ contentType: String, _ body: String, more: [OutgoingRequest.Header] = []
    ) -> Response {
        Response(
            status: status, headers: [.init("content-type", contentType)] + more, body: Array(body.utf8),
            isComplete: true)
    }
}
