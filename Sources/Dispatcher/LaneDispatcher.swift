package import Relay
import ServiceLifecycle

/// Runs the lanes: leases deliveries, builds and sends requests, decides and settles.
///
/// It shares the sender's thread as its executor, so that a finished transfer is settled and the next one started
/// without a hop between threads.
package actor LaneDispatcher: Service {
    /// What the dispatcher needs of the world.
    package struct Ports: Sendable {
        package let store: any Store
        package let sender: any Sender
        package let deadLetters: any DeadLetterSink
        package let now: @Sendable () -> Timestamp
        /// A factor from 0.8 to 1.2 for each wait.
        package let jitter: @Sendable () -> Double
        package let notify: @Sendable (DispatchNotice) -> Void
        /// The store's key for `Destination.identity`.
        package let laneKey: [UInt8]

        package init(
            store: any Store, sender: any Sender, deadLetters: any DeadLetterSink,
            now: @escaping @Sendable () -> Timestamp, jitter: @escaping @Sendable () -> Double,
            laneKey: [UInt8], notify: @escaping @Sendable (DispatchNotice) -> Void
        ) {
            self.store = store
            self.sender = sender
            self.deadLetters = deadLetters
            self.now = now
            self.jitter = jitter
            self.laneKey = laneKey
            self.notify = notify
        }
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// How often lanes look for what has become due.
    private static let tick = Duration.milliseconds(100)
    /// A clock that is set back by at least so much makes what was deferred due, in milliseconds; by less, it is waited
    /// for until the clock has come there again.
    private static let setBackMilliseconds: Int64 = 60_000

    private nonisolated let executor: any SerialExecutor
    let ports: Ports
    private(set) var destinations: [String: Destination]
    private(set) var lanes: [String: Holder]
    /// Of the destinations that need access tokens, from the first delivery on.
    var tokens: [String: TokenHolder] = [:]
    /// The lanes' records of names that no destination has now.
    var orphans: [String: LaneRecord]
    private var contexts = EventContexts(slots: 512)
    private(set) var isStopping = false
    /// Settles that the store refused: durable truth is behind what the destination knows.
    var unsettled: [(entry: Unsettled, notBefore: Timestamp)] = []
    /// Drops that wait for a lease that is under way, by destination.
    var waitingDrops: [String: [WaitingDrop]] = [:]
    /// What the clock showed when `advance` looked at it last.
    private var lastTick: Timestamp
    /// Dead letters that are being written, and who waits for the last of them.
    var lettersUnderWay = 0
    var onLastLetter: [CheckedContinuation<Void, Never>] = []

    /// - Parameter records: what the store has kept of lanes, by all names that destinations have ever had.
    package init(destinations: [String: Destination], records: [String: LaneRecord] = [:], ports: Ports) {
        self.executor = ports.sender.executor
        self.ports = ports
        self.destinations = destinations
        let now = ports.now()
        lastTick = now
        lanes = destinations.mapValues { Holder(Lane($0, ports, record: records[$0.name], now: now)) }
        orphans = records.filter { destinations[$0.key] == nil }
    }

    /// Serves until the task is cancelled; what is in flight by then is the sender's to finish or cancel.
    package func run() async throws {
        try? await withGracefulShutdownHandler {
            begin()
            while !isStopping {
                advance()
                let nap = nap
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: nap) }
            }
        } onGracefulShutdown: {
            Task { await self.stop() }
        }
        stop()
    }

    /// How long nothing has to be done: a tick, or less where a lane's rate lets it go on before.
    package var nap: Duration {
        let now = ports.now()
        let waits = lanes.values.compactMap { $0.lane.wakes(now: now)?.milliseconds(since: now) }
        return min(LaneDispatcher.tick, .milliseconds(max(1, waits.min() ?? .max)))
    }

    /// Takes new deliveries from the store, right after their commit.
    package func take(_ deliveries: [Delivery]) {
        var refused: [DeliveryKey] = []
        var touched: [String] = []
        let now = ports.now()
        for delivery in deliveries {
            let name = delivery.destination
            let isServed = !isStopping && destinations[name] != nil
            if !isServed || lanes[name]?.lane.offer(delivery, now: now) != true { refused.append(delivery.key) }
            if touched.last != name, !touched.contains(name) { touched.append(name) }
        }
        release(refused)
        for name in touched { pump(name) }
    }

    /// Works by other destinations from now on; what waits for one that vanished goes back to the store.
    package func use(_ destinations: [String: Destination]) {
        dropTokens(keeping: destinations)
        let now = ports.now()
        for (name, holder) in lanes where destinations[name] == nil {
            release(holder.lane.drain())
            if self.destinations[name] != nil { orphan(name, holder.lane.stops.record, now: now) }
            // Transfers in flight still settle; without a destination nothing new is taken.
            if holder.lane.inFlight == 0 { lanes[name] = nil }
        }
        for (name, destination) in destinations {
            let record = orphans.removeValue(forKey: name)
            if let record { lanes[name]?.lane.stops.adopt(record, now: now) }
            let holder = lanes[name] ?? Holder(Lane(destination, ports, record: record, now: now))
            // A hold or a rest of the same destination goes on: a reload for another's sake must not hammer it.
            holder.lane.stops.serve(destination.identity(keyedBy: ports.laneKey), now: now)
            holder.lane.concurrency = destination.concurrency
            holder.lane.rate = destination.rate
            if holder.lane.isOrdered != destination.isOrdered { release(holder.lane.drain()) }
            holder.lane.isOrdered = destination.isOrdered
            holder.lane.wake()
            lanes[name] = holder
        }
        self.destinations = destinations
        advance()
    }

    /// Makes a lane look into the store: a redriven or replayed delivery waits there. Where the order counts it may be
    /// older than those that wait in memory.
    package func wake(_ destination: String) {
        if destinations[destination] == nil, orphans[destination] == nil {
            // A dead letter that was edited may name a destination that never was one.
            orphan(destination, LaneRecord(), now: ports.now())
        }
        release(lanes[destination]?.behind() ?? [])
        lookAgain(destination)
    }

    /// Makes all lanes look into the store: it may have deliveries that were not handed over.
    package func wakeAll() {
        for holder in lanes.values { holder.lane.wake() }
        advance()
    }

    /// Takes nothing more and gives back what waits; transfers in flight still settle.
    package func stop() {
        guard !isStopping else { return }
        isStopping = true
        dropTokens(keeping: [:])
        for name in lanes.keys { release(lanes[name]?.lane.drain() ?? []) }
    }

    func release(_ keys: [DeliveryKey]) {
        if !keys.isEmpty { ports.store.release(keys) }
    }

    /// Does what has become due; `run` calls it at each tick.
    package func advance() {
        settleAgain()
        let now = ports.now()
        noteClock(now)
        for name in destinations.keys {
            heed(name, now: now)
            pump(name)
        }
    }

    /// Rests, probes and due times of before the clock was set back would come later by as much.
    private func noteClock(_ now: Timestamp) {
        let back = lastTick.milliseconds(since: now)
        lastTick = now
        guard back >= LaneDispatcher.setBackMilliseconds else { return }
        for holder in lanes.values { holder.lane.clockWasSet(back: back) }
    }
}

