internal import Relay

/// Who holds which delivery, and how far each destination's fresh rows were read. In memory: the lock file makes this
/// the only process, so a restart ends every lease.
struct LeaseBook {
    struct Lane {
        /// Fresh rows are read from the table by `lease` instead of being handed over at the commit.
        var isBacklog: Bool
        /// Every fresh row up to this key is held by somebody; counts in backlog mode only.
        var cursor: Int64
        /// Whose turn comes first in the next lease.
        var startsWithDeferred = true
    }

    private var lanes: [Int64: Lane] = [:]
    /// True for a delivery that was fresh when it was leased.
    private var held: [Int64: Bool] = [:]
    /// Rows of events that failed their digest: never handed out again by this process.
    private var asideEvents: Set<Int64> = []

    /// After start every destination has rows that nobody has read yet.
    init(destinations: [Int64]) {
        for destination in destinations { lanes[destination] = Lane(isBacklog: true, cursor: 0) }
    }

    /// What another opening of the same database keeps: the leases.
    mutating func rewind(destinations: [Int64]) {
        for destination in destinations { lanes[destination] = Lane(isBacklog: true, cursor: 0) }
    }

    subscript(destination: Int64) -> Lane {
        get { lanes[destination] ?? Lane(isBacklog: false, cursor: 0) }
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
        lane.cursor = lane.isBacklog ? min(lane.cursor, key - 1) : key - 1
        lane.isBacklog = true
        lanes[destination] = lane
    }

    mutating func release(_ key: Int64) {
        guard let wasFresh = held.removeValue(forKey: key) else { return }
        if wasFresh { leaveBehind(key) }
    }
}
