internal import Relay

/// What one lease may take, in the order in which it goes out.
struct Choice {
    var picked: Picked
    /// More could go out now than was picked.
    let leavesMore: Bool
    let nextDue: Timestamp?
}

extension StoreEngine {
    /// When to look again after one that is on its way between the store and its lane, in milliseconds: where a reload
    /// asked for the order, nobody tells the lane that it has been settled.
    private static let heldLookMilliseconds: Int64 = 1000

    /// Due deliveries in order of arrival, which is the order of their keys, up to the first that has to wait: it is
    /// not due yet, or is on its way between the store and its lane.
    func inOrderOfArrival(
        _ destination: Int64, _ limit: Int, _ now: Timestamp, _ fresh: FreshRows, _ statements: Statements
    ) throws -> Choice {
        let deferred = try deferredInOrder(destination, limit + 1, upTo: fresh.knownUpTo, now, statements)
        let rows =
            fresh.keys.filter { $0 < deferred.end }.map { (key: $0, isFresh: true) }
            + deferred.keys.map { (key: $0, isFresh: false) }
        var picked = Picked()
        for row in rows.sorted(by: { $0.key < $1.key }).prefix(limit) { picked.take(row.key, isFresh: row.isFresh) }
        let isBlocked = deferred.end < .max || fresh.isStopped
        let look = fresh.isStopped ? now.advanced(byMilliseconds: Self.heldLookMilliseconds) : nil
        return Choice(
            picked: picked, leavesMore: rows.count > limit || (!isBlocked && !fresh.isAtEnd),
            nextDue: deferred.nextDue ?? look)
    }

    /// Deferred ones that are due, up to the first that is not; `end` is that one's key.
    ///
    /// In a lane that was always ordered at most one is deferred, so that sorting them costs nothing.
    private func deferredInOrder(
        _ destination: Int64, _ limit: Int, upTo last: Int64, _ now: Timestamp, _ statements: Statements
    ) throws -> (keys: [Int64], end: Int64, nextDue: Timestamp?) {
        var keys: [Int64] = []
        let scan = statements.leasing.scanDeferredInOrder
        scan.bind(1, destination)
        scan.bind(2, last)
        defer { scan.reset() }
        while keys.count < limit, try scan.step() {
            let key = scan.integer(0)
            let due = Timestamp(milliseconds: scan.integer(1))
            if book.holds(key) {
                return (keys, key, now.advanced(byMilliseconds: Self.heldLookMilliseconds))
            }
            if due.isAhead(of: now, byAtMost: limits.longestWaitMilliseconds) { return (keys, key, due) }
            if book.isAvailable(key) { keys.append(key) }
        }
        return (keys, .max, nil)
    }
}
