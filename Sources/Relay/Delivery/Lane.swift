import DequeModule

/// A destination's queue in memory: what is sent next, and when. A pure state machine; its owner does the I/O.
///
/// It holds a window of leased deliveries only; the backlog stays in the store. Time comes in as a parameter.
package struct Lane: Sendable {
    /// Waiting deliveries held in memory at most.
    package static let window = 4096
    /// Body bytes up to which fresh deliveries are taken, and as many again up to which more are leased.
    package static let windowBytes = 4 * 1024 * 1024
    /// Below this many leased ones waiting, more are leased; also the size of a lease.
    package static let lowWater = 128
    /// How long to wait after a failed lease, in milliseconds.
    private static let leaseRetryMilliseconds: Int64 = 1000
    /// After so long, in milliseconds, the store is asked again though nothing is known to be due: the clock may have
    /// been set.
    private static let longestSleepMilliseconds: Int64 = 3_600_000

    /// Straight from the receiver, and leased from the store: they take turns, so that neither starves the other.
    private var fresh = Queue()
    private var leased = Queue()
    private var isFreshNext = false

    package private(set) var inFlight = 0
    /// Requests in flight at most.
    package var concurrency: Int
    /// Less than `concurrency` in a slow start: a destination that comes back must not meet the whole backlog.
    private var slowStart = Int.max
    private var bucket: TokenBucket?
    /// Whether the store gives out the next one: in order of arrival, and only when nothing is in flight.
    package var isOrdered: Bool

    private var isLeasing = false
    private var storeHasMore = true
    private var nextDue: Timestamp?
    private var noLeaseBefore: Timestamp?

    /// Set by 429 and Retry-After: nothing is sent before.
    private var pausedUntil: Timestamp?
    /// Held outcomes without a success between them; two of them stop the lane.
    private var heldInARow = 0
    private var hold: Hold?

    package init(concurrency: Int, rate: Rate? = nil, isOrdered: Bool = false) {
        self.concurrency = concurrency
        self.isOrdered = isOrdered
        self.rate = rate
    }

    /// Requests in a period at most; nil for no limit.
    package var rate: Rate? {
        get { bucket?.rate }
        set {
            guard let newValue else { return bucket = nil }
            if bucket == nil { bucket = TokenBucket(newValue) }
            bucket?.rate = newValue
        }
    }

    /// When a lane that waits for nothing but its rate has to be looked at again; nil for any other.
    package func wakes(now: Timestamp) -> Timestamp? {
        guard let bucket, fresh.count + leased.count > 0, hasRoom, !isPaused(now), !isHeldBack(now)
        else { return nil }
        return bucket.refill(now: now)
    }

    /// Whether the destination refuses us, so that only a probe goes out now and then.
    package var isHeld: Bool { hold != nil }

    /// Takes a fresh delivery; false where the window is full, or older ones may wait, and the store has to keep it.
    package mutating func offer(_ delivery: Delivery) -> Bool {
        guard !isOrdered, fresh.count < Lane.window - 2 * Lane.lowWater, fresh.bytes < Lane.windowBytes else {
            storeHasMore = true
            return false
        }
        fresh.append(delivery)
        return true
    }

    /// The next delivery to send, nil where the lane has to wait; the caller says `freed` or `abandoned` for each.
    package mutating func take(now: Timestamp) -> Delivery? {
        guard hasRoom, !isPaused(now), !isHeldBack(now) else { return nil }
        if isHeld, inFlight > 0 { return nil }
        if bucket != nil, !takeToken(now) { return nil }
        let takesFresh = leased.count == 0 || (isFreshNext && fresh.count > 0)
        guard let next = takesFresh ? fresh.popFirst() : leased.popFirst() else { return nil }
        isFreshNext = !takesFresh
        inFlight += 1
        return next
    }

    /// False where none is left, or nothing waits for one.
    private mutating func takeToken(_ now: Timestamp) -> Bool {
        fresh.count + leased.count > 0 && bucket?.take(now: now) == true
    }

    private var hasRoom: Bool { inFlight < concurrency && inFlight < slowStart }

    /// Empties the lane; what waited goes back to the store.
    package mutating func drain() -> [DeliveryKey] { fresh.removeAll() + leased.removeAll() }

    /// The same lane with another destination behind it: a hold and a pause are lifted.
    package func renewed() -> Lane {
        var lane = self
        lane.pausedUntil = nil
        lane.heldInARow = 0
        lane.hold = nil
        return lane
    }
}

// MARK: - What came of an attempt

extension Lane {
    /// From when a held lane may probe, and how many probes have failed.
    private struct Hold {
        var until: Timestamp
        var failedProbes = 0
    }

