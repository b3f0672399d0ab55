internal import GRDB
internal import Relay

/// What the table of events says of one that may be given out.
private struct Listing {
    let row: Int64
    let received: Timestamp
    let isEdited: Bool
    let kind: EventKind
}

extension StoreEngine {
    private static let pageEvents = 200
    /// Body bytes after which a page ends.
    private static let pageBytes = 1024 * 1024
    /// Rows that one page may pass over.
    private static let pageLooks = 1000

    // MARK: - Reading

    func events(_ query: EventQuery, _ statements: Statements) throws -> EventPage {
        switch query {
        case .ids(let ids): try page(ids, statements)
        case .received(let since, let until, let after, let through):
            try page(since...max(since, until), after, through ?? totals.lastEvent, statements)
        }
    }

    private func page(
        _ received: ClosedRange<Timestamp>, _ after: Int64, _ through: Int64, _ statements: Statements
    ) throws -> EventPage {
        let looked = try listings(after: after, through: through, Self.pageLooks, statements)
        let wanted = looked.filter { received.contains($0.received) && !$0.isEdited }
        var next = looked.count == Self.pageLooks ? looked.last?.row : nil
        if wanted.count > Self.pageEvents { next = wanted[Self.pageEvents - 1].row }
        var events: [StoredEvent] = []
        var bytes = 0
        var last = after
        let chosen = wanted.prefix(Self.pageEvents)
        for listing in chosen {
            let stored = try stored(listing, statements)
            bytes += stored?.event.body.count ?? 0
            if bytes > Self.pageBytes, !events.isEmpty {
                next = last
                break
            }
            last = listing.row
            if let stored { events.append(stored) }
        }
        let given = chosen.prefix { next == nil || $0.row <= (next ?? .max) }.count
        return EventPage(events: events, next: next, through: through, damaged: given - events.count)
    }

    private func page(_ ids: [EventID], _ statements: Statements) throws -> EventPage {
        var events: [StoredEvent] = []
        var damaged: [EventID] = []
        var next: Int64?
        var bytes = 0
        for (position, id) in ids.enumerated() {
            guard let row = try row(of: id, statements),
                let listing = try listings(after: row - 1, through: row, 1, statements).first
            else { continue }
            guard let stored = try stored(listing, statements) else {
                damaged.append(id)
                continue
            }
            bytes += stored.event.body.count
            if bytes > Self.pageBytes, !events.isEmpty {
                next = Int64(position)
                break
            }
            events.append(stored)
        }
        return EventPage(
            events: events, next: next, through: totals.lastEvent, damaged: damaged.count, damagedIDs: damaged)
    }

    private func listings(
        after: Int64, through: Int64, _ limit: Int, _ statements: Statements
    ) throws -> [Listing] {
        var found: [Listing] = []
        let scan = statements.scanReceived
        scan.bind(1, after)
        scan.bind(2, through)
        scan.bind(3, Int64(limit))
        defer { scan.reset() }
        while try scan.step() {
            found.append(
                Listing(
                    row: scan.integer(0), received: Timestamp(milliseconds: scan.integer(1)),
                    isEdited: scan.optionalInteger(2) != nil, kind: EventKind(rawValue: scan.integer(3)) ?? .matched))
        }
        return found
    }

    /// The event with its deliveries; nil where its bytes are not what was accepted.
    private func stored(_ listing: Listing, _ statements: Statements) throws -> StoredEvent? {
        guard let event = try loadEvent(listing.row, statements) else { return nil }
        var deliveries: [String: StoredEvent.Stage] = [:]
        let scan = statements.scanStagesOf
        let keys = Schema.keys(ofEvent: listing.row)
        scan.bind(1, keys.lowerBound)
        scan.bind(2, keys.upperBound)
        defer { scan.reset() }
        while try scan.step() {
            guard let name = destinations.name(of: scan.integer(0)) else { continue }
            deliveries[name] = DeliveryState(rawValue: scan.integer(1))?.stage
        }
        return StoredEvent(
            number: listing.row, event: event, isQuarantined: listing.kind == .quarantined, deliveries: deliveries)
    }

    // MARK: - Sending again

    /// Queues what is not pending, or refuses all.
    func replay(
        _ replay: Replay, _ batch: inout Batch, _ database: Database, _ statements: Statements
    ) throws -> [ReplayOutcome] {
        if let refusal = refusal(of: replay.entries.count) { throw refusal }
        // Before the first row is changed: this may refuse the replay.
        let numbers = try replay.entries.map { try destinations.intern($0.destination, database) }
        return try zip(replay.entries, numbers).map { entry, number in
            let key = entry.number << Schema.destinationBits | number
            return try queue(entry, key, at: replay.at, &batch, database, statements)
        }
    }

    private func queue(
        _ entry: Replay.Entry, _ key: Int64, at time: Timestamp, _ batch: inout Batch, _ database: Database,
        _ statements: Statements
    ) throws -> ReplayOutcome {
        let isStored = try !listings(after: entry.number - 1, through: entry.number, 1, statements).isEmpty
        guard isStored else { return .gone }
        guard !book.holds(key) else { return .stillPending }
        let started = laneTime(key & Schema.destinationMask, at: time)
        switch try state(of: key, statements) {
        case .fresh, .deferred: return .stillPending
        case .delivered: try reopen(key, at: started, statements)
        case .dead: try revive(key, at: started, from: \.dead, statements)
        case .discarded: try revive(key, at: started, from: \.discarded, statements)
        case nil: try insertReplay(key, started, isOfPruned: false, statements)
        }
        try noteRoutes(of: entry, database, statements)
        guard !entry.isOrdered else {
            batch.leftBehind.append(key)
            return .queued
        }
        // Deferred ones take turns with new events. As fresh ones they would all go before them: they are older.
        statements.makeDue.bind(1, time.milliseconds)
        statements.makeDue.bind(2, key)
        try statements.makeDue.run()
        return .queued
    }

    /// Makes a new delivery of the row of one that was delivered, which stays in the books as one without a row.
    private func reopen(_ key: Int64, at time: Timestamp, _ statements: Statements) throws {
        statements.noteDelivered.bind(1, key)
        try statements.noteDelivered.run()
        try revive(key, at: time, from: \.delivered, statements)
        totals.counts.delivered += 1
        totals.prunedDelivered += 1
        totals.counts.replayed += 1
    }

    /// Templates and letters name the routes of an event; one that no route wanted gets those that want it now.
    private func noteRoutes(of entry: Replay.Entry, _ database: Database, _ statements: Statements) throws {
        guard !entry.routes.isEmpty else { return }
        statements.noteRoutes.bind(1, try routeLists.intern(entry.routes, database))
        statements.noteRoutes.bind(2, entry.number)
        try statements.noteRoutes.run()
        if statements.noteRoutes.changes > 0 { loadedEvents[entry.number] = nil }
    }
}

extension DeliveryState {
    fileprivate var stage: StoredEvent.Stage {
        switch self {
        case .fresh, .deferred: .pending
        case .delivered: .delivered
        case .dead: .dead
        case .discarded: .discarded
        }
    }
}
