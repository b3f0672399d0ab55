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
    /// So many settles that the store refused stop all sending: what cannot be noted would be sent again after a crash.
    private static let unsettledLimit = 1024

    private nonisolated let executor: any SerialExecutor
    private let ports: Ports
    private var destinations: [String: Destination]
    private var lanes: [String: Holder]
    private var isStopping = false
    /// Settles that the store refused: durable truth is behind what the destination knows.
    private var unsettled: [(entry: Unsettled, notBefore: Timestamp)] = []

    package init(destinations: [String: Destination], ports: Ports) {
        self.executor = ports.sender.executor
        self.ports = ports
        self.destinations = destinations
        lanes = destinations.mapValues { Holder(Lane(concurrency: $0.concurrency)) }
    }

    /// Serves until the task is cancelled; what is in flight by then is the sender's to finish or cancel.
    package func run() async throws {
        try? await withGracefulShutdownHandler {
            while !isStopping {
                advance()
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: LaneDispatcher.tick) }
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
            let isServed = !isStopping && destinations[name] != nil
            if !isServed || lanes[name]?.lane.offer(delivery) != true { refused.append(delivery.key) }
            if touched.last != name, !touched.contains(name) { touched.append(name) }
        }
        release(refused)
        for name in touched { pump(name) }
    }

    /// Works by other destinations from now on; what waits for one that vanished goes back to the store.
    package func use(_ destinations: [String: Destination]) {
        for (name, holder) in lanes where destinations[name] == nil {
            release(holder.lane.drain())
            // Transfers in flight still settle; without a destination nothing new is taken.
            if holder.lane.inFlight == 0 { lanes[name] = nil }
        }
        for (name, destination) in destinations {
            let holder = lanes[name] ?? Holder(Lane(concurrency: destination.concurrency))
            // A hold or a pause of the same destination goes on: a reload for another's sake must not hammer it.
            if self.destinations[name]?.isReached(like: destination) != true { holder.lane = holder.lane.renewed() }
            holder.lane.concurrency = destination.concurrency
            holder.lane.wake()
            lanes[name] = holder
        }
        self.destinations = destinations
        advance()
    }

    /// Makes a lane look into the store: a redriven delivery waits there.
    package func wake(_ destination: String) {
        lanes[destination]?.lane.wake()
        pump(destination)
    }

    /// Takes nothing more and gives back what waits; transfers in flight still settle.
    package func stop() {
        guard !isStopping else { return }
        isStopping = true
        for name in lanes.keys { release(lanes[name]?.lane.drain() ?? []) }
    }

    private func release(_ keys: [DeliveryKey]) {
        if !keys.isEmpty { ports.store.release(keys) }
    }

    /// Does what has become due; `run` calls it at each tick.
    package func advance() {
        settleAgain()
        for name in destinations.keys { pump(name) }
    }
}

// MARK: - One delivery's way

extension LaneDispatcher {
    /// Starts what the lane allows, then leases more where it runs low.
    private func pump(_ name: String) {
        guard !isStopping, unsettled.count < LaneDispatcher.unsettledLimit, let destination = destinations[name],
            let holder = lanes[name]
        else { return }
        let now = ports.now()
        while let delivery = holder.lane.take(now: now) { send(delivery, to: destination, now: now) }
        let limit = holder.lane.wantsLease(now: now)
        if limit > 0 { lease(limit, for: name, now: now) }
    }

    private func lease(_ limit: Int, for name: String, now: Timestamp) {
        ports.store.lease(destination: name, limit: limit, now: now) { result in
            Task.immediate { await self.leased(result, for: name) }
        }
    }

    private func leased(_ result: Result<Lease, StoreError>, for name: String) {
        switch result {
        case .success(let lease):
            guard !isStopping, destinations[name] != nil, lanes[name] != nil else {
                lanes[name]?.lane.leaseFailed(now: ports.now())
                return release(lease.deliveries.map(\.key))
            }
            lanes[name]?.lane.leased(lease, now: ports.now())
            if !lease.deliveries.isEmpty { pump(name) }
        case .failure(let error):
            ports.notify(.leaseFailed(destination: name, error))
            lanes[name]?.lane.leaseFailed(now: ports.now())
        }
    }

    private func send(_ delivery: Delivery, to destination: Destination, now: Timestamp) {
        let request: OutgoingRequest
        do throws(TemplateFailure) {
            request = try RequestBuilder.request(for: delivery, to: destination, now: now)
        } catch {
            return failed(error, delivery: delivery, destination: destination, now: now)
        }
        ports.sender.send(request) { result in
            self.assumeIsolated { $0.ended(result, delivery: delivery, destination: destination) }
        }
    }

    /// No request could be made. The destination had no part in it, so its lane hears nothing.
    private func failed(_ failure: TemplateFailure, delivery: Delivery, destination: Destination, now: Timestamp) {
        let judgement = failure.judgement
        let attempt = AttemptRecord(
            number: delivery.attempts + 1, at: now, durationMilliseconds: 0, outcome: .dead, status: nil,
            error: judgement.text, response: [])
        ports.notify(.attempted(delivery, attempt, judgement, isHeld: false))
        let reason = DeadLetter.Reason(code: judgement.code, text: judgement.text, advice: judgement.advice)
        bury(delivery, destination: destination, attempt: attempt, reason: reason, now: now)
    }

