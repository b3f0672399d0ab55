internal import Relay

extension StoreEngine {
    /// Rows of `deliveries` that one look for fresh ones may pass over, as a range of event numbers.
    private static let scanEvents: Int64 = 16_384
    /// Body bytes after which a lease ends; the rest is for the next one.
    private static let leaseBytes = 2 * 1024 * 1024

    /// Answers a lease; nil where the look for fresh rows has to go on after others had their turn.
    func lease(_ request: LeaseRequest, _ statements: Statements) throws -> Lease? {
        let limit = request.limit
        guard let destination = destinations.number(of: request.destination), limit > 0 else {
            return Lease(deliveries: [], hasMore: false, nextDue: nil)
        }
        // For a probe all are due.
        let now = request.isForProbe ? Timestamp(milliseconds: .max) : request.now
        let fresh = try freshKeys(destination, limit + 1, stopsAtHeld: request.isInOrder, statements)
        let choice =
            try request.isInOrder
            ? inOrderOfArrival(destination, limit, now, fresh, statements)
            : inTurn(destination, limit, now, fresh, statements)
        if choice.picked.count == 0 && choice.leavesMore { return nil }
        var picked = choice.picked
        let loaded = try load(&picked, request, statements)

        // All reads are done: from here on nothing fails half-way.
        var lane = book[destination]
        if picked.count % 2 == 1 { lane.startsWithDeferred.toggle() }
        let hasAllFresh = picked.fresh == fresh.keys.count
        if lane.isBacklog {
            lane.cursor = hasAllFresh ? fresh.end : (picked.fresh > 0 ? fresh.keys[picked.fresh - 1] : lane.cursor)
        }
        lane.isRefusing = request.isInOrder
        book[destination] = lane
        for (position, delivery) in loaded.enumerated() where delivery != nil {
            book.hold(picked.keys[position], isFresh: picked.areFresh[position])
        }
        let hasMore = choice.leavesMore || picked.count < choice.picked.count
        return Lease(deliveries: loaded.compactMap(\.self), hasMore: hasMore, nextDue: choice.nextDue)
    }

    /// Fresh and deferred ones in turn.
    private func inTurn(
        _ destination: Int64, _ limit: Int, _ now: Timestamp, _ fresh: FreshRows, _ statements: Statements
    ) throws -> Choice {
        let deferred = try deferredKeys(destination, limit + 1, now, statements)
        let picked = interleave(
            fresh.keys, deferred, limit, startsWithDeferred: book[destination].startsWithDeferred)
        let leavesMore = !fresh.isAtEnd || picked.count < fresh.keys.count + deferred.count
        return Choice(
            picked: picked, leavesMore: leavesMore, nextDue: try nextDue(destination, after: now, statements))
    }

    /// Loads what was picked, and picks no more than fits into the bytes of one lease.
    private func load(
        _ picked: inout Picked, _ request: LeaseRequest, _ statements: Statements
    ) throws -> [Delivery?] {
        var loaded: [Delivery?] = []
        var bytes = 0
        for key in picked.keys {
            let delivery = try load(key, request, statements)
            bytes += delivery?.event.body.count ?? 0
            if bytes > Self.leaseBytes, !loaded.isEmpty { break }
            loaded.append(delivery)
        }
        picked.keep(loaded.count)
        return loaded
    }

    /// Deliveries that have become due, and those that are due later than any wait is long: the clock was set back
    /// since.
    private func deferredKeys(
        _ destination: Int64, _ limit: Int, _ now: Timestamp, _ statements: Statements
    ) throws -> [Int64] {
        let due = try availableKeys(statements.leasing.scanDeferred, destination, now, limit)
        let beyond = now.advanced(byMilliseconds: limits.longestWaitMilliseconds)
        return try due + availableKeys(statements.leasing.nextDue, destination, beyond, limit - due.count)
    }

    /// What a scan by destination and time finds that nobody holds.
    private func availableKeys(
        _ scan: PreparedStatement, _ destination: Int64, _ time: Timestamp, _ limit: Int
    ) throws -> [Int64] {
        var keys: [Int64] = []
        scan.bind(1, destination)
        scan.bind(2, time.milliseconds)
        defer { scan.reset() }
        while keys.count < limit, try scan.step() {
            if book.isAvailable(scan.integer(0)) { keys.append(scan.integer(0)) }
        }
        return keys
    }

    /// Fresh rows behind the lane's cursor that nobody holds, or those before the first that somebody does.
    private func freshKeys(
        _ destination: Int64, _ limit: Int, stopsAtHeld: Bool, _ statements: Statements
    ) throws -> FreshRows {
        let lane = book[destination]
        guard lane.isBacklog else { return FreshRows(end: lane.cursor, isAtEnd: true) }
        // Where the order counts, what is held stands before what comes later.
        let last = stopsAtHeld ? Schema.keys(ofEvent: totals.lastEvent).upperBound : lane.end
        let end = min(last, lane.cursor + Self.scanEvents << Schema.destinationBits)
        var found = FreshRows(end: end, isAtEnd: false)
        let scan = statements.leasing.scanFresh
        scan.bind(1, lane.cursor)
        scan.bind(2, end)
        scan.bind(3, destination)
        defer { scan.reset() }
        while found.keys.count < limit, !found.isStopped, try scan.step() {
            let key = scan.integer(0)
            if book.isAvailable(key) { found.keys.append(key) }
            if stopsAtHeld && book.holds(key) { found.stop(before: key) }
        }
        if found.keys.isEmpty && found.end < last {
            var moved = lane
            moved.cursor = found.end
            book[destination] = moved
        }
        found.isAtEnd = found.keys.count < limit && found.end >= last
        return found
    }

