import Relay
import Synchronization

/// Keeps deliveries in memory and notes each breach of the leases' rules.
final class MemoryStore: Store {
    enum Place: Equatable {
        case waiting(due: Timestamp)
        case leased
        case delivered
        case dead
        /// Given up by an operator.
        case discarded

        var hasEnded: Bool { self == .delivered || self == .dead || self == .discarded }
    }

    struct Row {
        var delivery: Delivery
        var place: Place
        var attempts: [AttemptRecord] = []
    }

    private struct State {
        var rows: [DeliveryKey: Row] = [:]
        var breaches: [String] = []
        var settlements: [Settlement] = []
        var records: [String: LaneRecord] = [:]
        var leaseFailure: StoreError?
        var settleFailure: StoreError?
        var isHoldingBack = false
        var heldBack: [Work] = []
    }

    /// What was asked for and is under way.
    private struct Work {
        let run: @Sendable () -> Void
        /// Without telling anybody, as where the process dies between the disk and the answer.
        let apply: @Sendable () -> Void
    }

    private let state = Mutex(State())

    // MARK: For the test

    func add(_ delivery: Delivery, _ place: Place) {
        state.withLock { $0.rows[delivery.key] = Row(delivery: delivery, place: place) }
    }

    func place(_ key: Int64) -> Place? { state.withLock { $0.rows[DeliveryKey(rawValue: key)]?.place } }
    func row(_ key: Int64) -> Row? { state.withLock { $0.rows[DeliveryKey(rawValue: key)] } }
    /// What has not ended, by key.
    var pending: [String] {
        state.withLock(\.rows).filter { !$0.value.place.hasEnded }
            .map { "\($0.value.delivery.destination) \($0.key.rawValue) \($0.value.place)" }.sorted()
    }
    var places: [Place] { state.withLock { $0.rows.values.map(\.place) } }
    var breaches: [String] { state.withLock(\.breaches) }
    var settlements: [Settlement] { state.withLock(\.settlements) }
    /// What was noted of lanes.
    var records: [String: LaneRecord] { state.withLock(\.records) }
    func count(_ place: Place) -> Int { places.count { $0 == place } }

    /// Makes leases or settles fail from now on; nil makes them work again.
    func failLeases(_ error: StoreError?) { state.withLock { $0.leaseFailure = error } }
    func failSettles(_ error: StoreError?) { state.withLock { $0.settleFailure = error } }

    /// Calls no completion until `letGo`: what is asked for is under way.
    func holdBack() { state.withLock { $0.isHoldingBack = true } }

    func letGo() {
        let heldBack = state.withLock { state in
            defer { state.heldBack = [] }
            state.isHoldingBack = false
            return state.heldBack
        }
        for work in heldBack { work.run() }
    }

    /// What the end of a process does: of what was under way the first `durable` are on disk, nobody is told, and all
    /// leases are over.
    func crash(durable: Int = 0) {
        let heldBack = state.withLock { state in
            defer { state.heldBack = [] }
            state.isHoldingBack = false
            return state.heldBack
        }
        for work in heldBack.prefix(durable) { work.apply() }
        state.withLock { state in
            for (key, row) in state.rows where row.place == .leased {
                state.rows[key]?.place = .waiting(due: Timestamp(milliseconds: 0))
            }
        }
    }

    /// Does the work now, or at `letGo`.
    private func schedule<Value>(
        _ apply: @escaping @Sendable () -> Value, _ completion: @escaping @Sendable (Value) -> Void
    ) {
        let work = Work(run: { completion(apply()) }, apply: { _ = apply() })
        let isNow = state.withLock { state in
            if state.isHoldingBack { state.heldBack.append(work) }
            return !state.isHoldingBack
        }
        if isNow { work.run() }
    }

    /// A write that fails while settles do.
    private func write(
        _ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void,
        _ body: @escaping @Sendable (inout State) -> Void
    ) {
        schedule(
            { [self] in
                state.withLock { state -> Result<Void, StoreError> in
                    if let failure = state.settleFailure { return .failure(failure) }
                    body(&state)
                    return .success(())
                }
            }, completion)
    }

    /// Stores deliveries as the receiver does it, leased to whoever hears of it.
    func accept(
        _ deliveries: [Delivery], completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        write(completion) { state in
            for delivery in deliveries { state.rows[delivery.key] = Row(delivery: delivery, place: .leased) }
        }
    }

    // MARK: Store

    func lease(_ request: LeaseRequest, completion: @escaping @Sendable (Result<Lease, StoreError>) -> Void) {
        let result: Result<Lease, StoreError> = state.withLock { state in
            if let failure = state.leaseFailure { return .failure(failure) }
            let (name, limit) = (request.destination, request.limit)
            let now = request.isForProbe ? Timestamp(milliseconds: .max) : request.now
            let lease =
                request.isInOrder
                ? Self.leaseInOrder(name, limit, now, &state) : Self.lease(name, limit, now, &state)
            return .success(lease.marked(request.now))
        }
        schedule({ result }, completion)
    }

    private static func lease(_ name: String, _ limit: Int, _ now: Timestamp, _ state: inout State) -> Lease {
        var due: [(due: Timestamp, delivery: Delivery)] = []
        var nextDue: Timestamp?
        for row in state.rows.values where row.delivery.destination == name {
            guard case .waiting(let time) = row.place else { continue }
            if time <= now { due.append((time, row.delivery)) } else { nextDue = min(nextDue ?? time, time) }
        }
        due.sort { ($0.due, $0.delivery.key.rawValue) < ($1.due, $1.delivery.key.rawValue) }
        let taken = due.prefix(limit).map { $0.delivery.due(at: $0.due) }
        for delivery in taken { state.rows[delivery.key]?.place = .leased }
        return Lease(deliveries: taken, hasMore: due.count > limit, nextDue: nextDue)
    }

