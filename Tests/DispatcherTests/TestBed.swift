import Dispatcher
import Relay
import Synchronization
import Testing

/// A dispatcher among doubles, driven step by step on the test's thread.
final class TestBed: Sendable {
    static let start = Timestamp(milliseconds: 1_700_000_000_000)

    let executor: ManualExecutor
    let store: MemoryStore
    let sender: ScriptedSender
    let letters: ScriptedDeadLetters
    let dispatcher: LaneDispatcher
    private let clock: Clock

    private final class Clock: Sendable {
        let now = Mutex(TestBed.start)
        let jitter = Mutex(1.0)
    }

    convenience init(_ destinations: [Destination] = [TestBed.destination()]) {
        self.init(destinations, store: MemoryStore(), letters: ScriptedDeadLetters(), clock: Clock())
    }

    /// Another process on what this one has left on disk; its leases and requests end with it.
    ///
    /// - Parameter durable: how much of what was under way is on disk.
    func restarted(_ destinations: [Destination] = [TestBed.destination()], durable: Int = 0) -> TestBed {
        store.crash(durable: durable)
        letters.crash(durable: durable)
        sender.crash()
        let bed = TestBed(destinations, store: store, letters: letters, clock: clock)
        bed.run { $0.begin() }
        return bed
    }

    private init(_ destinations: [Destination], store: MemoryStore, letters: ScriptedDeadLetters, clock: Clock) {
        let executor = ManualExecutor()
        let sender = ScriptedSender(executor: executor)
        let ports = LaneDispatcher.Ports(
            store: store, sender: sender, deadLetters: letters, now: { clock.now.withLock { $0 } },
            jitter: { clock.jitter.withLock { $0 } }, laneKey: [1, 2, 3], notify: { _ in })
        dispatcher = LaneDispatcher(
            destinations: TestBed.named(destinations), records: store.records, ports: ports)
        self.executor = executor
        self.sender = sender
        self.store = store
        self.letters = letters
        self.clock = clock
    }

    // MARK: Things

    static func destination(
        _ name: String = "crm", url: String = "https://crm.example.com/a", concurrency: Int = 2,
        retry: RetrySchedule = .standard, rate: Rate? = nil,
        isOrdered: Bool = false
    ) -> Destination {
        Destination(
            name: name, method: "POST", url: url, headers: [], signer: nil, options: TransferOptions(), retry: retry,
            overrides: OutcomeOverrides(), concurrency: concurrency, rate: rate, isOrdered: isOrdered)
    }

    static func delivery(
        _ key: Int64, to destination: String = "crm", attempts: Int = 0, receivedAt: Timestamp = start
    ) -> Delivery {
        let event = Event(
            id: EventID(high: 1, low: UInt64(key)), source: "gruveo", receivedAt: receivedAt, body: Array("{}".utf8),
            routes: ["all"])
        return Delivery(
            key: DeliveryKey(rawValue: key), event: event, destination: destination, attempts: attempts,
            isReplay: false, startedAt: receivedAt)
    }

    private static func named(_ destinations: [Destination]) -> [String: Destination] {
        Dictionary(uniqueKeysWithValues: destinations.map { ($0.name, $0) })
    }

    // MARK: Steps

    func setJitter(_ factor: Double) { clock.jitter.withLock { $0 = factor } }

    var now: Timestamp { clock.now.withLock { $0 } }

    func run(_ body: @Sendable (isolated LaneDispatcher) -> Void) {
        executor.perform { dispatcher.assumeIsolated { body($0) } }
    }

    /// Hands over fresh deliveries, leased as the store does it.
    func take(_ keys: Range<Int64>, to destination: String = "crm", attempts: Int = 0) {
        let deliveries = keys.map { TestBed.delivery($0, to: destination, attempts: attempts) }
        for delivery in deliveries { store.add(delivery, .leased) }
        run { $0.take(deliveries) }
    }

    /// Puts deliveries into the store, due now.
    func keep(_ keys: Range<Int64>, of destination: String = "crm") {
        for key in keys { store.add(TestBed.delivery(key, to: destination), .waiting(due: TestBed.start)) }
    }

    /// Lets time pass, then ticks.
    func advance(seconds: Double = 0) {
        clock.now.withLock { $0 = $0.advanced(byMilliseconds: Int64(seconds * 1000)) }
        run { $0.advance() }
    }

    /// How long the dispatcher would sleep now.
    var nap: Duration { executor.perform { dispatcher.assumeIsolated { $0.nap } } }

    func use(_ destinations: [Destination]) {
        let named = TestBed.named(destinations)
        run { $0.use(named) }
    }

    var reports: [LaneReport] { executor.perform { dispatcher.assumeIsolated { $0.reports() } } }

    /// What an operator orders; nil where no destination has the name.
    @discardableResult
    func order(_ order: LaneOrder, _ name: String = "crm") -> LaneReport? {
        let answer = Mutex<LaneReport?>(nil)
        run { dispatcher in
            dispatcher.carryOut(order, to: name) { result in answer.withLock { $0 = try? result.get() } }
        }
        return answer.withLock { $0 }
    }

    /// What an operator gives up.
    func drop(_ name: String, _ event: EventID? = nil) -> DropPage? {
        let answer = Mutex<DropPage?>(nil)
        run { dispatcher in
            dispatcher.drop(DropRequest(destination: name, event: event)) { result in
                answer.withLock { $0 = try? result.get() }
            }
        }
        return answer.withLock { $0 }
    }

    func stop() { run { $0.stop() } }

    func letGo() { executor.perform { store.letGo() } }

    /// Answers the oldest open request to a destination.
    func answer(_ status: Int, retryAfter: String? = nil, from destination: String = "crm") throws {
        let headers = retryAfter.map { [OutgoingRequest.Header("retry-after", $0)] } ?? []
        let response = Response(status: status, headers: headers, body: Array("ok".utf8), isComplete: true)
        try end(.response(response), from: destination)
    }

    func fail(_ kind: TransferFailure.Kind, from destination: String = "crm") throws {
        try end(.failure(TransferFailure(kind, "\(kind)")), from: destination)
    }

    private func end(_ ending: AttemptResult.Ending, from destination: String) throws {
        let call = try #require(sender.open(destination).first)
        end(call, ending)
    }

    func end(_ call: ScriptedSender.Call, _ ending: AttemptResult.Ending) {
        sender.close(call)
        let result = AttemptResult(ending: ending, startedAt: now, durationMilliseconds: 3)
        executor.perform { call.completion(result) }
    }

    /// After a stop and the last answer no lease may be left, and none of the rules may have been broken.
    func expectNothingLost(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(store.breaches == [], sourceLocation: sourceLocation)
        #expect(store.count(.leased) == 0, sourceLocation: sourceLocation)
    }
}