    private func nextDue(_ destination: Int64, after now: Timestamp, _ statements: Statements) throws -> Timestamp? {
        let scan = statements.leasing.nextDue
        scan.bind(1, destination)
        scan.bind(2, now.milliseconds)
        defer { scan.reset() }
        while try scan.step() {
            if book.isAvailable(scan.integer(0)) { return Timestamp(milliseconds: scan.integer(1)) }
        }
        return nil
    }

    /// The delivery with its event; nil where the event's bytes are not what was accepted.
    private func load(_ key: Int64, _ request: LeaseRequest, _ statements: Statements) throws -> Delivery? {
        guard let event = try loadEvent(key >> Schema.destinationBits, statements) else { return nil }
        let read = statements.selectDelivery
        read.bind(1, key)
        defer { read.reset() }
        guard try read.step() else { return nil }
        let started = read.optionalInteger(2).map(Timestamp.init(milliseconds:))
        let due = request.isForProbe ? read.optionalInteger(7).map(Timestamp.init(milliseconds:)) : nil
        let isEarly = due?.isAhead(of: request.now, byAtMost: limits.longestWaitMilliseconds) ?? false
        return Delivery(
            key: DeliveryKey(rawValue: key), event: event, destination: request.destination,
            attempts: Int(read.integer(1)), isReplay: read.integer(3) == 1, startedAt: started ?? event.receivedAt,
            dueAt: isEarly ? due : nil)
    }

    /// Reads an event and compares its bytes with its id. A mismatch is reported once and the event set aside: its
    /// deliveries stay pending, nobody gets them.
    func loadEvent(_ row: Int64, _ statements: Statements) throws -> Event? {
        if let known = loadedEvents[row] { return known }
        let event = try readEvent(row, statements)
        loadedEvents[row] = event
        return event
    }

    private func readEvent(_ row: Int64, _ statements: Statements) throws -> Event? {
        let read = statements.selectEvent
        read.bind(1, row)
        defer { read.reset() }
        guard try read.step() else { return nil }
        let id = EventID(high: UInt64(bitPattern: read.integer(0)), low: UInt64(bitPattern: read.integer(1)))
        let source = sources.name(of: read.integer(2)) ?? ""
        let body = read.bytes(8)
        let digest = EventID(source: source, body: body)
        let contents = read.optionalInteger(5).map { UInt64(bitPattern: $0) }
        guard contents == nil ? digest == id : digest.high == contents else {
            if book.setAside(event: row) { onTrouble(.corruptEvent(id)) }
            return nil
        }
        let original = read.optionalInteger(6).map {
            EventID(high: UInt64(bitPattern: $0), low: UInt64(bitPattern: read.integer(7)))
        }
        return Event(
            id: id, source: source, receivedAt: Timestamp(milliseconds: read.integer(3)), body: body,
            routes: routeLists.name(of: read.integer(4)) ?? [], originalID: original)
    }
}

/// What a look for fresh rows has found, and how far it went.
struct FreshRows {
    var keys: [Int64] = []
    /// Looked up to this key, unless the limit was reached before.
    private(set) var end: Int64
    /// Nothing is behind it.
    var isAtEnd: Bool
    private(set) var isStopped = false

    init(end: Int64, isAtEnd: Bool) {
        self.end = end
        self.isAtEnd = isAtEnd
    }

    /// No fresh row up to this key is missing in `keys`, but for what is held.
    var knownUpTo: Int64 { isAtEnd ? .max : end }

    mutating func stop(before key: Int64) {
        end = key - 1
        isStopped = true
    }
}

/// Deliveries picked for one lease.
struct Picked {
    var keys: [Int64] = []
    var areFresh: [Bool] = []
    var fresh = 0

    var count: Int { keys.count }

    mutating func take(_ key: Int64, isFresh: Bool) {
        keys.append(key)
        areFresh.append(isFresh)
        if isFresh { fresh += 1 }
    }

    /// Forgets all but the first ones.
    mutating func keep(_ count: Int) {
        keys.removeLast(keys.count - count)
        areFresh.removeLast(areFresh.count - count)
        fresh = areFresh.count { $0 }
    }
}

/// Fresh and deferred ones in turn, so that neither starves the other; what one lacks the other gets.
func interleave(_ fresh: [Int64], _ deferred: [Int64], _ limit: Int, startsWithDeferred: Bool) -> Picked {
    var picked = Picked()
    var freshRest = fresh[...]
    var deferredRest = deferred[...]
    var isDeferredTurn = startsWithDeferred
    while picked.count < limit, !(freshRest.isEmpty && deferredRest.isEmpty) {
        if (isDeferredTurn && !deferredRest.isEmpty) || freshRest.isEmpty {
            picked.take(deferredRest.removeFirst(), isFresh: false)
        } else {
            picked.take(freshRest.removeFirst(), isFresh: true)
        }
        isDeferredTurn.toggle()
    }
    return picked
}
