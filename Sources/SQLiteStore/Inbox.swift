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

/// What changes the database.
enum Write: Sendable {
    case accept(Request<HashedOffer, Acceptance>)
    case settle(Request<Settlement, Void>)
    case redrive(Request<Redrive, Void>)
    case discard(Request<Discard, Void>)

    func fail(_ error: StoreError) {
        switch self {
        case .accept(let request): request.answer(.failure(error))
        case .settle(let request): request.answer(.failure(error))
        case .redrive(let request): request.answer(.failure(error))
        case .discard(let request): request.answer(.failure(error))
        }
    }
}

/// What only reads it, or the leases in memory.
enum Read: Sendable {
    case lease(destination: String, limit: Int, now: Timestamp, Answer<Lease>)
    case release([DeliveryKey])
    case attempts(DeliveryKey, Answer<[AttemptRecord]>)
    case counts(Answer<StoreCounts>)
    case prune(now: Timestamp, PruneProgress, Answer<Int>)

    func fail(_ error: StoreError) {
        switch self {
        case .lease(_, _, _, let answer): answer(.failure(error))
        case .release: break
        case .attempts(_, let answer): answer(.failure(error))
        case .counts(let answer): answer(.failure(error))
        case .prune(_, _, let answer): answer(.failure(error))
        }
    }
}

/// The queue in front of the store's thread.
final class Inbox: Sendable {
    enum Wake: Sendable {
        /// The thread has been told already.
        case not
        case now
        /// Settlements alone: wait a moment for company, a commit costs a sync.
        case soon
    }

    private struct State {
        var writes: [Write] = []
        var reads: [Read] = []
        var isAwake = false
        var isTimed = false
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Nil when the store is closed.
    func add(_ write: Write) -> Wake? {
        let isPatient = if case .settle = write { true } else { false }
        return state.withLock { state in
            guard !state.isClosed else { return nil }
            state.writes.append(write)
            if state.isAwake || (isPatient && state.isTimed) { return .not }
            if isPatient { state.isTimed = true } else { state.isAwake = true }
            return isPatient ? .soon : .now
        }
    }

    func add(_ read: Read) -> Wake? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            state.reads.append(read)
            return .now
        }
    }

    func takeWrites() -> [Write] {
        state.withLock { state in
            state.isAwake = false
            state.isTimed = false
            let taken = state.writes
            state.writes = []
            state.writes.reserveCapacity(min(taken.count, 1024))
            return taken
        }
    }

    func takeReads() -> [Read] {
        state.withLock { state in
            let taken = state.reads
            state.reads = []
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
