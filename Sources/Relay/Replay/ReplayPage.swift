package import JSON

/// One event of a replay: where it goes, and where not and why.
package struct ReplayedEvent: Sendable {
    package struct Target: Sendable {
        package let name: String
        let isOrdered: Bool
        /// Whether it was delivered there before.
        package let hadIt: Bool
    }

    package struct Skip: Sendable, Equatable {
        /// Nil where it is the event itself that goes nowhere.
        package let destination: String?
        package let reason: String
    }

    static let stillPending = "is still on its way"

    let number: Int64
    package let event: Event
    /// The routes of today that match it.
    package let routes: [String]
    package var destinations: [Target] = []
    package private(set) var skipped: [Skip] = []

    init(_ stored: StoredEvent, routes: [String]) {
        number = stored.number
        event = stored.event
        self.routes = routes
    }

    mutating func skip(_ destination: String?, _ reason: String) {
        skipped.append(Skip(destination: destination, reason: reason))
    }

    var entries: [Replay.Entry] {
        destinations.map {
            Replay.Entry(number: number, destination: $0.name, routes: routes, isOrdered: $0.isOrdered)
        }
    }

    /// The same event after the store has looked at its entries.
    func settled(_ outcomes: ArraySlice<ReplayOutcome>) -> ReplayedEvent {
        var settled = self
        settled.destinations = []
        for (target, outcome) in zip(destinations, outcomes) {
            switch outcome {
            case .queued: settled.destinations.append(target)
            case .stillPending: settled.skip(target.name, ReplayedEvent.stillPending)
            case .gone: settled.skip(target.name, "was pruned meanwhile")
            }
        }
        return settled
    }

    var object: JSONObject {
        func names(_ names: [String]) -> JSONValue { .array(names.map { .string($0) }) }
        return JSONObject([
            "id": .string(event.idText), "receivedAt": .string("\(event.receivedAt)"), "source": .string(event.source),
            "routes": names(routes), "destinations": names(destinations.map(\.name)),
            "again": names(destinations.filter(\.hadIt).map(\.name)),
            "skipped": .array(
                skipped.map { skip in
                    .object(
                        JSONObject([
                            "destination": skip.destination.map { .string($0) } ?? .null,
                            "reason": .string(skip.reason),
                        ]))
                }),
        ])
    }
}

/// What one request of a replay came to.
package struct ReplayPage: Sendable {
    package let events: [ReplayedEvent]
    /// To be asked for next; nil at the end.
    package let next: Int64?
    package let through: Int64
    /// Events whose stored bytes have changed.
    package let damaged: Int

    package var deliveries: Int { events.reduce(0) { $0 + $1.destinations.count } }

    package var object: JSONObject {
        JSONObject([
            "next": next.map { .number(JSONNumber($0)) } ?? .null, "through": .number(JSONNumber(through)),
            "damaged": .number(JSONNumber(damaged)), "events": .array(events.map { .object($0.object) }),
        ])
    }
}
