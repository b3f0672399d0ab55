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
    private var fresh = DeliveryQueue()
    private var leased = DeliveryQueue()
    private var isFreshNext = false

    package private(set) var inFlight = 0
    /// Requests in flight at most.
    package var concurrency: Int
    private var bucket: TokenBucket?
    /// Whether the store gives out the next one: in order of arrival, and only when nothing is in flight.
    package var isOrdered: Bool

    package private(set) var isLeasing = false
    private var storeHasMore = true
    private var nextDue: Timestamp?
    private var noLeaseBefore: Timestamp?

    /// What the destination's answers and the operator have said of it.
    package var stops: LaneStops

    /// - Parameter record: what an earlier lane of this destination's name left behind.
    package init(
        concurrency: Int, rate: Rate? = nil, isOrdered: Bool = false, identity: [UInt8] = [],
        record: LaneRecord = LaneRecord(), now: Timestamp
    ) {
        self.concurrency = concurrency
        self.isOrdered = isOrdered
        stops = LaneStops(record, identity: identity, now: now)
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
        guard let bucket, hasWaiting, hasRoom, stops.maySend(now: now) else { return nil }
        return bucket.refill(now: now)
    }

    /// Takes a fresh delivery; false where the store has to keep it: the window is full, older ones may wait, or it
    /// could not be sent anyway, and would be in the way of what comes when it can.
    package mutating func offer(_ delivery: Delivery, now: Timestamp) -> Bool {
        guard !isOrdered, stops.isOpen(now), fresh.count < Lane.window - 2 * Lane.lowWater,
            fresh.bytes < Lane.windowBytes
        else {
            storeHasMore = true
            return false
        }
        fresh.append(delivery)
        return true
    }

    /// The next delivery to send, nil where the lane has to wait; the caller says `freed` or `abandoned` for each.
    package mutating func take(now: Timestamp) -> Delivery? {
        guard hasRoom, stops.maySend(now: now) else { return nil }
        if bucket != nil, !takeToken(now) { return nil }
        let takesFresh = leased.count == 0 || (isFreshNext && fresh.count > 0)
        guard let next = takesFresh ? fresh.popFirst() : leased.popFirst() else { return nil }
        isFreshNext = !takesFresh
        inFlight += 1
        return next
    }

    /// False where none is left, or nothing waits for one.
    private mutating func takeToken(_ now: Timestamp) -> Bool { hasWaiting && bucket?.take(now: now) == true }

    private var hasWaiting: Bool { fresh.count + leased.count > 0 }

    private var hasRoom: Bool { inFlight < min(concurrency, stops.concurrency) }

    /// Empties the lane; what waited goes back to the store.
    package mutating func drain() -> [DeliveryKey] { fresh.removeAll() + leased.removeAll() }
}

// MARK: - What came of an attempt

extension Lane {
    /// Notes what an attempt meant; its place stays taken until `freed`.
    ///
    /// - Parameter waitMilliseconds: how long the destination wants nothing at all.
    package mutating func heard(
        _ judgement: Judgement, of delivery: DeliveryKey, waitMilliseconds: Int64?, now: Timestamp
    ) {
        bucket?.ended(now: now)
        let isAlone = isOrdered || (inFlight <= 1 && !hasWaiting && !storeHasMore)
        stops.heard(judgement, of: delivery, isAlone: isAlone, waitMilliseconds: waitMilliseconds, now: now)
    }

    /// Notes that no request could be made: the destination heard nothing. Its place stays taken until `freed`.
    package mutating func unsent() { bucket?.unused() }

    /// Whether a request may follow at once in the place of one that has ended: nothing rests, and no rate counts.
    package func maySendAgain(now: Timestamp) -> Bool { bucket == nil && !stops.isResting(now) }

    /// Notes that an attempt is over and its place free.
    package mutating func freed() { inFlight -= 1 }

    /// Notes that a transfer was given up without an outcome; its delivery is looked for in the store a little later.
    package mutating func abandoned(now: Timestamp) {
        bucket?.ended(now: now)
        freed()
        lookLater(now: now)
    }
}

// MARK: - Leasing

/// Which deliveries a lane wants from the store.
package struct LeaseWish: Sendable, Equatable {
    package let limit: Int
    /// Whether one that is not due yet will do: as a probe of a destination that is down.
    package let isForProbe: Bool
}

extension Lane {
    /// Notes that a delivery is deferred in the store until then; call it only when that is durable, since the lane
    /// looks there once and no more.
    package mutating func deferred(until due: Timestamp, now: Timestamp) {
        let look = min(due, now.advanced(byMilliseconds: Lane.longestSleepMilliseconds))
        nextDue = min(nextDue ?? look, look)
    }

    /// What to lease now; nil for nothing. The caller says `leased` or `leaseFailed` afterwards.
    ///
    /// The store bounds the bytes of a lease.
    package mutating func wantsLease(now: Timestamp) -> LeaseWish? {
        guard !isLeasing, leased.count < Lane.lowWater, leased.bytes < Lane.windowBytes, !stops.isWaiting(now) else {
            return nil
        }
        if stops.isProbing, inFlight > 0 || hasWaiting { return nil }
        if isOrdered, inFlight + leased.count > 0 { return nil }
        if let noLeaseBefore, noLeaseBefore.isAhead(of: now, byAtMost: Lane.leaseRetryMilliseconds) { return nil }
        let takesAny = stops.isDown && nextDue != nil
        guard storeHasMore || takesAny || isDue(now) else { return nil }
        isLeasing = true
        nextDue = nil
        storeHasMore = false
        return LeaseWish(limit: stops.isProbing ? 1 : Lane.lowWater, isForProbe: stops.isDown)
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

    /// Notes that the clock was set back by so many milliseconds: what is waited for comes that much earlier.
    package mutating func clockWasSet(back milliseconds: Int64) {
        stops.clockWasSet(back: milliseconds)
        nextDue = nil
        wake()
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
