internal import Relay

/// Who holds which delivery, and how far each destination's fresh rows were read. In memory: the lock file makes this
/// the only process, so a restart ends every lease.
struct LeaseBook {
    struct Lane {
        /// Every fresh row up to this key is held by somebody.
        var cursor: Int64
        /// Fresh rows behind the cursor up to this key wait to be read from the table by `lease`; those that come after
        /// it are handed over at the commit.
        var end: Int64
        /// As long as there are such rows, new ones are left in the table as well: until the next lease once one was
        /// left there, and always for those that are sent in order of arrival.
        var isRefusing = false
        /// Whose turn comes first in the next lease.
        var startsWithDeferred = true

        var isBacklog: Bool { cursor < end }
        var takesFresh: Bool { !(isBacklog && isRefusing) }
    }

    private var lanes: [Int64: Lane] = [:]
    /// True for a delivery that was fresh when it was leased.
    private var held: [Int64: Bool] = [:]
    /// Rows of events that failed their digest: never handed out again by this process.
    private var asideEvents: Set<Int64> = []

    /// After start every destination has rows, up to this event's, that nobody has read yet.
    init(destinations: [Int64], lastEvent: Int64) { rewind(destinations: destinations, lastEvent: lastEvent) }

    /// What another opening of the same database keeps: the leases.
    mutating func rewind(destinations: [Int64], lastEvent: Int64) {
        let end = Schema.keys(ofEvent: lastEvent).upperBound
        for destination in destinations { lanes[destination] = Lane(cursor: 0, end: end, isRefusing: true) }
    }

    subscript(destination: Int64) -> Lane {
        get { lanes[destination] ?? Lane(cursor: 0, end: 0) }
        set { lanes[destination] = newValue }
    }

    func isAvailable(_ key: Int64) -> Bool {
        held[key] == nil && (asideEvents.isEmpty || !asideEvents.contains(key >> Schema.destinationBits))
    }

    func holds(_ key: Int64) -> Bool { held[key] != nil }

    mutating func hold(_ key: Int64, isFresh: Bool) { held[key] = isFresh }

    mutating func end(_ key: Int64) { held[key] = nil }

    /// Sets the event aside; false where it was already.
    mutating func setAside(event: Int64) -> Bool { asideEvents.insert(event).inserted }

    /// A fresh row that nobody holds: its lane has to come back to it.
    mutating func leaveBehind(_ key: Int64) {
        let destination = key & Schema.destinationMask
        var lane = self[destination]
        (lane.cursor, lane.end) = lane.isBacklog ? (min(lane.cursor, key - 1), max(lane.end, key)) : (key - 1, key)
        lane.isRefusing = true
        lanes[destination] = lane
    }

    mutating func release(_ key: Int64) {
        guard let wasFresh = held.removeValue(forKey: key) else { return }
        if wasFresh { leaveBehind(key) }
    }
}
