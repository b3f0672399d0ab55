/// What of a lane's state is on disk: why nothing is sent to its destination, since when, and the time that this took.
package struct LaneRecord: Sendable, Equatable {
    /// The destination refuses us: only a probe goes out now and then.
    package struct Hold: Sendable, Equatable {
        package let since: Timestamp
        package let reason: StopReason
        /// From when the next probe may go out.
        package var probeAt: Timestamp
        package var failedProbes: Int

        package init(since: Timestamp, reason: StopReason, probeAt: Timestamp, failedProbes: Int = 0) {
            self.since = since
            self.reason = reason
            self.probeAt = probeAt
            self.failedProbes = failedProbes
        }
    }

    /// The destination behind the lane, which the hold and the rest are about, as `Destination.identity` names it:
    /// another one under its name has said nothing yet. Empty where there has been none.
    package var identity: [UInt8] = []
    package var hold: Hold?
    /// The destination wants nothing before then: 429 and Retry-After.
    package var restUntil: Timestamp?
    /// Since when an operator wants nothing sent; nil where they do.
    package var pausedAt: Timestamp?
    /// Since when no destination of this name is in the routes file; nil where there is one.
    package var orphanedAt: Timestamp?
    package var clock = LaneClock()

    package init() {}

    /// Lets the clock stand or run as the reasons say; to be called after each change of them.
    mutating func adjustClock(now: Timestamp) {
        let isStopped = hold != nil || pausedAt != nil || orphanedAt != nil
        if isStopped { clock.stop(at: now) } else { clock.start(at: now) }
    }

    /// The record of a destination that has vanished from the routes file.
    package func orphaned(now: Timestamp) -> LaneRecord {
        var record = self
        record.orphanedAt = orphanedAt ?? now
        record.adjustClock(now: now)
        return record
    }
}

/// The clock by which a destination's deliveries grow old: it stands while nothing is sent for a reason that is not
/// theirs.
package struct LaneClock: Sendable, Equatable {
    /// For how long it has stood before, in milliseconds.
    package private(set) var stoppedMilliseconds: Int64
    /// Since when it stands; nil where it runs.
    package private(set) var stoppedAt: Timestamp?

    package init(stoppedMilliseconds: Int64 = 0, stoppedAt: Timestamp? = nil) {
        self.stoppedMilliseconds = stoppedMilliseconds
        self.stoppedAt = stoppedAt
    }

    /// What it shows: the wall clock less the time for which it stood.
    package func time(at now: Timestamp) -> Timestamp {
        (stoppedAt.map { min($0, now) } ?? now).advanced(byMilliseconds: -stoppedMilliseconds)
    }

    mutating func stop(at now: Timestamp) {
        if stoppedAt == nil { stoppedAt = now }
    }

    mutating func start(at now: Timestamp) {
        guard let since = stoppedAt else { return }
        // A wall clock that was set back must not make deliveries older than they are.
        stoppedMilliseconds += max(0, now.milliseconds(since: since))
        stoppedAt = nil
    }
}
