import Relay

func makeOffer(
    _ body: String, to destinations: [String], at milliseconds: Int64, window: Int64? = nil, source: String = "gruveo"
) -> Offer {
    Offer(
        source: source, body: Array(body.utf8), receivedAt: Timestamp(milliseconds: milliseconds),
        routing: .matched(routes: ["missed calls", "every:thing,"], destinations: destinations),
        dedupeMilliseconds: window)
}

func makeAttempt(
    _ number: Int, status: Int?, _ outcome: Outcome = .retry, error: String? = nil, response: [UInt8] = [],
    at milliseconds: Int64 = 0
) -> AttemptRecord {
    AttemptRecord(
        number: number, at: Timestamp(milliseconds: milliseconds), durationMilliseconds: 3, outcome: outcome,
        status: status, error: error, response: response)
}

extension Store {
    func accepted(_ offer: Offer) async throws -> Acceptance { try await awaiting { accept(offer, completion: $0) } }

    func leased(
        _ destination: String, _ limit: Int, inOrder: Bool = false, isForProbe: Bool = false, now milliseconds: Int64
    ) async throws -> Lease {
        let request = LeaseRequest(
            destination: destination, limit: limit, isInOrder: inOrder, isForProbe: isForProbe,
            now: Timestamp(milliseconds: milliseconds))
        return try await awaiting { lease(request, completion: $0) }
    }

    func hastened(_ destination: String, now milliseconds: Int64) async throws {
        try await awaiting { hasten(destination, now: Timestamp(milliseconds: milliseconds), completion: $0) }
    }

    func noted(_ record: LaneRecord, of destination: String) async throws {
        try await awaiting { note(record, of: destination, completion: $0) }
    }

    func settled(_ key: DeliveryKey, _ verdict: Settlement.Verdict, _ attempt: AttemptRecord) async throws {
        try await awaiting { settle(Settlement(delivery: key, verdict: verdict, attempt: attempt), completion: $0) }
    }

    func redriven(_ redrive: Redrive) async throws { try await awaiting { self.redrive(redrive, completion: $0) } }

    func discarded(_ id: EventID, _ destination: String) async throws {
        try await awaiting { discard(id, destination: destination, completion: $0) }
    }

    func dropped(
        _ destination: String, _ event: EventID? = nil, after: Int64 = 0, through: Int64? = nil, at now: Int64 = 50
    ) async throws -> DropPage {
        let request = DropRequest(destination: destination, event: event, after: after, through: through)
        return try await awaiting { drop(request, now: Timestamp(milliseconds: now), completion: $0) }
    }

    func currentCounts() async throws -> StoreCounts { try await awaiting { counts(completion: $0) } }
}

extension StoreUnderTest {
    /// What was handed over by all that was asked before.
    func nextFresh() async throws -> [Delivery] {
        _ = try await store.currentCounts()
        return fresh.take()
    }
}

extension Delivery {
    var bodyText: String { String(decoding: event.body, as: UTF8.self) }
}
