import Relay
import Testing

/// The checks of what an operator asks for.
extension StoreConformance {
    static func redriveTwice(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let delivery = try #require(try await test.nextFresh().first)
        try await test.store.settled(delivery.key, .dead, makeAttempt(1, status: 422, .dead))
        let redrive = Redrive(event: delivery.event, destination: "crm", at: Timestamp(milliseconds: 50))
        try await test.store.redriven(redrive)
        let revived = try await test.nextFresh()
        // While it is on its way nobody can say whether it is about to die again: the file has to wait.
        await #expect(throws: StoreError.self) { try await test.store.redriven(redrive) }
        test.store.release(revived.map(\.key))
        try await test.store.redriven(redrive)
        #expect(revived.map(\.key) == [delivery.key])
        #expect(revived.first?.isReplay == true && revived.first?.attempts == 0)
        #expect(revived.first?.startedAt == Timestamp(milliseconds: 50))
        var counts = try await test.store.currentCounts()
        #expect(counts.pending == 1 && counts.dead == 0 && counts.agree)

        let reopened = try test.reopen()
        let leased = try await reopened.store.leased("crm", 5, now: 60).deliveries
        #expect(leased.map(\.isReplay) == [true] && leased.first?.startedAt == Timestamp(milliseconds: 50))
        try await reopened.store.settled(delivery.key, .delivered, makeAttempt(1, status: 200, .delivered))
        try await reopened.store.redriven(redrive)
        counts = try await reopened.store.currentCounts()
        #expect(counts.pending == 0 && counts.delivered == 1 && counts.agree)
    }

    static func redriveEdited(_ test: StoreUnderTest) async throws {
        let original = try await test.store.accepted(makeOffer("old", to: ["crm"], at: 0))
        let delivery = try #require(try await test.nextFresh().first)
        try await test.store.settled(delivery.key, .dead, makeAttempt(1, status: 422, .dead))
        let body = Array("new".utf8)
        let edited = Event(
            id: EventID(source: "gruveo", body: body), source: "gruveo", receivedAt: Timestamp(milliseconds: 0),
            body: body, routes: ["r"], originalID: original.id)
        let redrive = Redrive(event: edited, destination: "crm", at: Timestamp(milliseconds: 9), isEdited: true)
        try await test.store.redriven(redrive)
        let reopened = try test.reopen()
        try await reopened.store.redriven(redrive)
        let leased = try await reopened.store.leased("crm", 5, now: 60).deliveries
        #expect(leased.map(\.event.id) == [edited.id] && leased.first?.event.originalID == original.id)
        #expect(leased.first?.event.body == body && leased.first?.event.routes == ["r"])
        let counts = try await reopened.store.currentCounts()
        #expect(counts.replayed == 1 && counts.pending == 1 && counts.dead == 1 && counts.agree)
        // A webhook with the bytes of the edited one is no duplicate: its source has not sent them yet.
        let webhook = try await reopened.store.accepted(makeOffer("new", to: ["crm"], at: 1, window: 100))
        #expect(!webhook.isDuplicate && webhook.id != edited.id)
    }

