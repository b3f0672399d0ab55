import Relay
import Synchronization
import Testing

/// A store under test: how it is made, how it gets its reader of fresh deliveries, and how it is opened again.
struct StoreUnderTest: Sendable {
    let store: any Store
    let fresh: FreshBox
    /// Closes the store and opens its data anew.
    let reopen: @Sendable () throws -> StoreUnderTest
}

/// Collects what a store hands over.
final class FreshBox: Sendable {
    private let batches = Mutex<[[Delivery]]>([])

    func add(_ batch: [Delivery]) { batches.withLock { $0.append(batch) } }

    func take() -> [Delivery] {
        batches.withLock { batches in
            defer { batches = [] }
            return batches.flatMap(\.self)
        }
    }

    var batchSizes: [Int] { batches.withLock { $0.map(\.count) } }
}

/// What every store has to do; each function makes its checks on a fresh, empty store. Another store runs them all
/// with `StoreConformance.all`.
enum StoreConformance {
    typealias Check = @Sendable (StoreUnderTest) async throws -> Void

    static let all: [(name: String, check: Check)] = [
        ("an accepted event is handed over with its bytes", acceptHandsOver),
        ("a duplicate is counted and not forwarded", duplicates),
        ("the window has an edge", windowEdge),
        ("duplicates are known after reopening", duplicatesSurvive),
        ("a delivered one does not come back", deliveredIsGone),
        ("a retry comes back at its time with its attempts", retryComesBack),
        ("a released one is leased again", releaseGivesBack),
        ("nobody gets a delivery that another holds", leasesExclude),
        ("fresh and deferred take turns", turns),
        ("what is new is not left behind a backlog that is being read", newBesideABacklog),
        ("a retry says from when its budget runs", retrySaysItsStart),
        ("in order, what has to wait blocks what came later", arrivalOrder),
        ("the order survives reopening", arrivalOrderSurvives),
        ("a probe gets one that is not due and is told when it is", probeBeforeItsTime),
        ("deferred ones are made due, those of others are not", hasten),
        ("deferred ones are made due after the clock was set back", hastenAfterTheClockWasSetBack),
        ("what fails while deferred ones are made due keeps its due time", hastenWhatFailedBefore),
        ("a budget runs by the lane's clock", laneClock),
        ("unsettled deliveries come back after reopening", pendingSurvive),
        ("a redrive revives a dead one and twice is harmless", redriveTwice),
        ("an edited redrive is an event of its own", redriveEdited),
        ("a discard is counted once", discardOnce),
        ("a drop gives up what waits and nobody holds", dropWaiting),
        ("a drop of one event leaves the others alone", dropOne),
        ("a delivered one is replayed and the books agree", replayDelivered),
        ("a replay revives what is dead and leaves alone what is pending", replayOthers),
        ("unmatched and quarantined events can be replayed", replayUnmatched),
        ("a replay takes turns with new events, or keeps the order", replayTakesTurns),
        ("a replay grows old by its lane's clock", replayByTheLanesClock),
        ("stored events are given out in pages", pages),
        ("attempts are told in order", attemptsInOrder),
        ("unmatched and quarantined events are counted", otherRoutings),
    ]

    static func acceptHandsOver(_ test: StoreUnderTest) async throws {
        let offer = makeOffer("{\"a\":1}", to: ["crm", "chat"], at: 5)
        let acceptance = try await test.store.accepted(offer)
        #expect(acceptance == Acceptance(id: EventID(source: "gruveo", body: offer.body), isDuplicate: false))
        _ = try await test.store.currentCounts()
        let fresh = test.fresh.take()
        #expect(fresh.map(\.destination) == ["crm", "chat"])
        #expect(fresh.allSatisfy { $0.event.id == acceptance.id && $0.event.body == offer.body && $0.attempts == 0 })
        #expect(fresh.allSatisfy { $0.startedAt == Timestamp(milliseconds: 5) && !$0.isReplay })
        let counts = try await test.store.currentCounts()
        #expect(counts.matched == 1 && counts.routed == 2 && counts.pending == 2 && counts.agree)
    }

