/// What an operator can want of a lane.
package enum LaneOrder: String, Sendable, CaseIterable {
    /// Nothing is sent until `resume`; the time of what waits stands still.
    case pause
    /// Ends a pause, and all else that holds the lane back.
    case resume
    /// Lets the next probe of a destination that is held or down out now.
    case probe
}

/// How far a lane holds back, by what the destination's answers and the operator have said. A pure state machine.
package struct LaneStops: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case open
        /// No connection, or 5xx to everything: one delivery at a time is tried.
        case down
        /// The destination refuses us: a probe goes out now and then.
        case held
        /// An operator wants nothing sent.
        case paused
    }

    /// What the owner has to do after a call that changed something.
    package struct Change: Sendable, Equatable {
        /// To be written to the store; nil where what is there is right.
        package let record: LaneRecord?
        /// Whether the destination is there again: what was deferred meanwhile is due now.
        package let isOpened: Bool
    }

    /// A destination that is down.
    private struct Outage {
        let since: Timestamp
        var reason: StopReason
        var probeAt: Timestamp
        var failedProbes = 0
    }

    /// Failures without an answer, or 5xx, in a row that mean down.
    private static let outagesThatMeanDown = 5
    /// The waits between the tries of a destination that is down: from this, doubled each time, up to that; in
    /// milliseconds.
    private static let firstDownWaitMilliseconds: Int64 = 5000
    private static let longestDownWaitMilliseconds: Int64 = 300_000
    /// A shorter rest is over before a restart is; it is not worth a write.
    private static let shortestKeptRestMilliseconds: Int64 = 10_000

    package private(set) var record: LaneRecord
    private var outage: Outage?
    private var outagesInARow = 0
    /// The delivery that was refused last, where nothing has got through since.
    private var lastRefused: DeliveryKey?
    /// Less than the lane's own concurrency in a slow start: a destination that comes back must not meet the whole
    /// backlog.
    private var slowStart = Int.max

    private var hasChanged = false
    private var hasOpened = false

    init(_ record: LaneRecord, identity: [UInt8], now: Timestamp) {
        self.record = record
        self.record.orphanedAt = nil
        serve(identity, now: now)
        self.record.adjustClock(now: now)
        hasChanged = self.record != record
        if self.record.hold != nil { slowStart = 1 }
        if record.orphanedAt != nil { returned() }
    }

    /// What was deferred for the name's last destination is due for this one, unless that one refuses us.
    private mutating func returned() {
        slowStart = 1
        hasOpened = hasOpened || record.hold == nil
    }

    /// What to do since the last call; nil for nothing.
    package mutating func takeChange() -> Change? {
        guard hasChanged || hasOpened else { return nil }
        defer { (hasChanged, hasOpened) = (false, false) }
        return Change(record: hasChanged ? record : nil, isOpened: hasOpened)
    }

    /// Notes that the store did not take the record: it is told again.
    package mutating func notSaved() { hasChanged = true }

    /// Notes that what was deferred could not be made due: it is asked for again.
    package mutating func notHastened() { hasOpened = true }
}

// MARK: - What follows for the lane

extension LaneStops {
    package var state: State {
        if record.pausedAt != nil { return .paused }
        if record.hold != nil { return .held }
        return outage == nil ? .open : .down
    }

    package var isHeld: Bool { record.hold != nil }

    package var isDown: Bool { outage != nil }

    /// Why nothing but probes is sent; nil where that is not so.
    package var reason: StopReason? { record.hold?.reason ?? outage?.reason }

    /// Since when the lane is in its state; nil where it is open.
    package var since: Timestamp? { record.pausedAt ?? record.hold?.since ?? outage?.since }

    /// From when the next probe may go out; nil where none is awaited.
    package var probeAt: Timestamp? { record.hold?.probeAt ?? outage?.probeAt }

    /// Whether each request is to find out how the destination is.
    var isProbing: Bool { record.hold != nil || outage != nil }

    /// Requests in flight at most, where that is less than the lane's own concurrency.
    var concurrency: Int { isProbing ? 1 : slowStart }

    /// Whether deliveries go out, and not one at a time only.
    func isOpen(_ now: Timestamp) -> Bool { !isProbing && maySend(now: now) }

    func maySend(now: Timestamp) -> Bool { !isWaiting(now) && !isResting(now) }

    /// Whether nothing is worth being leased: paused, or no probe is due.
    func isWaiting(_ now: Timestamp) -> Bool { record.pausedAt != nil || isBeforeProbe(now) }

    /// Whether the destination wants nothing for now.
    package func isResting(_ now: Timestamp) -> Bool {
        record.restUntil?.isAhead(of: now, byAtMost: RetryAfter.capMilliseconds) ?? false
    }

    private func isBeforeProbe(_ now: Timestamp) -> Bool {
        probeAt?.isAhead(of: now, byAtMost: RetryPolicy.longestHeldWaitMilliseconds) ?? false
    }
}

// MARK: - What the destination says

extension LaneStops {
    /// - Parameter isAlone: whether no other delivery could say more about the destination than this one.
    mutating func heard(
        _ judgement: Judgement, of delivery: DeliveryKey, isAlone: Bool, waitMilliseconds: Int64?, now: Timestamp
    ) {
        if let waitMilliseconds, judgement.outcome != .delivered { rest(waitMilliseconds, now: now) }
        outagesInARow = judgement.isOutage ? outagesInARow + 1 : 0
        switch judgement.outcome {
        case .delivered, .dead: succeeded(now: now)
        case .held: refused(judgement, delivery, isAlone: isAlone, now: now)
        case .retry: failed(judgement, now: now)
        }
    }