    static func discardOnce(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: ["crm", "chat"], at: 0))
        let fresh = try await test.nextFresh()
        try await test.store.settled(fresh[0].key, .dead, makeAttempt(1, status: 422, .dead))
        for destination in ["crm", "crm", "nobody"] {
            try await test.store.discarded(fresh[0].event.id, destination)
        }
        // It is leased; given back it is pending all the same.
        for _ in 0..<2 {
            let error = await #expect(throws: StoreError.self) {
                try await test.store.discarded(fresh[0].event.id, "chat")
            }
            #expect(error?.kind == .underWay)
            test.store.release([fresh[1].key])
        }
        let counts = try await test.store.currentCounts()
        #expect(counts.discarded == 1 && counts.dead == 0 && counts.pending == 1 && counts.agree)
    }

    static func dropWaiting(_ test: StoreUnderTest) async throws {
        for body in ["a", "b", "c"] { _ = try await test.store.accepted(makeOffer(body, to: ["crm", "chat"], at: 0)) }
        let fresh = try await test.nextFresh()
        let crm = fresh.filter { $0.destination == "crm" }.map(\.key)
        let retry = Settlement.Verdict.retry(at: Timestamp(milliseconds: 900), charged: true)
        try await test.store.settled(crm[0], retry, makeAttempt(1, status: 500))
        // Two are held: they may be on their way. What comes after the first page stays.
        let page = try await test.store.dropped("crm")
        #expect(page == DropPage(dropped: 1, underWay: 2, next: nil, through: 3))
        test.store.release(crm)
        _ = try await test.store.accepted(makeOffer("late", to: ["crm"], at: 1))
        let rest = try await test.store.dropped("crm", through: page.through)
        #expect(rest == DropPage(dropped: 2, underWay: 0, next: nil, through: 3))
        var counts = try await test.store.currentCounts()
        #expect((counts.pending, counts.discarded, counts.dead, counts.agree) == (4, 3, 0, true))

        let reopened = try test.reopen()
        #expect(try await reopened.store.leased("crm", 9, now: 1000).deliveries.map(\.bodyText) == ["late"])
        #expect(try await reopened.store.leased("chat", 9, now: 1000).deliveries.count == 3)
        #expect(try await reopened.store.dropped("nobody").dropped == 0)
        // A replay makes them due after all.
        #expect(try await reopened.store.replayed(["crm"], at: 60) == [.queued])
        #expect(try await reopened.store.leased("crm", 9, now: 1000).deliveries.map(\.bodyText) == ["a"])
        counts = try await reopened.store.currentCounts()
        #expect((counts.pending, counts.discarded, counts.agree) == (5, 2, true))
    }

    static func dropOne(_ test: StoreUnderTest) async throws {
        for body in ["a", "b"] { _ = try await test.store.accepted(makeOffer(body, to: ["crm", "chat"], at: 0)) }
        let fresh = try await test.nextFresh()
        test.store.release(fresh.map(\.key))
        let page = try await test.store.dropped("chat", fresh[0].event.id)
        #expect((page.dropped, page.underWay, page.next) == (1, 0, nil))
        #expect(try await test.store.dropped("chat", fresh[0].event.id).dropped == 0, "once is enough")
        let unknown = EventID(source: "gruveo", body: Array("c".utf8))
        #expect(try await test.store.dropped("chat", unknown).dropped == 0)
        #expect(try await test.store.leased("chat", 9, now: 9).deliveries.map(\.bodyText) == ["b"])
        #expect(try await test.store.leased("crm", 9, now: 9).deliveries.map(\.bodyText) == ["a", "b"])
        let counts = try await test.store.currentCounts()
        #expect((counts.pending, counts.discarded, counts.agree) == (3, 1, true))
    }

    static func attemptsInOrder(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let key = try #require(try await test.nextFresh().first).key
        let first = makeAttempt(1, status: nil, error: "no answer", response: [1, 0, 2])
        let second = makeAttempt(2, status: 503, response: [])
        let third = makeAttempt(3, status: 204, .delivered)
        try await test.store.settled(key, .retry(at: Timestamp(milliseconds: 5), charged: true), first)
        try await test.store.settled(key, .retry(at: Timestamp(milliseconds: 9), charged: true), second)
        try await test.store.settled(key, .delivered, third)
        #expect(try await awaiting { test.store.attempts(of: key, completion: $0) } == [first, second, third])
    }

    static func otherRoutings(_ test: StoreUnderTest) async throws {
        let time = Timestamp(milliseconds: 0)
        for (body, routing) in [("a", Routing.unmatched), ("b", .quarantined(reason: "line 1: no JSON"))] {
            let offer = Offer(
                source: "gruveo", body: Array(body.utf8), receivedAt: time, routing: routing, dedupeMilliseconds: 100)
            #expect(try await !test.store.accepted(offer).isDuplicate)
            #expect(try await test.store.accepted(offer).isDuplicate)
        }
        #expect(try await test.nextFresh().isEmpty)
        let counts = try await test.store.currentCounts()
        #expect(counts.unmatched == 1 && counts.quarantined == 1 && counts.duplicates == 2 && counts.routed == 0)
    }
}