    static func duplicates(_ test: StoreUnderTest) async throws {
        let offer = makeOffer("x", to: ["crm"], at: 0, window: 100)
        async let first = test.store.accepted(offer)
        async let second = test.store.accepted(offer)
        async let third = test.store.accepted(offer)
        let all = try await [first, second, third]
        #expect(all.filter(\.isDuplicate).count == 2)
        #expect(Set(all.map(\.id)).count == 1)
        let elsewhere = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 0, window: 100, source: "other"))
        #expect(!elsewhere.isDuplicate)
        let counts = try await test.store.currentCounts()
        #expect(counts.duplicates == 2 && counts.matched == 2 && counts.pending == 2)
    }

    static func windowEdge(_ test: StoreUnderTest) async throws {
        let first = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 1000, window: 100))
        #expect(try await test.store.accepted(makeOffer("x", to: ["crm"], at: 1099, window: 100)).isDuplicate)
        let later = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 1100, window: 100))
        #expect(!later.isDuplicate && later.id != first.id)
        // The window runs from the last one that counted, and a clock set back opens none.
        let again = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 1050, window: 100))
        #expect(again == Acceptance(id: later.id, isDuplicate: true))
        let unbounded = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 1100))
        #expect(!unbounded.isDuplicate && unbounded.id != later.id && unbounded.id != first.id)
    }

    static func duplicatesSurvive(_ test: StoreUnderTest) async throws {
        let first = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 1000, window: 100))
        let later = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 1100, window: 100))
        let reopened = try test.reopen()
        let again = try await reopened.store.accepted(makeOffer("x", to: ["crm"], at: 1199, window: 100))
        #expect(again == Acceptance(id: later.id, isDuplicate: true))
        let repeated = try await reopened.store.accepted(makeOffer("x", to: ["crm"], at: 1100))
        #expect(![first.id, later.id].contains(repeated.id))
        #expect(try await reopened.store.currentCounts().duplicates == 1)
    }

    static func deliveredIsGone(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let delivery = try #require(try await test.nextFresh().first)
        try await test.store.settled(delivery.key, .delivered, makeAttempt(1, status: 200, .delivered))
        // Settled twice, as after a lost answer, it is counted once.
        try await test.store.settled(delivery.key, .delivered, makeAttempt(1, status: 200, .delivered))
        let reopened = try test.reopen()
        #expect(try await reopened.store.leased("crm", 10, now: 1_000_000).deliveries.isEmpty)
        let counts = try await reopened.store.currentCounts()
        #expect(counts.delivered == 1 && counts.pending == 0 && counts.agree)
    }

    static func retryComesBack(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let delivery = try #require(try await test.nextFresh().first)
        try await test.store.settled(
            delivery.key, .retry(at: Timestamp(milliseconds: 500), charged: true), makeAttempt(1, status: 503))
        let early = try await test.store.leased("crm", 10, now: 499)
        #expect(early.deliveries.isEmpty && !early.hasMore && early.nextDue == Timestamp(milliseconds: 500))
        let due = try await test.store.leased("crm", 10, now: 500)
        #expect(due.deliveries.map(\.key) == [delivery.key])
        #expect(due.deliveries.first?.attempts == 1 && due.nextDue == nil)
        try await test.store.settled(
            delivery.key, .retry(at: Timestamp(milliseconds: 900), charged: false), makeAttempt(2, status: 503))
        let reopened = try test.reopen()
        let last = try await reopened.store.leased("crm", 10, now: 900)
        #expect(last.deliveries.map(\.attempts) == [1])
    }

    static func releaseGivesBack(_ test: StoreUnderTest) async throws {
        for number in 0..<3 { _ = try await test.store.accepted(makeOffer("\(number)", to: ["crm"], at: 0)) }
        let fresh = try await test.nextFresh()
        #expect(fresh.count == 3)
        test.store.release(fresh.dropFirst().map(\.key))
        // While it is behind, new ones wait for their turn in the table.
        _ = try await test.store.accepted(makeOffer("3", to: ["crm"], at: 0))
        #expect(try await test.nextFresh().isEmpty)
        let first = try await test.store.leased("crm", 2, now: 0)
        #expect(first.deliveries.map(\.bodyText) == ["1", "2"] && first.hasMore)
        let second = try await test.store.leased("crm", 2, now: 0)
        #expect(second.deliveries.map(\.bodyText) == ["3"] && !second.hasMore)
        // It has caught up: new ones are handed over again.
        _ = try await test.store.accepted(makeOffer("4", to: ["crm"], at: 0))
        #expect(try await test.nextFresh().map(\.bodyText) == ["4"])
    }

    static func leasesExclude(_ test: StoreUnderTest) async throws {
        for number in 0..<4 { _ = try await test.store.accepted(makeOffer("\(number)", to: ["crm", "chat"], at: 0)) }
        let fresh = try await test.nextFresh()
        #expect(fresh.count == 8)
        #expect(try await test.store.leased("crm", 10, now: 0).deliveries.isEmpty)
        test.store.release(fresh.filter { $0.destination == "crm" }.map(\.key))
        async let one = test.store.leased("crm", 3, now: 0)
        async let two = test.store.leased("crm", 3, now: 0)
        let keys = try await (one.deliveries + two.deliveries).map(\.key)
        #expect(keys.count == 4 && Set(keys).count == 4)
        #expect(try await test.store.leased("chat", 10, now: 0).deliveries.isEmpty)
    }

    static func turns(_ test: StoreUnderTest) async throws {
        for number in 0..<4 { _ = try await test.store.accepted(makeOffer("\(number)", to: ["crm"], at: 0)) }
        let fresh = try await test.nextFresh()
        for (delivery, due) in zip(fresh[..<2], [20, 10]) {
            try await test.store.settled(
                delivery.key, .retry(at: Timestamp(milliseconds: Int64(due)), charged: true),
                makeAttempt(1, status: 500))
        }
        test.store.release(fresh[2...].map(\.key))
        let lease = try await test.store.leased("crm", 4, now: 30)
        #expect(lease.deliveries.map(\.bodyText) == ["1", "2", "0", "3"])
        test.store.release(lease.deliveries.map(\.key))
        // One at a time the turns go on.
        var bodies: [String] = []
        for _ in 0..<4 { bodies += try await test.store.leased("crm", 1, now: 30).deliveries.map(\.bodyText) }
        #expect(Set(bodies[..<2]) == ["1", "2"] && Set(bodies) == ["0", "1", "2", "3"])
    }

    static func pendingSurvive(_ test: StoreUnderTest) async throws {
        for number in 0..<20 { _ = try await test.store.accepted(makeOffer("\(number)", to: ["crm", "chat"], at: 7)) }
        let reopened = try test.reopen()
        for destination in ["crm", "chat"] {
            var bodies: [String] = []
            var hasMore = true
            while hasMore {
                let lease = try await reopened.store.leased(destination, 6, now: 7)
                bodies += lease.deliveries.map(\.bodyText)
                hasMore = lease.hasMore
            }
            #expect(bodies == (0..<20).map(String.init))
        }
        let delivery = try await reopened.store.accepted(makeOffer("20", to: ["crm"], at: 7))
        #expect(try await reopened.nextFresh().map(\.event.id) == [delivery.id])
    }
}
