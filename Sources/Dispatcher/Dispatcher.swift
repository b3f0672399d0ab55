package import Relay
import ServiceLifecycle

/// Runs the lanes: leases deliveries, builds and sends requests, decides and settles.
///
/// It shares the sender's thread as its executor, so that a finished transfer is settled and the next one started
/// without a hop between threads.
package actor Dispatcher: Service {
    /// What the dispatcher needs of the world.
    package struct Ports: Sendable {
        package let store: any Store
        package let sender: any Sender
        package let deadLetters: any DeadLetterSink
        package let now: @Sendable () -> Timestamp
        /// A factor from 0.8 to 1.2 for each wait.
        package let jitter: @Sendable () -> Double
        package let notify: @Sendable (DispatchNotice) -> Void

        package init(
            store: any Store, sender: any Sender, deadLetters: any DeadLetterSink,
            now: @escaping @Sendable () -> Timestamp, jitter: @escaping @Sendable () -> Double,
            notify: @escaping @Sendable (DispatchNotice) -> Void
        ) {
            self.store = store
            self.sender = sender
            self.deadLetters = deadLetters
            self.now = now
            self.jitter = jitter
            self.notify = notify
        }
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// How often lanes look for what has become due.
    private static let tick = Duration.milliseconds(100)
    /// How long a settle that the store refused waits before the next try, in milliseconds.
    private static let settleRetryMilliseconds: Int64 = 1000

    private nonisolated let executor: any SerialExecutor
    private let ports: Ports
    private var destinations: [String: Destination]
    private var lanes: [String: Lane]
    private var isStopping = false
    /// Settles that the store refused: durable truth is behind what the destination knows.
    private var unsettled: [(settlement: Settlement, notBefore: Timestamp)] = []

    package init(destinations: [String: Destination], ports: Ports) {
        self.executor = ports.sender.executor
        self.ports = ports
        self.destinations = destinations
        lanes = destinations.mapValues { Lane(concurrency: $0.concurrency) }
    }

    /// Serves until the task is cancelled; what is in flight by then is the sender's to finish or cancel.
    package func run() async throws {
        try? await withGracefulShutdownHandler {
            while !isStopping {
                advance()
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: Dispatcher.tick) }
            }
        } onGracefulShutdown: {
            Task { await self.stop() }
        }
        stop()
    }

    /// Takes new deliveries from the store, right after their commit.
    package func take(_ deliveries: [Delivery]) {
        var refused: [DeliveryKey] = []
        var touched: [String] = []
        for delivery in deliveries {
            let name = delivery.destination
            if isStopping || lanes[name]?.offer(delivery) != true { refused.append(delivery.key) }
            if touched.last != name, !touched.contains(name) { touched.append(name) }
        }
        if !refused.isEmpty { ports.store.release(refused) }
        for name in touched { pump(name) }
    }

    /// Works by other destinations from now on; what waits for one that vanished goes back to the store.
    package func use(_ destinations: [String: Destination]) {
        for (name, lane) in lanes where destinations[name] == nil {
            var lane = lane
            ports.store.release(lane.drain())
            // Transfers in flight still settle; without a destination nothing new is taken.
            lanes[name] = lane.inFlight > 0 ? lane : nil
        }
        for (name, destination) in destinations {
            var lane = lanes[name]?.renewed(concurrency: destination.concurrency)
            lane?.wake()
            lanes[name] = lane ?? Lane(concurrency: destination.concurrency)
        }
        self.destinations = destinations
        advance()
    }

    /// Makes a lane look into the store: a redriven delivery waits there.
    package func wake(_ destination: String) {
        lanes[destination]?.wake()
        pump(destination)
    }

    private func stop() {
        guard !isStopping else { return }
        isStopping = true
        for name in lanes.keys {
            let keys = lanes[name]?.drain() ?? []
            if !keys.isEmpty { ports.store.release(keys) }
        }
    }

    private func advance() {
        settleAgain()
        for name in destinations.keys { pump(name) }
    }
}

// MARK: - One delivery's way

extension Dispatcher {
    /// Starts what the lane allows, then leases more where it runs low.
    private func pump(_ name: String) {
        guard !isStopping, let destination = destinations[name] else { return }
        let now = ports.now()
        while let delivery = lanes[name]?.take(now: now) { send(delivery, to: destination, now: now) }
        let limit = lanes[name]?.wantsLease(now: now) ?? 0
        if limit > 0 { lease(limit, for: name, now: now) }
    }

    private func lease(_ limit: Int, for name: String, now: Timestamp) {
        ports.store.lease(destination: name, limit: limit, now: now) { result in
            Task { await self.leased(result, for: name) }
        }
    }

    private func leased(_ result: Result<Lease, StoreError>, for name: String) {
        switch result {
        case .success(let lease):
            guard !isStopping, destinations[name] != nil, lanes[name] != nil else {
                return ports.store.release(lease.deliveries.map(\.key))
            }
            lanes[name]?.leased(lease)
        case .failure(let error):
            ports.notify(.leaseFailed(destination: name, error))
            lanes[name]?.leaseFailed(now: ports.now())
        }
        if case .success(let lease) = result, !lease.deliveries.isEmpty { pump(name) }
    }

