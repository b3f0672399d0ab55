package import JSON

/// What an operator wants sent again; the relay answers it page by page.
package struct ReplayRequest: Sendable {
    package enum Selection: Sendable {
        case received(since: Timestamp, until: Timestamp)
        case ids([EventID])
    }

    /// Ids in one request.
    package static let mostIDs = 1000

    package var selection: Selection
    /// Only events that this route of today matches, and only to its destinations.
    package var route: String?
    /// To these whatever the rules say; empty for those that the rules name.
    package var destinations: [String]
    /// The text of a pattern which an event has to match.
    package var match: String?
    package var isDryRun: Bool
    /// The event to go on after, nil for the beginning; a page's `next` is more exact and comes before it.
    package var afterEvent: EventID?
    /// As the last page gave it.
    package var after: Int64?
    package var through: Int64?

    package init(
        _ selection: Selection, route: String? = nil, destinations: [String] = [], match: String? = nil,
        isDryRun: Bool = false
    ) {
        self.selection = selection
        self.route = route
        self.destinations = destinations
        self.match = match
        self.isDryRun = isDryRun
    }
}

// MARK: - As JSON, on the admin socket

extension ReplayRequest {
    package var object: JSONObject {
        var object = JSONObject(["dryRun": .bool(isDryRun)])
        switch selection {
        case .received(let since, let until):
            object.append("since", .number(JSONNumber(since.milliseconds)))
            object.append("until", .number(JSONNumber(until.milliseconds)))
        case .ids(let ids): object.append("ids", .array(ids.map { .string("\($0)") }))
        }
        if let route { object.append("route", .string(route)) }
        if !destinations.isEmpty { object.append("to", .array(destinations.map { .string($0) })) }
        if let match { object.append("match", .string(match)) }
        if let afterEvent { object.append("afterEvent", .string("\(afterEvent)")) }
        if let after { object.append("after", .number(JSONNumber(after))) }
        if let through { object.append("through", .number(JSONNumber(through))) }
        return object
    }

    /// - Throws: what is missing or of another kind.
    package init(_ body: [UInt8]) throws(ReplayFault) {
        guard case .object(let object)? = try? JSONValue.parse(body) else {
            throw .refused("a replay is a JSON object")
        }
        self.init(try ReplayRequest.selection(object))
        route = try ReplayRequest.text("route", object)
        match = try ReplayRequest.text("match", object)
        destinations = try ReplayRequest.texts("to", object) ?? []
        if case .bool(true)? = object["dryRun"] { isDryRun = true }
        if let id = try ReplayRequest.text("afterEvent", object) { afterEvent = try ReplayRequest.eventID(id) }
        after = try ReplayRequest.number("after", object)
        through = try ReplayRequest.number("through", object)
    }

    private static func selection(_ object: JSONObject) throws(ReplayFault) -> Selection {
        if let texts = try texts("ids", object) {
            guard (1...mostIDs).contains(texts.count) else { throw .refused("from 1 to \(mostIDs) event ids") }
            var ids: [EventID] = []
            for text in texts { ids.append(try eventID(text)) }
            return .ids(ids)
        }
        guard let since = try number("since", object), let until = try number("until", object) else {
            throw .refused("a replay needs \"since\" and \"until\", or \"ids\"")
        }
        return .received(since: Timestamp(milliseconds: since), until: Timestamp(milliseconds: until))
    }

    private static func eventID(_ text: String) throws(ReplayFault) -> EventID {
        guard let id = EventID(text) else { throw .refused("\(Words.quoted(text)) is no event id") }
        return id
    }

    private static func number(_ key: String, _ object: JSONObject) throws(ReplayFault) -> Int64? {
        guard let value = object[key] else { return nil }
        guard case .number(let number) = value, let whole = number.int64 else {
            throw .refused("\"\(key)\" is a whole number")
        }
        return whole
    }

    private static func text(_ key: String, _ object: JSONObject) throws(ReplayFault) -> String? {
        guard let value = object[key] else { return nil }
        guard case .string(let text) = value else { throw .refused("\"\(key)\" is a string") }
        return text
    }

    private static func texts(_ key: String, _ object: JSONObject) throws(ReplayFault) -> [String]? {
        guard let value = object[key] else { return nil }
        guard case .array(let elements) = value else { throw .refused("\"\(key)\" is a list") }
        var texts: [String] = []
        for element in elements {
            guard case .string(let text) = element else { throw .refused("\"\(key)\" is a list of strings") }
            texts.append(text)
        }
        return texts
    }
}

/// Why nothing of a page was sent.
package enum ReplayFault: Error, Sendable {
    /// What was asked cannot be done, in words for the operator.
    case refused(String)
    /// Events that are not stored, and those that are and whose bytes have changed.
    case unusableEvents(unknown: [EventID], damaged: [EventID])
    case store(StoreError)
}