    private mutating func rest(_ milliseconds: Int64, now: Timestamp) {
        let until = now.advanced(byMilliseconds: milliseconds)
        record.restUntil = isResting(now) ? max(record.restUntil ?? until, until) : until
        slowStart = 1
        if milliseconds >= LaneStops.shortestKeptRestMilliseconds { hasChanged = true }
    }

    private mutating func succeeded(now: Timestamp) {
        lastRefused = nil
        if isProbing { open(now: now) }
        // What was under way before the rest says nothing about the time after it.
        if slowStart < .max, !isResting(now) { slowStart += 1 }
    }

    /// One refusal may be about one event; two of them are about the destination.
    private mutating func refused(_ judgement: Judgement, _ delivery: DeliveryKey, isAlone: Bool, now: Timestamp) {
        outage = nil
        if record.hold != nil { return probeFailed(now: now) }
        guard let last = lastRefused, last != delivery || isAlone else { return lastRefused = delivery }
        record.hold = LaneRecord.Hold(
            since: now, reason: StopReason(judgement), probeAt: heldProbe(after: 0, now: now))
        record.adjustClock(now: now)
        slowStart = 1
        hasChanged = true
    }

    private mutating func failed(_ judgement: Judgement, now: Timestamp) {
        if isProbing { return probeFailed(now: now) }
        guard outagesInARow >= LaneStops.outagesThatMeanDown else { return }
        outage = Outage(since: now, reason: StopReason(judgement), probeAt: downProbe(after: 0, now: now))
        slowStart = 1
    }

    /// Only a probe makes the steps longer: what had been sent before says nothing new.
    private mutating func probeFailed(now: Timestamp) {
        guard !isBeforeProbe(now) else { return }
        if var hold = record.hold {
            hold.failedProbes += 1
            hold.probeAt = heldProbe(after: hold.failedProbes, now: now)
            record.hold = hold
            hasChanged = true
        } else if var outage {
            outage.failedProbes += 1
            outage.probeAt = downProbe(after: outage.failedProbes, now: now)
            self.outage = outage
        }
    }

    private func heldProbe(after count: Int, now: Timestamp) -> Timestamp {
        let waits = RetryPolicy.heldWaitsMilliseconds
        return now.advanced(byMilliseconds: waits[min(count, waits.count - 1)])
    }

    private func downProbe(after count: Int, now: Timestamp) -> Timestamp {
        let wait = LaneStops.firstDownWaitMilliseconds << Int64(min(count, 10))
        return now.advanced(byMilliseconds: min(wait, LaneStops.longestDownWaitMilliseconds))
    }

    /// Nothing holds the destination back any more, but an operator who wants it paused.
    private mutating func open(now: Timestamp) {
        if record.hold != nil { hasChanged = true }
        record.hold = nil
        outage = nil
        outagesInARow = 0
        record.adjustClock(now: now)
        hasOpened = true
    }
}

// MARK: - What the operator says

extension LaneStops {
    package mutating func carryOut(_ order: LaneOrder, now: Timestamp) {
        switch order {
        case .pause:
            record.pausedAt = record.pausedAt ?? now
            record.adjustClock(now: now)
            hasChanged = true
        case .resume:
            // An open lane has nothing to end: what waits by its schedule keeps to it.
            guard record.pausedAt != nil || isProbing || isResting(now) else { return }
            if record.pausedAt != nil { slowStart = 1 }
            record.pausedAt = nil
            forget(now: now)
            hasChanged = true
        case .probe:
            guard isProbing, record.pausedAt == nil else { return }
            record.restUntil = nil
            record.hold?.probeAt = now
            outage?.probeAt = now
            if record.hold != nil { hasChanged = true }
        }
    }

    /// Notes which destination is behind the lane from now on: another one has said nothing yet, and what was deferred
    /// for the last one is due for it.
    package mutating func serve(_ identity: [UInt8], now: Timestamp) {
        guard record.identity != identity else { return }
        let isFirst = record.identity.isEmpty
        record.identity = identity
        hasChanged = true
        if !isFirst { forget(now: now) }
    }

    /// Goes on with a record, where a name comes back whose last requests are still on their way.
    package mutating func adopt(_ record: LaneRecord, now: Timestamp) {
        self.record = record
        self.record.orphanedAt = nil
        self.record.adjustClock(now: now)
        hasChanged = true
        returned()
    }

    /// Moves rests and probes with a clock that was set back by so many milliseconds. What was deferred is due, as
    /// where a lane opens: nobody knows any more how long each delivery was to wait.
    mutating func clockWasSet(back milliseconds: Int64) {
        let before = record
        record.restUntil = record.restUntil?.advanced(byMilliseconds: -milliseconds)
        if let hold = record.hold { record.hold?.probeAt = hold.probeAt.advanced(byMilliseconds: -milliseconds) }
        if let outage { self.outage?.probeAt = outage.probeAt.advanced(byMilliseconds: -milliseconds) }
        hasChanged = hasChanged || record != before
        hasOpened = hasOpened || state == .open
    }

    /// Forgets what the destination said.
    private mutating func forget(now: Timestamp) {
        let wasStopped = isProbing || isResting(now)
        lastRefused = nil
        record.restUntil = nil
        open(now: now)
        if wasStopped { slowStart = 1 }
    }
}