    private func send(_ delivery: Delivery, to destination: Destination, now: Timestamp) {
        let request = RequestBuilder.request(for: delivery, to: destination, now: now)
        ports.sender.send(request) { result in
            self.assumeIsolated { $0.ended(result, delivery: delivery, destination: destination) }
        }
    }

    private func ended(_ result: AttemptResult, delivery: Delivery, destination: Destination) {
        defer { pump(delivery.destination) }
        if case .failure(let failure) = result.ending, failure.kind == .cancelled {
            lanes[delivery.destination]?.abandoned()
            return ports.store.release([delivery.key])
        }
        let now = ports.now()
        let judgement = OutcomePolicy.judge(result.ending, overrides: destination.overrides)
        let retryAfter = judgement.outcome == .delivered ? nil : retryAfterMilliseconds(result, now: now)
        let heldStep = lanes[delivery.destination]?.heldInARow ?? 0
        lanes[delivery.destination]?.finished(judgement.outcome, retryAfterMilliseconds: retryAfter, now: now)
        let attempt = AttemptRecord(result, judgement: judgement, number: delivery.attempts + 1)
        ports.notify(.attempted(delivery, attempt, judgement, isHeld: lanes[delivery.destination]?.isHeld ?? false))
        let decision = RetryPolicy.decide(
            judgement, delivery: delivery, schedule: destination.retry, heldStep: heldStep,
            retryAfterMilliseconds: retryAfter, now: now, jitter: ports.jitter())
        carryOut(decision, delivery: delivery, destination: destination, attempt: attempt, now: now)
    }

    private func retryAfterMilliseconds(_ result: AttemptResult, now: Timestamp) -> Int64? {
        guard case .response(let response) = result.ending, let value = response.header("retry-after") else {
            return nil
        }
        return RetryAfter.milliseconds(value, now: now)
    }

    private func carryOut(
        _ decision: RetryPolicy.Decision, delivery: Delivery, destination: Destination, attempt: AttemptRecord,
        now: Timestamp
    ) {
        switch decision {
        case .delivered: settle(Settlement(delivery: delivery.key, verdict: .delivered, attempt: attempt))
        case .retry(let due, let charged):
            settle(
                Settlement(delivery: delivery.key, verdict: .retry(at: due, charged: charged), attempt: attempt),
                deferring: (delivery.destination, due))
        case .dead(let reason): bury(delivery, destination: destination, attempt: attempt, reason: reason, now: now)
        }
    }
}

// MARK: - Settling

extension Dispatcher {
    private func settle(_ settlement: Settlement, deferring: (lane: String, due: Timestamp)? = nil) {
        if let deferring { lanes[deferring.lane]?.deferred(until: deferring.due) }
        ports.store.settle(settlement) { result in
            guard case .failure(let error) = result else { return }
            Task { await self.settleFailed(settlement, error) }
        }
    }

    /// The destination has answered and the store could not note it: the lease stays, and it is noted later.
    private func settleFailed(_ settlement: Settlement, _ error: StoreError) {
        ports.notify(.settleFailed(error))
        let later = ports.now().advanced(byMilliseconds: Dispatcher.settleRetryMilliseconds)
        unsettled.append((settlement, later))
    }

    private func settleAgain() {
        guard !unsettled.isEmpty else { return }
        let now = ports.now()
        let due = unsettled.filter { $0.notBefore <= now }
        unsettled.removeAll { $0.notBefore <= now }
        for entry in due { settle(entry.settlement) }
    }

    /// Writes the dead letter first; only then the row says dead.
    private func bury(
        _ delivery: Delivery, destination: Destination, attempt: AttemptRecord, reason: DeadLetter.Reason,
        now: Timestamp
    ) {
        let request = RequestBuilder.masked(for: delivery, to: destination, now: now)
        ports.store.attempts(of: delivery.key) { [ports] earlier in
            // Without its history the letter is still worth writing: it holds the event.
            let attempts = ((try? earlier.get()) ?? []) + [attempt]
            let letter = DeadLetter(
                event: delivery.event, destination: delivery.destination, diedAt: now, reason: reason,
                attempts: attempts, request: request)
            ports.deadLetters.write(letter) { result in
                Task { await self.buried(result, delivery: delivery, attempt: attempt, reason: reason) }
            }
        }
    }

    private func buried(
        _ result: Result<Void, any Error>, delivery: Delivery, attempt: AttemptRecord, reason: DeadLetter.Reason
    ) {
        switch result {
        case .success:
            ports.notify(.died(delivery, reason))
            settle(Settlement(delivery: delivery.key, verdict: .dead, attempt: attempt))
        case .failure(let error):
            // The file could not be written, so the row may not die: it is tried again a minute later.
            ports.notify(.deadLetterFailed(delivery, "\(error)"))
            let due = ports.now().advanced(byMilliseconds: 60_000)
            settle(
                Settlement(delivery: delivery.key, verdict: .retry(at: due, charged: false), attempt: attempt),
                deferring: (delivery.destination, due))
        }
    }
}
