/// Which stored events are asked for; each answer is one page.
package enum EventQuery: Sendable {
    /// In order of arrival, those received from `since` to `until`, both included. What an operator edited is left out:
    /// it was made for one destination.
    ///
    /// `after` and `through` are event numbers; without `through` up to the last one that there is.
    case received(since: Timestamp, until: Timestamp, after: Int64, through: Int64?)
    /// Those of exactly these ids, as far as they are stored, in this order.
    case ids([EventID])
}

/// A stored event with what became of its deliveries so far.
package struct StoredEvent: Sendable {
    package enum Stage: Sendable {
        case pending, delivered, dead, discarded
    }

    /// Names it within one store, and rises in order of arrival.
    package let number: Int64
    package let event: Event
    /// Whether it was put into quarantine when it came.
    package let isQuarantined: Bool
    package let deliveries: [String: Stage]

    package init(number: Int64, event: Event, isQuarantined: Bool, deliveries: [String: Stage]) {
        self.number = number
        self.event = event
        self.isQuarantined = isQuarantined
        self.deliveries = deliveries
    }
}

/// Some of the events that were asked for: at most 200, and about 1 MiB of bodies.
package struct EventPage: Sendable {
    package let events: [StoredEvent]
    /// The number after which to go on, or how many of the ids were looked for; nil at the end.
    package let next: Int64?
    /// The last number that the query reaches, to be given with the next page: a query of many pages then ends.
    package let through: Int64
    /// Events whose stored bytes have changed; they are not given out.
    package let damaged: Int
    /// Which of the ids that were asked for are those of such events.
    package let damagedIDs: [EventID]

    package init(
        events: [StoredEvent], next: Int64?, through: Int64, damaged: Int, damagedIDs: [EventID] = []
    ) {
        self.events = events
        self.next = next
        self.through = through
        self.damaged = damaged
        self.damagedIDs = damagedIDs
    }
}

/// Deliveries that an operator wants made once more, or for the first time. One transaction, so not too many.
package struct Replay: Sendable {
    /// Deliveries of one replay, unless a single event has more.
    package static let limit = 200

    package struct Entry: Sendable {
        /// The event's, as a page gave it.
        package let number: Int64
        package let destination: String
        /// The routes that name it now; kept where none wanted the event when it came.
        package let routes: [String]
        /// Whether the destination gets its deliveries in order of arrival.
        package let isOrdered: Bool

        package init(number: Int64, destination: String, routes: [String], isOrdered: Bool) {
            self.number = number
            self.destination = destination
            self.routes = routes
            self.isOrdered = isOrdered
        }
    }

    package let entries: [Entry]
    package let at: Timestamp

    package init(entries: [Entry], at: Timestamp) {
        self.entries = entries
        self.at = at
    }
}

/// What became of one entry of a replay.
package enum ReplayOutcome: Sendable, Equatable {
    case queued
    /// The delivery is on its way already, and stays as it is.
    case stillPending
    /// The event was pruned meanwhile.
    case gone
}
