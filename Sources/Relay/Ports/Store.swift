/// What the receiver asks the store to keep.
package struct Offer: Sendable {
    package let source: String
    package let body: [UInt8]
    package let receivedAt: Timestamp
    package let routing: Routing
    /// Milliseconds in which the same bytes from the same source count as a duplicate; nil where every repeat counts.
    package let dedupeMilliseconds: Int64?

    package init(
        source: String, body: [UInt8], receivedAt: Timestamp, routing: Routing, dedupeMilliseconds: Int64?
    ) {
        self.source = source
        self.body = body
        self.receivedAt = receivedAt
        self.routing = routing
        self.dedupeMilliseconds = dedupeMilliseconds
    }
}

/// The answer to an offer, given only when the event is durable.
package struct Acceptance: Sendable, Equatable {
    package let id: EventID
    package let isDuplicate: Bool

    package init(id: EventID, isDuplicate: Bool) {
        self.id = id
        self.isDuplicate = isDuplicate
    }
}

/// What a lane asks of the store.
package struct LeaseRequest: Sendable {
    package let destination: String
    /// Deliveries at most.
    package let limit: Int
    /// Strictly in order of arrival, instead of fresh and deferred in turn. The first one that is not due yet, or is
    /// held, blocks those behind it.
    package let isInOrder: Bool
    /// Whether one that is not due yet will do; its `dueAt` says when it is.
    package let isForProbe: Bool
    package let now: Timestamp

    package init(destination: String, limit: Int, isInOrder: Bool, isForProbe: Bool = false, now: Timestamp) {
        self.destination = destination
        self.limit = limit
        self.isInOrder = isInOrder
        self.isForProbe = isForProbe
        self.now = now
    }
}

/// Deliveries that are due, now leased to the caller.
package struct Lease: Sendable {
    package let deliveries: [Delivery]
    /// Whether more are due right now.
    package let hasMore: Bool
    /// When the next deferred one is due, nil where there is none.
    package let nextDue: Timestamp?

    package init(deliveries: [Delivery], hasMore: Bool, nextDue: Timestamp?) {
        self.deliveries = deliveries
        self.hasMore = hasMore
        self.nextDue = nextDue
    }
}

/// An event that comes back from a dead-letter file.
package struct Redrive: Sendable {
    package let event: Event
    package let destination: String
    package let at: Timestamp
    /// Whether the event is what a person has made of the file's: an event of its own, which nobody has counted yet. Of
    /// a letter as the relay wrote it this is false, also where that is the letter of an edited event.
    package let isEdited: Bool

    package init(event: Event, destination: String, at: Timestamp, isEdited: Bool = false) {
        self.event = event
        self.destination = destination
        self.at = at
        self.isEdited = isEdited
    }
}

/// Totals since the state directory was made, read in one transaction. What retention has pruned is included.
package struct StoreCounts: Sendable, Equatable {
    package var matched = 0
    package var unmatched = 0
    package var quarantined = 0
    package var duplicates = 0
    package var routed = 0
    package var replayed = 0
    package var delivered = 0
    package var pending = 0
    package var dead = 0
    package var discarded = 0

    package init() {}

    /// The law of the books: what was created is somewhere.
    package var agree: Bool { routed + replayed == delivered + pending + dead + discarded }
}

/// Why the store did not do what it was asked; nothing of the request may be relied on.
package struct StoreError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Shutting down.
        case closed
        /// Disk full, or below the free-space limit.
        case full
        /// More deliveries wait than `limits.backlog` allows.
        case backlog
        /// The delivery is on its way: what was asked has to wait until that has ended.
        case underWay
        /// Anything else; the store has to be opened anew.
        case failed
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// Keeps events and deliveries. `accept` and `settle` are durable when their completion is called.
///
/// Completions are called exactly once, on a thread of the store's own; they must be short and must not block.
package protocol Store: Sendable {
    /// Stores an event with its deliveries in one transaction; a duplicate within the window is only counted.
    ///
    /// The new deliveries are leased and handed to `onFresh` after the commit.
    func accept(_ offer: Offer, completion: @escaping @Sendable (Result<Acceptance, StoreError>) -> Void)

    /// Takes due deliveries of one destination that nobody holds: oldest first, fresh and deferred in turn.
    func lease(_ request: LeaseRequest, completion: @escaping @Sendable (Result<Lease, StoreError>) -> Void)

    /// Ends the lease by what became of the attempt. On failure the lease goes on.
    func settle(_ settlement: Settlement, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// Gives leases back untouched: the deliveries are due as before.
    func release(_ deliveries: [DeliveryKey])

    /// Makes all deferred deliveries of a destination due now, in small steps between other work.
    func hasten(
        _ destination: String, now: Timestamp, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// Keeps the state of a destination's lane; durable when the completion is called. The budget in time of what is
    /// accepted from then on runs by the record's clock.
    func note(
        _ record: LaneRecord, of destination: String,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// The attempts of a delivery so far, oldest first.
    func attempts(
        of delivery: DeliveryKey, completion: @escaping @Sendable (Result<[AttemptRecord], StoreError>) -> Void)

    /// Commits a redriven delivery. Doing it twice is harmless: a delivery that is pending or delivered stays as it is.
    ///
    /// Refused while the delivery is leased: its last attempt may have ended in the very letter that is redriven.
    func redrive(_ redrive: Redrive, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// One page of stored events, for an operator.
    func events(_ query: EventQuery, completion: @escaping @Sendable (Result<EventPage, StoreError>) -> Void)

    /// Makes deliveries due now, whatever became of them before, but for those that are pending; all or none.
    ///
    /// They are not handed over: their lanes have to be woken. Where new events would be refused, so is a replay.
    /// - Returns: an outcome for each entry, in their order.
    func replay(_ replay: Replay, completion: @escaping @Sendable (Result<[ReplayOutcome], StoreError>) -> Void)

    /// Counts a dead letter as discarded. Refused while the delivery is leased.
    func discard(_ id: EventID, destination: String, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// Gives up deliveries that wait and that nobody holds, a page of them in one transaction: they count as discarded,
    /// and a replay makes them due after all.
    func drop(
        _ drop: DropRequest, now: Timestamp,
        completion: @escaping @Sendable (Result<DropPage, StoreError>) -> Void)

    /// The totals, read in one transaction.
    func counts(completion: @escaping @Sendable (Result<StoreCounts, StoreError>) -> Void)
}

/// Bridges a completion to `async`, for callers that are not on the hot path.
package func awaiting<Value: Sendable>(
    _ start: (@escaping @Sendable (Result<Value, StoreError>) -> Void) -> Void
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        start { continuation.resume(with: $0) }
    }
}
