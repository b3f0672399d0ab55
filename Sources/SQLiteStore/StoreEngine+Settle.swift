internal import GRDB
internal import Relay

/// The states of `deliveries.state`.
enum DeliveryState: Int64 {
    case fresh = 0
    case deferred = 1
    case delivered = 2
    case dead = 3
    case discarded = 4

    var isPending: Bool { self == .fresh || self == .deferred }
}

extension StoreEngine {
    /// Writes what became of an attempt. A delivery that is settled already stays as it is: only its lease ends.
    func settle(_ settlement: Settlement, _ batch: inout Batch, _ statements: Statements) throws {
        let key = settlement.delivery.rawValue
        let attempt = settlement.attempt
        batch.ended.append(key)
        switch settlement.verdict {
        case .delivered:
            guard try close(statements.settleDelivered, key, attempt, statements) else { return }
            totals.counts.delivered += 1
            totals.counts.pending -= 1
        case .dead:
            guard try close(statements.settleDead, key, attempt, statements) else { return }
            totals.counts.dead += 1
            totals.counts.pending -= 1
            try insert(attempt, key, statements)
        case .retry(let due, let charged):
            statements.settleRetry.bind(1, due.milliseconds)
            statements.settleRetry.bind(2, charged ? 1 : 0)
            statements.settleRetry.bind(3, settlement.startedAt?.milliseconds)
            statements.settleRetry.bind(4, key)
            guard try change(statements.settleRetry) else { return }
            try insert(attempt, key, statements)
        }
    }

    private func close(
        _ update: PreparedStatement, _ key: Int64, _ attempt: AttemptRecord, _ statements: Statements
    ) throws -> Bool {
        update.bind(1, Int64(attempt.number))
        update.bind(2, attempt.at.milliseconds)
        update.bind(3, attempt.durationMilliseconds)
        update.bind(4, attempt.status.map(Int64.init))
        update.bind(5, key)
        return try change(update)
    }

    private func change(_ update: PreparedStatement) throws -> Bool {
        try update.run()
        return update.changes > 0
    }

    private func insert(_ attempt: AttemptRecord, _ key: Int64, _ statements: Statements) throws {
        let insert = statements.insertAttempt
        insert.bind(1, key)
        insert.bind(2, Int64(attempt.number))
        insert.bind(3, attempt.at.milliseconds)
        insert.bind(4, attempt.durationMilliseconds)
        try insert.bind(5, text: attempt.outcome.rawValue)
        insert.bind(6, attempt.status.map(Int64.init))
        try insert.bind(7, text: attempt.error)
        try insert.run(blob: attempt.response, at: 8)
    }

    /// Makes a dead or discarded delivery pending again, or a new one where there is no row.
    func redrive(
        _ redrive: Redrive, _ batch: inout Batch, _ database: Database, _ statements: Statements
    ) throws {
        let destination = try destinations.intern(redrive.destination, database)
        let row = try row(of: redrive.event.id, statements)
        let key = (row ?? totals.lastEvent + 1) << Schema.destinationBits | destination
        let started = laneTime(destination, at: redrive.at)
        var event = redrive.event
        // What is on its way may be about to die, its letter written and its end not noted yet: the file has to wait.
        guard !book.holds(key) else { throw StoreError(.underWay, "its last attempt is not noted yet") }
        let state = row == nil ? nil : try state(of: key, statements)
        if state == .delivered { return }
        if let row {
            // The file may be the last good copy, so it has to stay.
            guard let stored = try loadEvent(row, statements) else {
                throw StoreError(.failed, "the bytes of the stored event have changed")
            }
            event = stored
        }
        switch state {
        case .fresh, .deferred, .delivered: return
        case .dead: try revive(key, at: started, from: \.dead, statements)
        case .discarded: try revive(key, at: started, from: \.discarded, statements)
        case nil:
            let isOfPruned = try !redrive.isEdited && isReturned(row, statements)
            if row == nil { try insertAnew(redrive.event, database, statements) }
            try insertReplay(key, started, isOfPruned: isOfPruned, statements)
        }
        batch.fresh.append(
            Delivery(
                key: DeliveryKey(rawValue: key), event: event, destination: redrive.destination, attempts: 0,
                isReplay: true, startedAt: started))
    }

    func revive(
        _ key: Int64, at time: Timestamp, from: WritableKeyPath<StoreCounts, Int>, _ statements: Statements
    ) throws {
        statements.revive.bind(1, time.milliseconds)
        statements.revive.bind(2, key)
        try statements.revive.run()
        totals.counts[keyPath: from] -= 1
        totals.counts.pending += 1
    }

    func insertReplay(
        _ key: Int64, _ time: Timestamp, isOfPruned: Bool, _ statements: Statements
    ) throws {
        statements.insertReplay.bind(1, key)
        statements.insertReplay.bind(2, time.milliseconds)
        try statements.insertReplay.run()
        if !isOfPruned || !totals.takePrunedDead() { totals.counts.replayed += 1 }
        totals.counts.pending += 1
    }

    private func insertAnew(_ event: Event, _ database: Database, _ statements: Statements) throws {
        let contents = EventID(source: event.source, body: event.body)
        let number = totals.lastEvent + 1
        let row = EventRow(number, redriven: event, contents, try routeLists.intern(event.routes, database))
        try insert(row, event.body, database, statements)
        totals.lastEvent = number
        index.add(event.id, contents: event.id, row: number)
    }

    /// Counts a dead letter as discarded; one whose row was pruned too. One that is sent again just now is refused,
    /// anything else stays as it is.
    func discard(_ discard: Discard, _ statements: Statements) throws {
        guard let row = try row(of: discard.id, statements) else { return discardPruned() }
        guard let number = destinations.number(of: discard.destination) else { return }
        let key = row << Schema.destinationBits | number
        let state = try state(of: key, statements)
        guard !book.holds(key), state?.isPending != true else {
            throw StoreError(.underWay, "its delivery is under way, try again when that has ended")
        }
        if state == nil, try isReturned(row, statements) { return discardPruned() }
        guard state == .dead else { return }
        statements.discard.bind(1, key)
        try statements.discard.run()
        totals.counts.dead -= 1
        totals.counts.discarded += 1
    }

    private func discardPruned() {
        guard totals.takePrunedDead() else { return }
        totals.counts.discarded += 1
        totals.prunedDiscarded += 1
    }

    /// Whether the rows that an unedited letter's event had were pruned: it has none, or one that a dead letter has
    /// brought back. The letters of its other destinations are then of pruned rows too.
    private func isReturned(_ row: Int64?, _ statements: Statements) throws -> Bool {
        guard let row else { return true }
        let read = statements.selectEvent
        read.bind(1, row)
        defer { read.reset() }
        guard try read.step() else { return false }
        return read.integer(9) == EventKind.redriven.rawValue
    }

    /// The row of the event with exactly this id.
    func row(of id: EventID, _ statements: Statements) throws -> Int64? {
        guard let row = index.row(of: id) else { return nil }
        statements.selectEvent.bind(1, row)
        defer { statements.selectEvent.reset() }
        guard try statements.selectEvent.step() else { return nil }
        return statements.selectEvent.integer(1) == Int64(bitPattern: id.low) ? row : nil
    }

    func state(of key: Int64, _ statements: Statements) throws -> DeliveryState? {
        statements.selectDelivery.bind(1, key)
        defer { statements.selectDelivery.reset() }
        return try statements.selectDelivery.step()
            ? DeliveryState(rawValue: statements.selectDelivery.integer(0)) : nil
    }
}
