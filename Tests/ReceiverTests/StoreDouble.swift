import Dispatch
import Relay
import Signatures
import Synchronization

/// A store that keeps what it is offered in memory, and answers at once, when told to, or with an error.
final class StoreDouble: Store {
    enum Manner: Sendable {
        case answersAtOnce
        case waits
        case fails(StoreError.Kind)
    }

    typealias Completion = @Sendable (Result<Acceptance, StoreError>) -> Void

    private struct State {
        var offers: [Offer] = []
        var waiting: [Completion] = []
    }

    private let manner: Manner
    private let state = Mutex(State())
    private let offered = DispatchSemaphore(value: 0)

    init(_ manner: Manner = .answersAtOnce) { self.manner = manner }

    var bodies: [String] { state.withLock { $0.offers.map { String(decoding: $0.body, as: UTF8.self) } } }
    var receiveTimes: [Timestamp] { state.withLock { $0.offers.map(\.receivedAt) } }

    func accept(_ offer: Offer, completion: @escaping Completion) {
        let number = state.withLock { state in
            state.offers.append(offer)
            if case .waits = manner { state.waiting.append(completion) }
            return state.offers.count
        }
        switch manner {
        case .answersAtOnce: completion(.success(StoreDouble.acceptance(number)))
        case .waits: break
        case .fails(let kind): completion(.failure(StoreError(kind, "told to")))
        }
        offered.signal()
    }

    /// Blocks until one more offer has come; gives up after ten seconds.
    func waitForOffer() { _ = offered.wait(timeout: .now() + .seconds(10)) }

    /// Answers the oldest offer that waits, with the id of its number.
    func answerOne() {
        let (completion, number) = state.withLock { state in
            (state.waiting.removeFirst(), state.offers.count - state.waiting.count)
        }
        completion(.success(StoreDouble.acceptance(number)))
    }

    private static func acceptance(_ number: Int) -> Acceptance {
        Acceptance(id: EventID(high: 0xABCD_EF01_2345_6789, low: UInt64(number)), isDuplicate: false)
    }

    func lease(_ request: LeaseRequest, completion: @escaping @Sendable (Result<Lease, StoreError>) -> Void) {
        completion(.success(Lease(deliveries: [], hasMore: false, nextDue: nil)))
    }

    func hasten(
        _ destination: String, now: Timestamp, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {}

    func note(
        _ record: LaneRecord, of destination: String,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {}

    func settle(_ settlement: Settlement, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {}

    func release(_ deliveries: [DeliveryKey]) {}

    func attempts(
        of delivery: DeliveryKey, completion: @escaping @Sendable (Result<[AttemptRecord], StoreError>) -> Void
    ) {}

    func redrive(_ redrive: Redrive, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {}

    func events(_ query: EventQuery, completion: @escaping @Sendable (Result<EventPage, StoreError>) -> Void) {}

    func replay(_ replay: Replay, completion: @escaping @Sendable (Result<[ReplayOutcome], StoreError>) -> Void) {}

    func discard(
        _ id: EventID, destination: String, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {}

    func drop(
        _ drop: DropRequest, now: Timestamp, completion: @escaping @Sendable (Result<DropPage, StoreError>) -> Void
    ) {}

    func counts(completion: @escaping @Sendable (Result<StoreCounts, StoreError>) -> Void) {}
}

/// An intake with one source, /hook, that takes bodies up to `maxBody` bytes.
func makeIntake(_ store: StoreDouble, maxBody: Int = 1000) -> Intake {
    let source = Source(
        name: "gruveo", path: "/hook", verifier: testVerifier, dedupeMilliseconds: nil, maxBody: maxBody,
        maxAgeMilliseconds: nil)
    let configuration = Configuration(
        sources: [source], destinations: [:], router: Router(routes: []), limits: Limits())
    return Intake(configuration: configuration, store: store) { _ in }
}
