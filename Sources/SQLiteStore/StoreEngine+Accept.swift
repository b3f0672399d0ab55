internal import GRDB
internal import Relay

/// The kinds of `events.kind`.
enum EventKind: Int64 {
    case matched = 0
    case unmatched = 1
    case quarantined = 2
    /// Came back from a dead letter; takes no part in looking for duplicates.
    case redriven = 3
}

extension StoreEngine {
    /// Stores an event and its deliveries, or counts a duplicate, within the transaction that is open.
    func accept(
        _ hashed: HashedOffer, _ batch: inout Batch, _ database: Database, _ statements: Statements
    ) throws -> Acceptance {
        let offer = hashed.offer
        let contents = hashed.contents
        if let distrust { throw distrust }
        if let known = try duplicate(of: offer, contents, statements) {
            totals.counts.duplicates += 1
            return Acceptance(id: known, isDuplicate: true)
        }
        if let refusal = refusal(of: offer.routing.deliveries) { throw refusal }
        let id = unusedID(for: offer, contents)
        let row = totals.lastEvent + 1
        switch offer.routing {
        case .matched(let routes, let wanted):
            // Before the first insert: this may refuse the offer.
            let keys = try wanted.map { row << Schema.destinationBits | (try destinations.intern($0, database)) }
            try insert(
                EventRow(row, id, contents, offer, .matched, try routeLists.intern(routes, database)), offer.body,
                database, statements)
            let event = Event(
                id: id, source: offer.source, receivedAt: offer.receivedAt, body: offer.body, routes: routes)
            try insert(deliveriesOf: event, keys, to: wanted, &batch, statements)
            totals.counts.matched += 1
        case .unmatched:
            try insert(EventRow(row, id, contents, offer, .unmatched, nil), offer.body, database, statements)
            totals.counts.unmatched += 1
        case .quarantined(let reason):
            var quarantined = EventRow(row, id, contents, offer, .quarantined, nil)
            quarantined.reason = reason
            try insert(quarantined, offer.body, database, statements)
            totals.counts.quarantined += 1
        }
        totals.lastEvent = row
        index.add(id, contents: contents, row: row)
        return Acceptance(id: id, isDuplicate: false)
    }

    /// The id that these bytes of this source were accepted under within the window. A clock that was set back does
    /// not make them new: the distance in time counts, not its sign.
    private func duplicate(of offer: Offer, _ contents: EventID, _ statements: Statements) throws -> EventID? {
        guard let window = offer.dedupeMilliseconds, let row = index.latestRow(withContents: contents) else {
            return nil
        }
        let read = statements.selectEvent
        read.bind(1, row)
        defer { read.reset() }
        guard try read.step(), read.integer(9) != EventKind.redriven.rawValue else { return nil }
        let received = Timestamp(milliseconds: read.integer(3))
        let distance = offer.receivedAt.milliseconds(since: received).magnitude
        guard distance < window.magnitude, sources.name(of: read.integer(2)) == offer.source,
            read.bytes(8) == offer.body
        else { return nil }
        return EventID(
            high: UInt64(bitPattern: read.integer(0)), low: UInt64(bitPattern: read.integer(1)))
    }

    private func unusedID(for offer: Offer, _ contents: EventID) -> EventID {
        var id = contents
        var counter = 0
        while index.row(of: id) != nil {
            id = EventID(repeatOf: offer.body, source: offer.source, receivedAt: offer.receivedAt, counter: counter)
            counter += 1
        }
        return id
    }

    private func insert(
        deliveriesOf event: Event, _ keys: [Int64], to wanted: [String], _ batch: inout Batch, _ statements: Statements
    ) throws {
        for (key, destination) in zip(keys, wanted) {
            let started = laneTime(key & Schema.destinationMask, at: event.receivedAt)
            // A row without a start has that of its event.
            let insert = started == event.receivedAt ? statements.insertFresh : statements.insertStarted
            insert.bind(1, key)
            if started != event.receivedAt { insert.bind(2, started.milliseconds) }
            try insert.run()
            batch.fresh.append(
                Delivery(
                    key: DeliveryKey(rawValue: key), event: event, destination: destination, attempts: 0,
                    isReplay: false, startedAt: started))
        }
        totals.counts.routed += wanted.count
        totals.counts.pending += wanted.count
    }

    func insert(_ row: EventRow, _ body: [UInt8], _ database: Database, _ statements: Statements) throws {
        let insert = statements.insertEvent
        insert.bind(1, row.number)
        insert.bind(2, Int64(bitPattern: row.id.high))
        insert.bind(3, Int64(bitPattern: row.id.low))
        insert.bind(4, try sources.intern(row.source, database))
        insert.bind(5, row.received.milliseconds)
        insert.bind(6, row.kind.rawValue)
        insert.bind(7, row.routes)
        insert.bind(8, row.id == row.contents ? nil : Int64(bitPattern: row.contents.high))
        insert.bind(9, row.original.map { Int64(bitPattern: $0.high) })
        insert.bind(10, row.original.map { Int64(bitPattern: $0.low) })
        try insert.bind(11, text: row.reason)
        try insert.run(blob: body, at: 12)
    }
}

/// A row of `events` without its body.
struct EventRow {
    let number: Int64
    let id: EventID
    /// The id that source and body alone give.
    let contents: EventID
    let source: String
    let received: Timestamp
    let kind: EventKind
    let routes: Int64?
    var original: EventID?
    var reason: String?

    init(_ number: Int64, _ id: EventID, _ contents: EventID, _ offer: Offer, _ kind: EventKind, _ routes: Int64?) {
        self.number = number
        self.id = id
        self.contents = contents
        source = offer.source
        received = offer.receivedAt
        self.kind = kind
        self.routes = routes
    }

    /// A redriven event that has no row any more, or never had one.
    init(_ number: Int64, redriven event: Event, _ contents: EventID, _ routes: Int64) {
        self.number = number
        id = event.id
        self.contents = contents
        source = event.source
        received = event.receivedAt
        kind = .redriven
        self.routes = routes
        original = event.originalID
    }
}

extension Routing {
    /// How many deliveries the event has.
    fileprivate var deliveries: Int { if case .matched(_, let wanted) = self { wanted.count } else { 0 } }
}