    private static func leaseInOrder(_ name: String, _ limit: Int, _ now: Timestamp, _ state: inout State) -> Lease {
        let pending = state.rows.values.filter {
            $0.delivery.destination == name && !$0.place.hasEnded
        }
        var taken: [Delivery] = []
        for row in pending.sorted(by: { $0.delivery.key.rawValue < $1.delivery.key.rawValue }) {
            guard case .waiting(let due) = row.place else {
                return Lease(deliveries: taken, hasMore: false, nextDue: now.advanced(byMilliseconds: 1000))
            }
            if due > now { return Lease(deliveries: taken, hasMore: false, nextDue: due) }
            if taken.count == limit { return Lease(deliveries: taken, hasMore: true, nextDue: nil) }
            taken.append(row.delivery.due(at: due))
            state.rows[row.delivery.key]?.place = .leased
        }
        return Lease(deliveries: taken, hasMore: false, nextDue: nil)
    }

    func settle(_ settlement: Settlement, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        write(completion) { Self.settle(settlement, &$0) }
    }

    private static func settle(_ settlement: Settlement, _ state: inout State) {
        let key = settlement.delivery
        guard var row = state.rows[key], row.place == .leased else {
            return state.breaches.append("settled without a lease: \(key)")
        }
        state.settlements.append(settlement)
        row.attempts.append(settlement.attempt)
        switch settlement.verdict {
        case .delivered: row.place = .delivered
        case .dead: row.place = .dead
        case .retry(let due, let charged):
            row.place = .waiting(due: due)
            row.delivery = row.delivery.charged(charged).started(at: settlement.startedAt ?? row.delivery.startedAt)
        }
        state.rows[key] = row
    }

    func release(_ deliveries: [DeliveryKey]) {
        state.withLock { state in
            for key in deliveries {
                if state.rows[key]?.place != .leased { state.breaches.append("released without a lease: \(key)") }
                state.rows[key]?.place = .waiting(due: Timestamp(milliseconds: 0))
            }
        }
    }

    func attempts(
        of delivery: DeliveryKey, completion: @escaping @Sendable (Result<[AttemptRecord], StoreError>) -> Void
    ) {
        let attempts = state.withLock { $0.rows[delivery]?.attempts ?? [] }
        schedule({ .success(attempts) }, completion)
    }

    func hasten(
        _ destination: String, now: Timestamp, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        write(completion) { state in
            for (key, row) in state.rows where row.delivery.destination == destination {
                if case .waiting(let due) = row.place, due > now { state.rows[key]?.place = .waiting(due: now) }
            }
        }
    }

    func note(
        _ record: LaneRecord, of destination: String,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        write(completion) { $0.records[destination] = record }
    }

    private static let unused = StoreError(.failed, "the dispatcher does not ask for this")

    func accept(_ offer: Offer, completion: @escaping @Sendable (Result<Acceptance, StoreError>) -> Void) {
        completion(.failure(Self.unused))
    }

    func redrive(_ redrive: Redrive, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        completion(.failure(Self.unused))
    }

    func events(_ query: EventQuery, completion: @escaping @Sendable (Result<EventPage, StoreError>) -> Void) {
        completion(.failure(Self.unused))
    }

    func replay(_ replay: Replay, completion: @escaping @Sendable (Result<[ReplayOutcome], StoreError>) -> Void) {
        completion(.failure(Self.unused))
    }

    func discard(_ id: EventID, destination: String, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)
    {
        completion(.failure(Self.unused))
    }

    /// Makes one that has ended due again, as a replay does, or a letter that is redriven.
    func sendAgain(_ key: Int64, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        write(completion) { state in
            let key = DeliveryKey(rawValue: key)
            if state.rows[key]?.place.hasEnded == true {
                state.rows[key]?.place = .waiting(due: Timestamp(milliseconds: 0))
            }
        }
    }

    /// All in one page.
    func drop(
        _ drop: DropRequest, now: Timestamp, completion: @escaping @Sendable (Result<DropPage, StoreError>) -> Void
    ) {
        schedule(
            { [self] in
                state.withLock { state in
                    let wanted = state.rows.filter { key, row in
                        row.delivery.destination == drop.destination && !row.place.hasEnded
                            && (drop.event == nil || row.delivery.event.id == drop.event)
                    }
                    let waiting = wanted.filter { $0.value.place != .leased }
                    for key in waiting.keys { state.rows[key]?.place = .discarded }
                    return .success(
                        DropPage(
                            dropped: waiting.count, underWay: wanted.count - waiting.count, next: nil, through: 0))
                }
            }, completion)
    }

    func counts(completion: @escaping @Sendable (Result<StoreCounts, StoreError>) -> Void) {
        completion(.failure(Self.unused))
    }
}

extension Lease {
    /// Only what is not due yet says when it is.
    fileprivate func marked(_ now: Timestamp) -> Lease {
        let deliveries = deliveries.map { $0.dueAt.map { $0 <= now } == true ? $0.due(at: nil) : $0 }
        return Lease(deliveries: deliveries, hasMore: hasMore, nextDue: nextDue)
    }
}

extension Delivery {
    fileprivate func due(at time: Timestamp?) -> Delivery {
        Delivery(
            key: key, event: event, destination: destination, attempts: attempts, isReplay: isReplay,
            startedAt: startedAt, dueAt: time)
    }

    fileprivate func charged(_ isCharged: Bool) -> Delivery {
        Delivery(
            key: key, event: event, destination: destination, attempts: attempts + (isCharged ? 1 : 0),
            isReplay: isReplay, startedAt: startedAt)
    }
}
