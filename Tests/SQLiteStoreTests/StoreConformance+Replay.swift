import Relay
import Testing

/// The checks of stored events that are looked at and sent again.
extension StoreConformance {
    static func replayDelivered(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let first = try #require(try await test.nextFresh().first)
        try await test.store.settled(first.key, .delivered, makeAttempt(1, status: 200, .delivered))
        #expect(try await test.store.replayed(["crm"], at: 50) == [.queued])
        #expect(try await test.nextFresh().isEmpty, "its lane fetches it")
        var counts = try await test.store.currentCounts()
        #expect((counts.routed, counts.replayed, counts.delivered, counts.pending) == (1, 1, 1, 1))

        let reopened = try test.reopen()
        let again = try #require(try await reopened.store.leased("crm", 5, now: 50).deliveries.first)
        #expect(again.key == first.key && again.isReplay && again.attempts == 0)
        #expect(again.startedAt == Timestamp(milliseconds: 50) && again.event.body == first.event.body)
        try await reopened.store.settled(again.key, .dead, makeAttempt(1, status: 422, .dead))
        counts = try await reopened.store.currentCounts()
        #expect((counts.delivered, counts.pending, counts.dead, counts.agree) == (1, 0, 1, true))
        let attempts = try await awaiting { reopened.store.attempts(of: again.key, completion: $0) }
        #expect(attempts.map(\.outcome) == [.delivered, .dead], "what was delivered before is still told")
    }

