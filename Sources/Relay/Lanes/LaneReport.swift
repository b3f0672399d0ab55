/// How one destination is, for the operator.
package struct LaneReport: Sendable, Equatable {
    package let destination: String
    /// `open`, `down`, `held`, `paused` or `orphaned`.
    package let state: String
    /// Since when it is in that state; nil where it is open.
    package let since: Timestamp?
    /// Why the destination is held or down.
    package let reason: StopReason?
    /// From when the next probe may go out, where one is awaited.
    package let probeAt: Timestamp?
    /// Until when the destination wants nothing, where it does.
    package let restsUntil: Timestamp?
    package let inFlight: Int

    private static let orphaned = "orphaned"

    /// Whether the routes file has no destination of this name.
    package var isOrphaned: Bool { state == LaneReport.orphaned }

    package init(_ destination: String, _ stops: LaneStops, inFlight: Int, now: Timestamp) {
        self.destination = destination
        state = stops.state.rawValue
        since = stops.since
        // While it is paused nothing else counts.
        let isPaused = stops.state == .paused
        reason = isPaused ? nil : stops.reason
        probeAt = isPaused ? nil : stops.probeAt
        restsUntil = stops.isResting(now) ? stops.record.restUntil : nil
        self.inFlight = inFlight
    }

    /// Of a name whose deliveries have no destination.
    package init(_ destination: String, orphan record: LaneRecord) {
        self.destination = destination
        state = LaneReport.orphaned
        since = record.orphanedAt
        (reason, probeAt, restsUntil, inFlight) = (nil, nil, nil, 0)
    }
}
