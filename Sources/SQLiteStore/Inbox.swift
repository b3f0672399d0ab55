internal import Relay
internal import Synchronization

typealias Answer<Value> = @Sendable (Result<Value, StoreError>) -> Void

/// What was asked and whom to answer. A reference: on its way it is copied several times, and its values hold many.
final class Request<Payload: Sendable, Value: Sendable>: Sendable {
    let payload: Payload
    let answer: Answer<Value>

    init(_ payload: Payload, _ answer: @escaping Answer<Value>) {
        self.payload = payload
        self.answer = answer
    }
}

/// An offer with the id that its source and bytes alone give.
struct HashedOffer: Sendable {
    let offer: Offer
    let contents: EventID
}

/// A dead letter that is to be discarded.
struct Discard: Sendable {
    let id: EventID
    let destination: String
}

/// What is to be remembered of a destination's lane.
struct LaneNote: Sendable {
    let destination: String
    let record: LaneRecord
}

/// What changes the database, many of them in one transaction.
enum Write: Sendable {
    case accept(Request<HashedOffer, Acceptance>)
    case settle(Request<Settlement, Void>)
    case redrive(Request<Redrive, Void>)
    case replay(Request<Replay, [ReplayOutcome]>)
    case discard(Request<Discard, Void>)
    case note(Request<LaneNote, Void>)

    func fail(_ error: StoreError) {
        switch self {
        case .accept(let request): request.answer(.failure(error))
        case .settle(let request): request.answer(.failure(error))
        case .redrive(let request): request.answer(.failure(error))
        case .replay(let request): request.answer(.failure(error))
        case .discard(let request): request.answer(.failure(error))
        case .note(let request): request.answer(.failure(error))
        }
    }
}

/// What is done by itself between these transactions: reads, the leases in memory, upkeep.
enum Operation: Sendable {
    case lease(LeaseRequest, Answer<Lease>)
    case release([DeliveryKey])
    case attempts(DeliveryKey, Answer<[AttemptRecord]>)
    case events(EventQuery, Answer<EventPage>)
    case counts(Answer<StoreCounts>)
    case prune(now: Timestamp, PruneProgress, Answer<Int>)
    /// `lastAttempt`: nil until it has begun.
    case hasten(destination: String, now: Timestamp, lastAttempt: Int64?, Answer<Void>)
    /// Here, not a write: it stays behind the releases that come before it.
    case drop(DropRequest, now: Timestamp, Answer<DropPage>)

    func fail(_ error: StoreError) {
        switch self {
        case .lease(_, let answer): answer(.failure(error))
        case .release: break
        case .attempts(_, let answer): answer(.failure(error))
        case .events(_, let answer): answer(.failure(error))
        case .counts(let answer): answer(.failure(error))
        case .prune(_, _, let answer): answer(.failure(error))
        case .hasten(_, _, _, let answer): answer(.failure(error))
        case .drop(_, _, let answer): answer(.failure(error))
        }
    }
}

/// The queue in front of the store's thread.
///
/// Settlements wait in a line of their own: nobody waits for them, and the rows that they change are not those that new
/// events add, so that in each commit of a few events they would cost pages of their own. The urgent ones do not.
final class Inbox: Sendable {
    enum Wake: Sendable {
        /// The thread has been told already.
        case not
        case now
        /// Settlements: wait a moment for company.
        case soon
    }

    /// How long settlements wait for company, in milliseconds.
    static let settleDelayMilliseconds = 10

    private struct State {
        var writes: [Write] = []
        var settlements: [Write] = []
        /// When settlements were taken last, in nanoseconds.
        var settledAt: UInt64 = 0
        var operations: [Operation] = []
        var isAwake = false
        var isTimed = false
        var isClosed = false

        mutating func takeUrgent() -> [Write] {
            let taken = writes
            writes = []
            writes.reserveCapacity(min(taken.count, 1024))
            return taken
        }

        mutating func takeAll(_ now: UInt64) -> [Write] {
            if !settlements.isEmpty { settledAt = now }
            defer { settlements.removeAll(keepingCapacity: true) }
            return settlements + takeUrgent()
        }
    }

    private let state = Mutex(State())

    /// Nil when the store is closed.
    func add(_ write: Write) -> Wake? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            if case .settle(let request) = write, !request.payload.isUrgent {
                state.settlements.append(write)
                defer { state.isTimed = true }
                return state.isTimed ? .not : .soon
            }
            state.writes.append(write)
            defer { state.isAwake = true }
            return state.isAwake ? .not : .now
        }
    }

    func add(_ operation: Operation) -> Wake? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            state.operations.append(operation)
            return .now
        }
    }

    /// What is urgent, and settlements too where none were taken for a while.
    /// - Parameter now: nanoseconds of a clock that never jumps.
    func takeUrgent(now: UInt64) -> [Write] {
        state.withLock { state in
            state.isAwake = false
            let isSettlingDue = now - state.settledAt >= UInt64(Self.settleDelayMilliseconds) * 1_000_000
            return isSettlingDue ? state.takeAll(now) : state.takeUrgent()
        }
    }

    /// All, when the timer of the settlements goes off.
    func takeAll(now: UInt64) -> [Write] {
        state.withLock { state in
            state.isTimed = false
            return state.takeAll(now)
        }
    }

    func takeOperations() -> [Operation] {
        state.withLock { state in
            let taken = state.operations
            state.operations = []
            return taken
        }
    }

    /// From now on nothing is taken in; false where it was closed before.
    func close() -> Bool {
        state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
    }
}