    static func replayOthers(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: ["dead", "gone", "waits"], at: 0))
        let fresh = try await test.nextFresh()
        for delivery in fresh[..<2] {
            try await test.store.settled(delivery.key, .dead, makeAttempt(1, status: 422, .dead))
        }
        try await test.store.discarded(fresh[0].event.id, "gone")
        // The third is leased; given back it is pending all the same.
        let all = ["dead", "gone", "waits", "new"]
        #expect(try await test.store.replayed(all, at: 9) == [.queued, .queued, .stillPending, .queued])
        test.store.release([fresh[2].key])
        #expect(try await test.store.replayed(all, at: 9) == Array(repeating: .stillPending, count: 4))
        let counts = try await test.store.currentCounts()
        #expect((counts.routed, counts.replayed, counts.pending) == (3, 1, 4))
        #expect(counts.dead == 0 && counts.discarded == 0 && counts.agree)
        for name in all { #expect(try await test.store.leased(name, 5, now: 9).deliveries.count == 1) }
        let gone = Replay.Entry(number: 77, destination: "crm", routes: [], isOrdered: false)
        #expect(try await test.store.replayed([gone], at: 9) == [.gone])
    }

    static func replayUnmatched(_ test: StoreUnderTest) async throws {
        let time = Timestamp(milliseconds: 0)
        for (body, routing) in [("a", Routing.unmatched), ("b", .quarantined(reason: "too old"))] {
            _ = try await test.store.accepted(
                Offer(
                    source: "gruveo", body: Array(body.utf8), receivedAt: time, routing: routing,
                    dedupeMilliseconds: nil))
        }
        let found = try await test.store.stored(.received(since: time, until: time, after: 0, through: nil)).events
        #expect(found.map(\.isQuarantined) == [false, true] && found.allSatisfy { $0.event.routes.isEmpty })
        let entries = found.map { stored in
            Replay.Entry(number: stored.number, destination: "crm", routes: ["late"], isOrdered: false)
        }
        #expect(try await test.store.replayed(entries, at: 5) == [.queued, .queued])
        let leased = try await test.store.leased("crm", 5, now: 5).deliveries
        #expect(leased.map(\.event.routes) == [["late"], ["late"]], "the routes that want it now")
        let counts = try await test.store.currentCounts()
        #expect((counts.unmatched, counts.quarantined, counts.routed, counts.replayed) == (1, 1, 0, 2))
    }

    /// New events do not wait behind what is replayed, but where the order counts.
    static func replayTakesTurns(_ test: StoreUnderTest) async throws {
        for number in 0..<4 { _ = try await test.store.accepted(makeOffer("\(number)", to: [], at: 0)) }
        for isOrdered in [false, true] {
            let name = isOrdered ? "ordered" : "crm"
            let entries = (1...4).map {
                Replay.Entry(number: Int64($0), destination: name, routes: [], isOrdered: isOrdered)
            }
            _ = try await test.store.replayed(entries, at: 1)
            _ = try await test.store.accepted(makeOffer("new for \(name)", to: [name], at: 1))
            #expect(try await test.nextFresh().map(\.destination) == (isOrdered ? [] : [name]))
        }
        let inOrder = try await test.store.leased("ordered", 9, inOrder: true, now: 1).deliveries
        #expect(inOrder.map(\.bodyText) == ["0", "1", "2", "3", "new for ordered"])
    }

    /// The budget in time of a replay runs by its lane's clock, as that of every delivery; when it is due does not.
    static func replayByTheLanesClock(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: [], at: 0))
        var record = LaneRecord()
        record.clock = LaneClock(stoppedMilliseconds: 1000)
        try await test.store.noted(record, of: "crm")
        #expect(try await test.store.replayed(["crm"], at: 1500) == [.queued])
        #expect(try await test.store.leased("crm", 1, now: 1499).deliveries.isEmpty)
        let leased = try await test.store.leased("crm", 1, now: 1500).deliveries
        #expect(leased.map(\.startedAt) == [Timestamp(milliseconds: 500)])
    }

    static func pages(_ test: StoreUnderTest) async throws {
        for number in 0..<450 { test.store.accept(makeOffer("\(number)", to: ["crm"], at: Int64(number))) { _ in } }
        let edited = Event(
            id: EventID(source: "gruveo", body: [1]), source: "gruveo", receivedAt: Timestamp(milliseconds: 20),
            body: [1], routes: [], originalID: EventID(source: "gruveo", body: [2]))
        try await test.store.redriven(
            Redrive(event: edited, destination: "crm", at: Timestamp(milliseconds: 500), isEdited: true))
        var bodies: [String] = []
        var sizes: [Int] = []
        var query: (after: Int64, through: Int64?) = (0, nil)
        while true {
            let page = try await test.store.stored(
                .received(
                    since: Timestamp(milliseconds: 10), until: Timestamp(milliseconds: 439), after: query.after,
                    through: query.through))
            // What comes meanwhile is not chased.
            _ = try await test.store.accepted(makeOffer("late \(sizes.count)", to: [], at: 100))
            bodies += page.events.map { String(decoding: $0.event.body, as: UTF8.self) }
            sizes.append(page.events.count)
            #expect(page.damaged == 0)
            guard let next = page.next else { break }
            query = (next, page.through)
        }
        #expect(bodies == (10...439).map(String.init))
        #expect(sizes.allSatisfy { $0 <= 200 })
        let ids = [EventID(source: "gruveo", body: [7]), edited.id, EventID(source: "gruveo", body: Array("5".utf8))]
        let named = try await test.store.stored(.ids(ids)).events
        #expect(named.map(\.event.id) == Array(ids[1...]), "of those that are stored, in the order that was asked")
        #expect(named.first?.deliveries["crm"] == .pending)
    }
}

extension Store {
    func stored(_ query: EventQuery) async throws -> EventPage { try await awaiting { events(query, completion: $0) } }

    func replayed(_ entries: [Replay.Entry], at milliseconds: Int64) async throws -> [ReplayOutcome] {
        try await awaiting {
            replay(Replay(entries: entries, at: Timestamp(milliseconds: milliseconds)), completion: $0)
        }
    }

    /// Replays the first event to these.
    func replayed(_ destinations: [String], at milliseconds: Int64) async throws -> [ReplayOutcome] {
        try await replayed(
            destinations.map { Replay.Entry(number: 1, destination: $0, routes: [], isOrdered: false) },
            at: milliseconds)
    }
}
