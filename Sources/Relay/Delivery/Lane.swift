import DequeModule

/// A destination's queue in memory: what is sent next, and when. A pure state machine; its owner does the I/O.
///
/// It holds a window of leased deliveries only; the backlog stays in the store. Time comes in as a parameter.
package struct Lane: Sendable {
    /// Deliveries held in memory at most, waiting ones only.
    package static let window = 1024
    /// Body bytes held in memory at most.
    package static let windowBytes = 4 * 1024 * 1024
    /// Below this many waiting deliveries more are leased.
    private static let lowWater = 128
    /// How long to wait after a failed lease, in milliseconds.
    private static let leaseRetryMilliseconds: Int64 = 1000

    private var waiting: Deque<Delivery> = []
    private var waitingBytes = 0
    package private(set) var inFlight = 0
    private let concurrency: Int

    private var isLeasing = false
    private var storeHasMore = true
    private var nextDue: Timestamp?
    private var noLeaseBefore: Timestamp?

    /// Set by Retry-After: nothing is sent before.
    private var pausedUntil: Timestamp?
    /// Held outcomes in a row; two of them stop the lane.
    package private(set) var heldInARow = 0
    private var heldUntil: Timestamp?

    package init(concurrency: Int) { self.concurrency = concurrency }

    /// Whether the destination refuses us, so that only a probe goes out now and then.
    package var isHeld: Bool { heldUntil != nil }

    /// Takes a fresh delivery; false where the window is full and the store has to keep it.
    package mutating func offer(_ delivery: Delivery) -> Bool {
        guard waiting.count < Lane.window, waitingBytes < Lane.windowBytes else {
            storeHasMore = true
            return false
        }
        waiting.append(delivery)
        waitingBytes += delivery.event.body.count
        return true
    }

    /// The next delivery to send, nil where the lane has to wait; the caller says `finished` for each.
    package mutating func take(now: Timestamp) -> Delivery? {
        guard inFlight < concurrency, let next = waiting.first else { return nil }
        if let pausedUntil, now < pausedUntil { return nil }
        if let heldUntil, now < heldUntil || inFlight > 0 { return nil }
        waiting.removeFirst()
        waitingBytes -= next.event.body.count
        inFlight += 1
        return next
    }

    /// Notes how an attempt ended.
    ///
    /// - Parameter retryAfterMilliseconds: the destination's wish, for the whole lane.
    package mutating func finished(_ outcome: Outcome, retryAfterMilliseconds: Int64?, now: Timestamp) {
        inFlight -= 1
        if let wait = retryAfterMilliseconds, outcome != .delivered {
            pausedUntil = max(pausedUntil ?? now, now.advanced(byMilliseconds: wait))
        }
        switch outcome {
        case .held: hold(now: now)
        case .retry: if heldUntil != nil { hold(now: now) }
        case .delivered, .dead:
            heldInARow = 0
            heldUntil = nil
        }
    }

    /// Notes that a transfer was given up without an outcome.
    package mutating func abandoned() { inFlight -= 1 }

    private mutating func hold(now: Timestamp) {
        heldInARow += 1
        guard heldInARow >= 2 else { return }
        let waits = RetryPolicy.heldWaitsMilliseconds
        heldUntil = now.advanced(byMilliseconds: waits[min(heldInARow - 2, waits.count - 1)])
    }

    /// Notes that a delivery is deferred in the store until then.
    package mutating func deferred(until due: Timestamp) { nextDue = min(nextDue ?? due, due) }

    /// How many deliveries to lease now; 0 for none. The caller says `leased` or `leaseFailed` afterwards.
    package mutating func wantsLease(now: Timestamp) -> Int {
        guard !isLeasing, waiting.count < Lane.lowWater, waitingBytes < Lane.windowBytes / 2 else { return 0 }
        if let noLeaseBefore, now < noLeaseBefore { return 0 }
        if let heldUntil, now < heldUntil { return 0 }
        let isDue = nextDue.map { $0 <= now } ?? false
        guard storeHasMore || isDue else { return 0 }
        isLeasing = true
        nextDue = nil
        storeHasMore = false
        return isHeld ? 1 : Lane.lowWater
    }

    /// Takes what the store leased; it has been asked for, so the window does not refuse it.
    package mutating func leased(_ lease: Lease) {
        isLeasing = false
        noLeaseBefore = nil
        storeHasMore = storeHasMore || lease.hasMore
        if let due = lease.nextDue { deferred(until: due) }
        for delivery in lease.deliveries {
            waiting.append(delivery)
            waitingBytes += delivery.event.body.count
        }
    }

    /// Tries again a little later.
    package mutating func leaseFailed(now: Timestamp) {
        isLeasing = false
        storeHasMore = true
        noLeaseBefore = now.advanced(byMilliseconds: Lane.leaseRetryMilliseconds)
    }

    /// Makes the lane look into the store again: something was put there behind its back.
    package mutating func wake() { storeHasMore = true }

    /// Empties the lane; what waited goes back to the store.
    package mutating func drain() -> [DeliveryKey] {
        defer {
            waiting.removeAll()
            waitingBytes = 0
        }
        return waiting.map(\.key)
    }

    /// The same lane with another destination behind it: a hold and a pause are lifted.
    package func renewed(concurrency: Int) -> Lane {
        var lane = Lane(concurrency: concurrency)
        lane.waiting = waiting
        lane.waitingBytes = waitingBytes
        lane.inFlight = inFlight
        lane.isLeasing = isLeasing
        return lane
    }
}
