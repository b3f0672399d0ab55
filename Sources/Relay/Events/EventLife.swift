/// What the store knows of one event: how it came, and what became of it for each destination.
package struct EventLife: Sendable, Equatable {
    /// What became of it when it was accepted.
    package enum Kind: String, Sendable {
        case matched
        case unmatched
        case quarantined
        /// It came back out of a dead letter.
        case redriven
    }

    package let id: EventID
    package let source: String
    package let receivedAt: Timestamp
    package let kind: Kind
    /// Why it was quarantined; nil for any other.
    package let reason: String?
    package let routes: [String]
    /// Set where an operator edited a dead letter: the id that the event had before.
    package let originalID: EventID?
    package let bytes: Int
    /// Whether its bytes are those that were accepted; if not, it is kept and never sent.
    package let isIntact: Bool
    package let deliveries: [DeliveryLife]

    package init(
        id: EventID, source: String, receivedAt: Timestamp, kind: Kind, reason: String?, routes: [String],
        originalID: EventID?, bytes: Int, isIntact: Bool, deliveries: [DeliveryLife]
    ) {
        self.id = id
        self.source = source
        self.receivedAt = receivedAt
        self.kind = kind
        self.reason = reason
        self.routes = routes
        self.originalID = originalID
        self.bytes = bytes
        self.isIntact = isIntact
        self.deliveries = deliveries
    }
}

/// What became of an event for one destination.
package struct DeliveryLife: Sendable, Equatable {
    package enum State: String, Sendable {
        /// It waits for its first attempt, or for the first one of a replay.
        case fresh
        /// It waits for the next attempt.
        case deferred
        case delivered
        case dead
        case discarded
    }

    package let destination: String
    package let state: State
    package let isReplay: Bool
    /// Attempts that count against the destination's schedule.
    package let charged: Int
    /// From when the next attempt may start; nil where none is to come, or nothing delays it.
    package let dueAt: Timestamp?
    /// What of the destination is on disk; nil where nothing ever kept it from getting its deliveries.
    package let lane: LaneRecord?
    /// In the order in which they were made; those of earlier deaths too.
    package let attempts: [AttemptRecord]

    package init(
        destination: String, state: State, isReplay: Bool, charged: Int, dueAt: Timestamp?, lane: LaneRecord?,
        attempts: [AttemptRecord]
    ) {
        self.destination = destination
        self.state = state
        self.isReplay = isReplay
        self.charged = charged
        self.dueAt = dueAt
        self.lane = lane
        self.attempts = attempts
    }
}

/// A delivery that waits.
package struct WaitingDelivery: Sendable, Equatable {
    package let id: EventID
    package let receivedAt: Timestamp
    /// What became of it so far; without its attempts.
    package let delivery: DeliveryLife

    package init(id: EventID, receivedAt: Timestamp, delivery: DeliveryLife) {
        self.id = id
        self.receivedAt = receivedAt
        self.delivery = delivery
    }
}
