package import JSON
package import Relay
import Signatures

/// The text of a dead letter: format 1, keys in the order in which a person wants to read them.
enum DeadLetterDocument {
    /// The largest letter that is written or read, in bytes: that of the largest body a source may take.
    static let limit = largest(ofBody: Int(SourceDeclaration.largestMaxBody))

    /// Up to so many bytes a letter is indented for people: a nested event grows by more than its size.
    static let indentedLimit = 8 * 1024 * 1024

    /// For all in a letter that is no copy of the body, above all attempts of several deaths, in bytes.
    static let besidesTheBody = 8 * 1024 * 1024

    /// What a letter takes at most whose body is so long, in bytes. The body is in it three times: as `bytes`, in
    /// base64, 4 bytes for 3 (RFC 4648 section 4); as `event`, in compact form and never longer; and as a string in
    /// `request`, where each quote, backslash and line end of an event takes 2 bytes (RFC 8259 section 7).
    static func largest(ofBody count: Int) -> Int { (count + 2) / 3 * 4 + count + 2 * count + besidesTheBody }

    /// Indented where that is not too large, else on one line, so that what the relay wrote the relay can read. A
    /// request's body that is too large even then, as one of control characters is, is left out: `bytes` has the event.
    static func text(
        _ letter: DeadLetter, earlier: [JSONObject], indentedLimit: Int = DeadLetterDocument.indentedLimit,
        limit: Int = DeadLetterDocument.limit
    ) -> [UInt8] {
        let whole = value(letter, earlier: earlier)
        var text = JSONSerializer.bytes(whole)
        if text.count < indentedLimit {
            let pretty = Array(JSONSerializer.pretty(whole).utf8)
            if pretty.count < indentedLimit { text = pretty }
        }
        if text.count >= limit { text = JSONSerializer.bytes(value(letter, earlier: earlier, hasRequestBody: false)) }
        return text + [UInt8(ascii: "\n")]
    }

    private static func value(
        _ letter: DeadLetter, earlier: [JSONObject], hasRequestBody: Bool = true
    ) -> JSONValue {
        let event = letter.event
        var document = JSONObject([
            "format": .number(JSONNumber(1)),
            "id": .string(event.id.description),
        ])
        if let original = event.originalID { document.append("originalId", .string(original.description)) }
        document.append("source", .string(event.source))
        document.append("destination", .string(letter.destination))
        document.append("routes", .array(event.routes.map { .string($0) }))
        document.append("receivedAt", .string(event.receivedAt.description))
        document.append("diedAt", .string(letter.diedAt.description))
        document.append("reason", reason(letter.reason))
        document.append("attempts", attempts(letter.attempts, earlier: earlier))
        document.append("request", request(letter.request, hasBody: hasRequestBody))
        document.append("event", readable(event.body) ?? .null)
        document.append("bytes", .string(Base64.encode(event.body)))
        return .object(document)
    }

    /// The event as a value, or nil where our parser refuses it, as the receiver does.
    static func readable(_ body: [UInt8]) -> JSONValue? {
        var limits = JSONLimits()
        limits.size = body.count
        return try? JSONValue.parse(body, limits: limits)
    }

    private static func reason(_ reason: StopReason) -> JSONValue {
        .object(
            JSONObject([
                "code": .string(reason.code), "text": .string(reason.text), "advice": .string(reason.advice),
            ]))
    }

    /// Earlier deaths first. The store may know attempts that the earlier file has too: they stand once.
    private static func attempts(_ attempts: [AttemptRecord], earlier: [JSONObject]) -> JSONValue {
        let new = attempts.map(\.object)
        let known = earlier.filter { old in !new.contains { isSameAttempt($0, old) } }
        return .array((known + new).map { .object($0) })
    }

    private static func isSameAttempt(_ left: JSONObject, _ right: JSONObject) -> Bool {
        left["number"] == right["number"] && left["at"] == right["at"]
    }

    private static func request(_ request: MaskedRequest, hasBody: Bool) -> JSONValue {
        var object = JSONObject(["method": .string(request.method), "url": .string(request.url)])
        object.append("headers", headers(request.headers))
        guard hasBody else { return .object(object) }
        if let text = String(validating: request.body, as: UTF8.self) {
            object.append("body", .string(text))
        } else {
            object.append("bodyBase64", .string(Base64.encode(request.body)))
        }
        return .object(object)
    }

    /// One member a name. A name that stands twice is one list of values (RFC 9110 section 5.3); a second member of
    /// that name would make the file unreadable.
    private static func headers(_ headers: [OutgoingRequest.Header]) -> JSONValue {
        var members: [(name: String, value: String)] = []
        for header in headers {
            if let index = members.firstIndex(where: { $0.name.hasSameScalars(as: header.name) }) {
                members[index].value += ", " + header.value
            } else {
                members.append((header.name, header.value))
            }
        }
        return .object(JSONObject(members.map { JSONObject.Member(key: $0.name, value: .string($0.value)) }))
    }
}

extension AttemptRecord {
    /// As a dead letter has it: all keys are always there, null where there is nothing to say.
    package var object: JSONObject {
        let hasAnswer = status != nil || !response.isEmpty
        return JSONObject([
            "number": .number(JSONNumber(number)),
            "at": .string(at.description),
            "durationMilliseconds": .number(JSONNumber(durationMilliseconds)),
            "outcome": .string(outcome.rawValue),
            "status": status.map { .number(JSONNumber($0)) } ?? .null,
            "error": error.map { .string($0) } ?? .null,
            "response": hasAnswer ? .string(String(decoding: response, as: UTF8.self)) : .null,
        ])
    }
}