    private func ended(_ result: AttemptResult, delivery: Delivery, destination: Destination) {
        defer { pump(delivery.destination) }
        let holder = lanes[delivery.destination]
        if case .failure(let failure) = result.ending, failure.kind == .cancelled {
            holder?.lane.abandoned(now: ports.now())
            return ports.store.release([delivery.key])
        }
        let now = ports.now()
        let judgement = OutcomePolicy.judge(result.ending, for: destination, now: now)
        let isDelivered = judgement.outcome == .delivered
        let retryAfter = destination.overrides.retryAfter
        let wait =
            isDelivered ? nil : RetryPolicy.laneWaitMilliseconds(result.ending, retryAfter: retryAfter, now: now)
        holder?.lane.heard(judgement.outcome, waitMilliseconds: wait, now: now)
        let isHeld = holder?.lane.isHeld ?? false
        let attempt = AttemptRecord(
            result, judgement: judgement, number: delivery.attempts + 1, destination: destination)
        ports.notify(.attempted(delivery, attempt, judgement, isHeld: isHeld))
        let decision = RetryPolicy.decide(
            judgement, delivery: delivery, schedule: destination.retry, isHeld: isHeld, waitMilliseconds: wait,
            now: now,
            jitter: isDelivered ? 1 : ports.jitter())
        carryOut(decision, delivery: delivery, destination: destination, attempt: attempt, now: now)
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
            return bury(delivery, destination: destination, attempt: attempt, reason: reason, now: now)
        }
        lanes[delivery.destination]?.lane.freed()
    }
}

// MARK: - Settling

extension LaneDispatcher {
    private func settle(_ delivery: Delivery, _ verdict: Settlement.Verdict, _ attempt: AttemptRecord) {
        settle(Unsettled(Settlement(delivery: delivery.key, verdict: verdict, attempt: attempt), of: delivery))
    }

    private func settle(_ entry: Unsettled) {
        ports.store.settle(entry.settlement) { result in
            switch (result, entry.settlement.verdict) {
            case (.failure(let error), _): Task.immediate { await self.settleFailed(entry, error) }
            case (.success, .retry(let due, _)): Task.immediate { await self.deferred(entry.destination, until: due) }
            case (.success, _): break
            }
        }
    }

    /// Only now that the store knows the due time may the lane look for it there.
    private func deferred(_ name: String, until due: Timestamp) {
        let now = ports.now()
        lanes[name]?.lane.deferred(until: due, now: now)
        if due <= now { pump(name) }
    }

    /// The destination has answered and the store could not note it: the lease stays, and it is noted later.
    private func settleFailed(_ entry: Unsettled, _ error: StoreError) {
        ports.notify(.settleFailed(error))
        let later = ports.now().advanced(byMilliseconds: LaneDispatcher.settleRetryMilliseconds)
        unsettled.append((entry, later))
    }

    private func settleAgain() {
        guard !unsettled.isEmpty else { return }
        let now = ports.now()
        let all = unsettled
        unsettled.removeAll()
        for (entry, notBefore) in all {
            if notBefore.isAhead(of: now, byAtMost: LaneDispatcher.settleRetryMilliseconds) {
                unsettled.append((entry, notBefore))
            } else {
                settle(entry)
            }
        }
    }

    /// Writes the dead letter first; only then the row says dead.
    private func bury(
        _ delivery: Delivery, destination: Destination, attempt: AttemptRecord, reason: DeadLetter.Reason,
        now: Timestamp
    ) {
        let request =
            (try? RequestBuilder.masked(for: delivery, to: destination, now: now))
            ?? RequestBuilder.unmade(for: delivery, to: destination)
        ports.store.attempts(of: delivery.key) { [ports] earlier in
            // Without its history the letter is still worth writing: it holds the event.
            let attempts = ((try? earlier.get()) ?? []) + [attempt]
            let letter = DeadLetter(
                event: delivery.event, destination: delivery.destination, diedAt: now, reason: reason,
                attempts: attempts, request: request)
            ports.deadLetters.write(letter) { result in
                Task.immediate { await self.buried(result, delivery: delivery, attempt: attempt, reason: reason) }
            }
        }
    }

    private func buried(
        _ result: Result<Void, any Error>, delivery: Delivery, attempt: AttemptRecord, reason: DeadLetter.Reason
    ) {
        defer { pump(delivery.destination) }
        lanes[delivery.destination]?.lane.freed()
        switch result {
        case .success:
            ports.notify(.died(delivery, reason))
            settle(delivery, .dead, attempt)
        case .failure(let error):
            // The file could not be written, so the row may not die: it is tried again a minute later.
            ports.notify(.deadLetterFailed(delivery, "\(error)"))
            let due = ports.now().advanced(byMilliseconds: 60_000)
            settle(delivery, .retry(at: due, charged: false), attempt)
        }
    }
}

/// A lane by reference: a struct of its size would be moved out of its dictionary and back with each call.
private final class Holder {
    var lane: Lane

    init(_ lane: Lane) { self.lane = lane }
}

/// A settlement that the store has yet to confirm, and whose lane hears of it.
private struct Unsettled {
    let settlement: Settlement
    let destination: String

    init(_ settlement: Settlement, of delivery: Delivery) {
        self.settlement = settlement
        destination = delivery.destination
    }
}