// MARK: - One delivery's way

extension LaneDispatcher {
    /// Starts what the lane allows, then leases more where it runs low.
    func pump(_ name: String) {
        guard !isStopping, mayOweMore, let destination = destinations[name],
            let holder = lanes[name]
        else { return }
        let now = ports.now()
        while let delivery = holder.lane.take(now: now) { start(delivery, to: destination, now: now) }
        guard let wish = holder.lane.wantsLease(now: now) else { return }
        let request = LeaseRequest(
            destination: name, limit: wish.limit, isInOrder: holder.lane.isOrdered, isForProbe: wish.isForProbe,
            now: now)
        ports.store.lease(request) { result in
            Task.immediate { await self.leased(result, by: request) }
        }
    }

    private func leased(_ result: Result<Lease, StoreError>, by request: LeaseRequest) {
        let name = request.destination
        switch result {
        case .success(let lease):
            guard !isStopping, destinations[name]?.isOrdered == request.isInOrder, lanes[name] != nil else {
                lanes[name]?.lane.leaseFailed(now: ports.now())
                release(lease.deliveries.map(\.key))
                return carryOutDrops(name)
            }
            lanes[name]?.lane.leased(lease, now: ports.now())
            carryOutDrops(name)
            if !lease.deliveries.isEmpty { pump(name) }
        case .failure(let error):
            ports.notify(.leaseFailed(destination: name, error))
            lanes[name]?.lane.leaseFailed(now: ports.now())
            carryOutDrops(name)
        }
    }

    private func start(_ delivery: Delivery, to destination: Destination, now: Timestamp) {
        // Its budget in time begins now: that it has waited for its turn is no failure of the destination.
        let isFirst = destination.rate != nil && delivery.attempts == 0
        let delivery = isFirst ? delivery.started(at: laneTime(destination.name, now)) : delivery
        guard let oauth2 = destination.oauth2 else { return send(delivery, to: destination, now: now) }
        startWithToken(delivery, to: destination, oauth2, isSecond: false, now: now)
    }

    /// What the clock shows by which the destination's deliveries grow old.
    private func laneTime(_ name: String, _ now: Timestamp) -> Timestamp {
        lanes[name]?.lane.stops.record.clock.time(at: now) ?? now
    }

    func send(_ delivery: Delivery, to destination: Destination, with shown: ShownToken? = nil, now: Timestamp) {
        var request: OutgoingRequest
        do throws(TemplateFailure) {
            request = try RequestBuilder.request(for: delivery, to: destination, now: now, &contexts)
        } catch {
            return failed(error, delivery: delivery, destination: destination, now: now)
        }
        if let shown { request = request.authorized(by: shown.token) }
        ports.sender.send(request) { result in
            self.assumeIsolated { $0.ended(result, delivery: delivery, destination: destination, shown: shown) }
        }
    }