    /// Notes what an attempt meant; its place stays taken until `freed`.
    ///
    /// - Parameter waitMilliseconds: how long the destination wants nothing at all.
    package mutating func heard(_ outcome: Outcome, waitMilliseconds: Int64?, now: Timestamp) {
        bucket?.ended(now: now)
        if let waitMilliseconds, outcome != .delivered {
            let until = now.advanced(byMilliseconds: waitMilliseconds)
            pausedUntil = isPaused(now) ? max(pausedUntil ?? until, until) : until
            slowStart = 1
        }
        switch outcome {
        case .delivered, .dead:
            heldInARow = 0
            hold = nil
            // What was under way before the pause says nothing about the time after it.
            if slowStart < concurrency, !isPaused(now) { slowStart += 1 }
        case .held where hold == nil:
            heldInARow += 1
            guard heldInARow >= 2 else { return }
            hold = Hold(until: probeTime(afterFailedProbes: 0, now: now))
            slowStart = 1
        case .held, .retry: probeFailed(now: now)
        }
    }

    /// Notes that no request could be made: the destination heard nothing. Its place stays taken until `freed`.
    package mutating func unsent() { bucket?.unused() }

    /// Whether a request may follow at once in the place of one that has ended: nothing rests, and no rate counts.
    package func maySendAgain(now: Timestamp) -> Bool { bucket == nil && !isPaused(now) }

    /// Notes that an attempt is over and its place free.
    package mutating func freed() { inFlight -= 1 }

    /// Notes that a transfer was given up without an outcome; its delivery is looked for in the store a little later.
    package mutating func abandoned(now: Timestamp) {
        bucket?.ended(now: now)
        freed()
        lookLater(now: now)
    }

    /// Only a probe makes the steps longer: what had been sent before the hold says nothing new.
    private mutating func probeFailed(now: Timestamp) {
        guard var hold, !isHeldBack(now) else { return }
        hold.failedProbes += 1
        hold.until = probeTime(afterFailedProbes: hold.failedProbes, now: now)
        self.hold = hold
    }

    private func probeTime(afterFailedProbes count: Int, now: Timestamp) -> Timestamp {
        let waits = RetryPolicy.heldWaitsMilliseconds
        return now.advanced(byMilliseconds: waits[min(count, waits.count - 1)])
    }

    private func isPaused(_ now: Timestamp) -> Bool {
        pausedUntil?.isAhead(of: now, byAtMost: RetryAfter.capMilliseconds) ?? false
    }

    private func isHeldBack(_ now: Timestamp) -> Bool {
        hold?.until.isAhead(of: now, byAtMost: RetryPolicy.longestHeldWaitMilliseconds) ?? false
    }
}

// MARK: - Leasing

extension Lane {
    /// Notes that a delivery is deferred in the store until then; call it only when that is durable, since the lane
    /// looks there once and no more.
    package mutating func deferred(until due: Timestamp, now: Timestamp) {
        let look = min(due, now.advanced(byMilliseconds: Lane.longestSleepMilliseconds))
        nextDue = min(nextDue ?? look, look)
    }

    /// How many deliveries to lease now; 0 for none. The caller says `leased` or `leaseFailed` afterwards.
    ///
    /// The store bounds the bytes of a lease.
    package mutating func wantsLease(now: Timestamp) -> Int {
        guard !isLeasing, leased.count < Lane.lowWater, leased.bytes < Lane.windowBytes, !isHeldBack(now) else {
            return 0
        }
        if isHeld, fresh.count + leased.count > 0 { return 0 }
        if isOrdered, inFlight + leased.count > 0 { return 0 }
        if let noLeaseBefore, noLeaseBefore.isAhead(of: now, byAtMost: Lane.leaseRetryMilliseconds) { return 0 }
        guard storeHasMore || isDue(now) else { return 0 }
        isLeasing = true
        nextDue = nil
        storeHasMore = false
        return isHeld ? 1 : Lane.lowWater
    }

    /// Takes what the store leased; it has been asked for, so the window does not refuse it.
    package mutating func leased(_ lease: Lease, now: Timestamp) {
        isLeasing = false
        noLeaseBefore = nil
        storeHasMore = storeHasMore || lease.hasMore
        if let due = lease.nextDue { deferred(until: due, now: now) }
        for delivery in lease.deliveries { leased.append(delivery) }
    }

    /// Tries again a little later.
    package mutating func leaseFailed(now: Timestamp) {
        isLeasing = false
        lookLater(now: now)
    }

    /// Makes the lane look into the store again: something was put there behind its back.
    package mutating func wake() { storeHasMore = true }

    private mutating func lookLater(now: Timestamp) {
        storeHasMore = true
        noLeaseBefore = now.advanced(byMilliseconds: Lane.leaseRetryMilliseconds)
    }

    private func isDue(_ now: Timestamp) -> Bool {
        guard let nextDue else { return false }
        return !nextDue.isAhead(of: now, byAtMost: Lane.longestSleepMilliseconds)
    }
}

/// Waiting deliveries and the sum of their bodies.
private struct Queue {
    private var deliveries: Deque<Delivery> = []
    private(set) var bytes = 0

    var count: Int { deliveries.count }

    mutating func append(_ delivery: Delivery) {
        deliveries.append(delivery)
        bytes += delivery.event.body.count
    }

    mutating func popFirst() -> Delivery? {
        guard let first = deliveries.popFirst() else { return nil }
        bytes -= first.event.body.count
        return first
    }

    mutating func removeAll() -> [DeliveryKey] {
        defer { self = Queue() }
        return deliveries.map(\.key)
    }
}