    /// No request could be made. The destination had no part in it, so its lane hears no outcome.
    private func failed(_ failure: TemplateFailure, delivery: Delivery, destination: Destination, now: Timestamp) {
        let judgement = failure.judgement
        let attempt = AttemptRecord(
            number: delivery.attempts + 1, at: now, durationMilliseconds: 0, outcome: .dead, status: nil,
            error: judgement.text, response: [])
        ports.notify(.attempted(delivery, attempt, judgement, isHeld: false))
        lanes[delivery.destination]?.lane.unsent()
        let reason = StopReason(judgement)
        let request = RequestBuilder.unmade(for: delivery, to: destination)
        bury(delivery, request: request, attempt: attempt, reason: reason, now: now)
    }

    private func ended(_ result: AttemptResult, delivery: Delivery, destination: Destination, shown: ShownToken?) {
        defer { pump(delivery.destination) }
        if case .failure(let failure) = result.ending, failure.kind == .cancelled { return giveBack(delivery) }
        let now = ports.now()
        if let shown, sendAgain(delivery, after: result.ending, showing: shown, now: now) { return }
        let judgement = OutcomePolicy.judge(result.ending, for: destination, token: shown?.token, now: now)
        let isDelivered = judgement.outcome == .delivered
        let retryAfter = destination.overrides.retryAfter
        let wait =
            isDelivered ? nil : RetryPolicy.laneWaitMilliseconds(result.ending, retryAfter: retryAfter, now: now)
        let attempt = AttemptRecord(
            result, judgement: judgement, number: delivery.attempts + 1, destination: destination, token: shown?.token)
        conclude(attempt, judgement, waitMilliseconds: wait, delivery: delivery, destination: destination, now: now)
    }

    /// What follows from an attempt that is over, be it that the destination answered or that no token was to be had.
    func conclude(
        _ attempt: AttemptRecord, _ judgement: Judgement, waitMilliseconds wait: Int64?, delivery: Delivery,
        destination: Destination, now: Timestamp
    ) {
        let holder = lanes[delivery.destination]
        holder?.lane.heard(judgement, of: delivery.key, waitMilliseconds: wait, now: now)
        let isHeld = holder?.lane.stops.isHeld ?? false
        ports.notify(.attempted(delivery, attempt, judgement, isHeld: isHeld))
        heed(delivery.destination, now: now)
        let age = laneTime(delivery.destination, now).milliseconds(since: delivery.startedAt)
        let decision = RetryPolicy.decide(
            judgement, delivery: delivery, schedule: destination.retry, isHeld: isHeld, waitMilliseconds: wait,
            ageMilliseconds: age, now: now,
            jitter: judgement.outcome == .delivered ? 1 : ports.jitter())
        carryOut(decision, delivery: delivery, destination: destination, attempt: attempt, now: now)
    }

    /// Ends an attempt that never came to an outcome; nothing is charged.
    func giveBack(_ delivery: Delivery) {
        let holder = lanes[delivery.destination]
        holder?.lane.abandoned(now: ports.now())
        release([delivery.key] + (holder?.behind() ?? []))
    }

    private func carryOut(
        _ decision: RetryPolicy.Decision, delivery: Delivery, destination: Destination, attempt: AttemptRecord,
        now: Timestamp
    ) {
        switch decision {
        case .delivered: settle(delivery, .delivered, attempt)
        case .retry(let due, let charged): settle(delivery, .retry(at: due, charged: charged), attempt)
        case .dead(let reason):
            // It keeps its place in the lane, so that a slow disk does not pile up letters in memory.
            let request =
                (try? RequestBuilder.masked(for: delivery, to: destination, now: now))
                ?? RequestBuilder.unmade(for: delivery, to: destination)
            bury(delivery, request: request, attempt: attempt, reason: reason, now: now)
        }
    }
}

extension Lane {
    fileprivate init(
        _ destination: Destination, _ ports: LaneDispatcher.Ports, record: LaneRecord?, now: Timestamp
    ) {
        self.init(
            concurrency: destination.concurrency, rate: destination.rate, isOrdered: destination.isOrdered,
            identity: destination.identity(keyedBy: ports.laneKey), record: record ?? LaneRecord(), now: now)
    }
}

/// A lane by reference: a struct of its size would be moved out of its dictionary and back with each call.
final class Holder {
    var lane: Lane
    /// The state that was last told.
    var announced = LaneStops.State.open
    /// When a change that the store refused is told again.
    var notBefore: Timestamp?

    init(_ lane: Lane) { self.lane = lane }

    /// What may not go out before the delivery that has just failed: all that waits, where the order counts.
    func behind() -> [DeliveryKey] { lane.isOrdered ? lane.drain() : [] }
}
