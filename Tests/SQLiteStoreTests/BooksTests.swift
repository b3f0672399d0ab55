import GRDB
import Relay
import SQLiteStore
import Testing

@Suite struct BooksTests {
    /// Everything that changes the books, at random: the totals, the rows and the law agree after each round.
    /// What was redriven or replayed, and given back, is refused.
    private func discard(_ letter: Delivery, _ test: StoreUnderTest) async throws {
        do { try await test.store.discarded(letter.event.id, letter.destination) } catch {
            #expect((error as? StoreError)?.kind == .underWay)
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func theBooksAgreeWhateverIsDone(_ seed: UInt64) async throws {
        let sandbox = Sandbox()
        var test = try sandbox.underTest()
        var random = SeededGenerator(state: seed)
        var held: [Delivery] = []
        var dead: [Delivery] = []
        var now: Int64 = 0
        // What somebody holds can be neither redriven nor discarded; a pruned one comes back under another key.
        func isFree(_ letter: Delivery) -> Bool {
            !held.contains { $0.event.id == letter.event.id && $0.destination == letter.destination }
        }
        for round in 0..<120 {
            now += Int64(Int.random(in: 0..<40, using: &random))
            switch Int.random(in: 0..<15, using: &random) {
            case 0..<4:
                let to = ["crm", "chat", "log"].filter { _ in Bool.random(using: &random) }
                let body = "\(Int.random(in: 0..<30, using: &random))"
                _ = try await test.store.accepted(makeOffer(body, to: to, at: now, window: 50))
            case 4..<8:
                guard let delivery = held.popLast() else { break }
                let verdict =
                    [
                        .delivered, .dead, .retry(at: Timestamp(milliseconds: now + 20), charged: true),
                    ][Int.random(in: 0..<3, using: &random)] as Settlement.Verdict
                try await test.store.settled(delivery.key, verdict, makeAttempt(1, status: 500, at: now))
                if verdict == .dead { dead.append(delivery) }
            case 8:
                test.store.release(held.map(\.key))
                held = []
            case 9:
                guard let letter = dead.randomElement(using: &random), isFree(letter) else { break }
                let time = Timestamp(milliseconds: now)
                try await test.store.redriven(
                    Redrive(event: letter.event, destination: letter.destination, at: time))
            case 10:
                guard let letter = dead.randomElement(using: &random), isFree(letter) else { break }
                try await discard(letter, test)
            case 11:
                _ = try await test.store.dropped(["crm", "chat", "log", "late"].randomElement(using: &random) ?? "")
            case 12, 13:
                // Whatever became of them, to one destination of the past and one that is new.
                let page = try await test.store.stored(
                    .received(
                        since: Timestamp(milliseconds: now - 100), until: Timestamp(milliseconds: now), after: 0,
                        through: nil))
                guard let stored = page.events.randomElement(using: &random) else { break }
                try await replay(stored.number, isOrdered: Bool.random(using: &random), test, at: now)
            default:
                guard let store = test.store as? EmbeddedStore else { break }
                var limits = StoreLimits()
                limits.freeSpaceBytes = 0
                limits.retentionMilliseconds = 200
                store.adjust(limits)
                _ = try await awaiting { store.prune(now: Timestamp(milliseconds: now), completion: $0) }
            }
            held += try await test.nextFresh()
            for destination in ["crm", "chat", "log", "late"] {
                held += try await test.store.leased(destination, 2, now: now).deliveries
            }
            #expect(Set(held.map(\.key)).count == held.count, "seed \(seed), round \(round)")
            let counts = try await test.store.currentCounts()
            #expect(counts.agree, "seed \(seed), round \(round): \(counts)")
            #expect(try sandbox.rowsAgree(with: counts), "seed \(seed), round \(round): \(counts)")
            if round % 40 == 39 {
                test = try test.reopen()
                held = []
            }
        }
        #expect(sandbox.reported.isEmpty)
    }

    private func replay(_ number: Int64, isOrdered: Bool, _ test: StoreUnderTest, at now: Int64) async throws {
        let entries = ["crm", "late"].map {
            Replay.Entry(number: number, destination: $0, routes: ["late"], isOrdered: isOrdered)
        }
        _ = try await test.store.replayed(entries, at: now)
    }

    /// Every pending delivery can be leased in the end, however the turns went.
    @Test(arguments: [5, 6, 7] as [UInt64])
    func nothingPendingIsForgotten(_ seed: UInt64) async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        var random = SeededGenerator(state: seed)
        var held: [DeliveryKey] = []
        for round in 0..<300 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: _ = try await test.store.accepted(makeOffer("\(round)", to: ["crm"], at: 0))
            case 2:
                let limit = Int.random(in: 1..<6, using: &random)
                held += try await test.store.leased("crm", limit, now: Int64(round)).deliveries.map(\.key)
            case 3:
                held.shuffle(using: &random)
                let split = Int.random(in: 0...held.count, using: &random)
                test.store.release(Array(held[split...]))
                held = Array(held[..<split])
            default:
                guard let key = held.popLast() else { break }
                let due = Timestamp(milliseconds: Int64(round + 30))
                try await test.store.settled(key, .retry(at: due, charged: true), makeAttempt(1, status: 500))
            }
            held += try await test.nextFresh().map(\.key)
        }
        test.store.release(held)
        var found: Set<DeliveryKey> = []
        var hasMore = true
        while hasMore {
            let lease = try await test.store.leased("crm", 7, now: 10_000)
            #expect(!lease.deliveries.isEmpty || !lease.hasMore)
            found.formUnion(lease.deliveries.map(\.key))
            hasMore = lease.hasMore
        }
        #expect(found.count == (try await test.store.currentCounts().pending))
    }

    private func keepingForASecond(_ test: StoreUnderTest) throws -> EmbeddedStore {
        let store = try #require(test.store as? EmbeddedStore)
        var limits = StoreLimits()
        limits.freeSpaceBytes = 0
        limits.retentionMilliseconds = 1000
        store.adjust(limits)
        return store
    }

    @Test func retentionPrunesWhatIsSettledAndCountsIt() async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        let store = try keepingForASecond(test)
        for number in 0..<300 { store.accept(makeOffer("\(number)", to: ["crm", "chat"], at: 0)) { _ in } }
        _ = try await store.accepted(makeOffer("last", to: [], at: 2000))
        let fresh = try await test.nextFresh()
        // Every third event keeps one delivery pending; the others settle at 500.
        for (position, delivery) in fresh.enumerated() where position % 6 != 5 {
            let verdict: Settlement.Verdict = position % 6 == 0 ? .dead : .delivered
            let attempt = makeAttempt(1, status: 200, .delivered, at: 500)
            store.settle(Settlement(delivery: delivery.key, verdict: verdict, attempt: attempt)) { _ in }
        }
        _ = try await store.accepted(makeOffer("very last", to: [], at: 2000))
        let before = try await store.currentCounts()
        #expect(try await awaiting { store.prune(now: Timestamp(milliseconds: 1502), completion: $0) } == 0)
        #expect(try await awaiting { store.prune(now: Timestamp(milliseconds: 1503), completion: $0) } == 200)
        #expect(try await store.currentCounts() == before)
        #expect(try sandbox.rowsAgree(with: before))
        #expect(try sandbox.meddle { try Int.fetchOne($0, sql: "SELECT count(*) FROM events") } == 102)
        #expect(try sandbox.meddle { try Int.fetchOne($0, sql: "PRAGMA freelist_count") } == 0)

        // A dead letter whose event was pruned comes back under its old id.
        let letter = try #require(fresh.first)
        let redrive = Redrive(event: letter.event, destination: "crm", at: Timestamp(milliseconds: 2000))
        try await store.redriven(redrive)
        let revived = try await test.nextFresh()
        await #expect(throws: StoreError.self) { try await store.redriven(redrive) }
        #expect(revived.map(\.event.id) == [letter.event.id] && revived.first?.key != letter.key)
        var counts = try await store.currentCounts()
        #expect(counts.pending == before.pending + 1 && counts.dead == before.dead - 1 && counts.agree)
        #expect(try sandbox.rowsAgree(with: counts))
        try await store.discarded(fresh[6].event.id, "crm")
        counts = try await store.currentCounts()
        #expect(counts.discarded == 1 && counts.agree)
        #expect(try sandbox.rowsAgree(with: counts))
    }

    /// The first letter brings the event's row back, but not the rows of its other destinations. An edited event is one
    /// like any other, once it has died itself.
    @Test(arguments: [false, true])
    func lettersOfOneEventThatWasPrunedAreEachTakenOutOfTheDead(wasEdited: Bool) async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        let store = try keepingForASecond(test)
        let time = Timestamp(milliseconds: 0)
        if wasEdited {
            let edited = Event(
                id: EventID(source: "gruveo", body: [0x78]), source: "gruveo", receivedAt: time, body: [0x78],
                routes: [], originalID: EventID(source: "gruveo", body: [0x79]))
            for destination in ["a", "b", "c"] {
                try await store.redriven(Redrive(event: edited, destination: destination, at: time, isEdited: true))
            }
        } else {
            _ = try await store.accepted(makeOffer("x", to: ["a", "b", "c"], at: 0))
        }
        let fresh = try await test.nextFresh()
        let event = try #require(fresh.first).event
        for delivery in fresh {
            try await store.settled(delivery.key, .dead, makeAttempt(1, status: 422, .dead, at: 500))
        }
        #expect(try await awaiting { store.prune(now: Timestamp(milliseconds: 5000), completion: $0) } == 1)
        for destination in ["a", "b"] {
            try await store.redriven(
                Redrive(event: event, destination: destination, at: Timestamp(milliseconds: 5000)))
        }
        try await store.discarded(event.id, "c")
        let counts = try await store.currentCounts()
        #expect(counts.dead == 0 && counts.pending == 2 && counts.discarded == 1)
        #expect((counts.routed, counts.replayed) == (wasEdited ? (0, 3) : (3, 0)))
        #expect(counts.agree)
        #expect(try sandbox.rowsAgree(with: counts))
    }

    /// The letter may be the last good copy of the event: whoever redrives it has to keep the file.
    @Test func aLetterOfAnEventWhoseBytesHaveChangedIsNotTaken() async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        _ = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let delivery = try #require(try await test.nextFresh().first)
        try await test.store.settled(delivery.key, .dead, makeAttempt(1, status: 422, .dead))
        let before = try await test.store.currentCounts()
        try sandbox.meddle { try $0.execute(sql: "UPDATE events SET body = x'58'") }
        let reopened = try test.reopen()
        let redrive = Redrive(event: delivery.event, destination: "crm", at: Timestamp(milliseconds: 9))
        await #expect(throws: StoreError.self) { try await reopened.store.redriven(redrive) }
        #expect(try await reopened.store.currentCounts() == before)
    }

    @Test func aReplayIsRefusedWholeWhereNewEventsWouldBe() async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        let store = try #require(test.store as? EmbeddedStore)
        for number in 0..<3 { _ = try await store.accepted(makeOffer("\(number)", to: [], at: 0)) }
        let entries = (1...3).map { number in
            Replay.Entry(number: Int64(number), destination: "crm", routes: [], isOrdered: false)
        }
        var limits = StoreLimits()
        limits.freeSpaceBytes = .max
        store.adjust(limits)
        await #expect(throws: StoreError.self) { try await store.replayed(entries, at: 0) }
        limits.freeSpaceBytes = 0
        limits.backlog = 2
        store.adjust(limits)
        await #expect(throws: StoreError.self) { try await store.replayed(entries, at: 0) }
        #expect(try await store.currentCounts().replayed == 0)
        #expect(try await store.replayed(Array(entries[..<2]), at: 0) == [.queued, .queued])
    }

    /// A delivery that was replayed and delivered again is in the books twice, also when its one row is pruned.
    @Test func whatWasReplayedIsPrunedWithAllThatWasDelivered() async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        let store = try #require(test.store as? EmbeddedStore)
        _ = try await store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let key = try #require(try await test.nextFresh().first).key
        try await store.settled(key, .delivered, makeAttempt(1, status: 200, .delivered))
        for round in 1...3 {
            #expect(try await store.replayed(["crm"], at: Int64(round)) == [.queued])
            #expect(try await store.leased("crm", 1, now: Int64(round)).deliveries.map(\.key) == [key])
            try await store.settled(key, .delivered, makeAttempt(1, status: 200, .delivered, at: Int64(round)))
        }
        #expect(try sandbox.rowsAgree(with: try await store.currentCounts()))
        #expect(try await awaiting { store.prune(now: Timestamp(milliseconds: .max / 2), completion: $0) } == 1)
        let counts = try await store.currentCounts()
        #expect((counts.routed, counts.replayed, counts.delivered, counts.pending) == (1, 3, 4, 0))
        #expect(try sandbox.rowsAgree(with: counts))
        #expect(try sandbox.meddle { try Int.fetchOne($0, sql: "SELECT count(*) FROM attempts") } == 0)
    }

    @Test func anEventWhoseBytesHaveChangedIsCountedAndNotGivenOut() async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        for body in ["a", "b", "c"] { _ = try await test.store.accepted(makeOffer(body, to: [], at: 0)) }
        try sandbox.meddle { try $0.execute(sql: "UPDATE events SET body = x'58' WHERE id = 2") }
        let time = Timestamp(milliseconds: 0)
        let page = try await test.store.stored(.received(since: time, until: time, after: 0, through: nil))
        #expect(page.events.map(\.number) == [1, 3] && page.damaged == 1 && page.next == nil)
    }

    @Test func numbersOfPrunedEventsAreNotUsedAgain() async throws {
        let sandbox = Sandbox()
        var test = try sandbox.underTest()
        _ = try await test.store.accepted(makeOffer("0", to: ["crm"], at: 0))
        let first = try #require(try await test.nextFresh().first)
        try await test.store.settled(first.key, .delivered, makeAttempt(1, status: 200, .delivered))
        let store = try #require(test.store as? EmbeddedStore)
        _ = try await awaiting { store.prune(now: Timestamp(milliseconds: .max / 2), completion: $0) }
        test = try test.reopen()
        _ = try await test.store.accepted(makeOffer("1", to: ["crm"], at: 0))
        let next = try await test.store.leased("crm", 1, now: 0).deliveries
        #expect(next.first.map { $0.key.rawValue > first.key.rawValue } == true)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension Sandbox {
    /// Whether the rows, with what was pruned, are what the totals say.
    func rowsAgree(with counts: StoreCounts) throws -> Bool {
        try meddle { database in
            func number(_ sql: String) throws -> Int { try Int.fetchOne(database, sql: sql) ?? -1 }
            func all(_ state: String, _ name: String) throws -> Int {
                try number("SELECT count(*) FROM deliveries WHERE state \(state)")
                    + (name.isEmpty ? 0 : number("SELECT pruned_\(name) FROM totals"))
            }
            return try all("< 2", "") == counts.pending && all("= 2", "delivered") == counts.delivered
                && all("= 3", "dead") == counts.dead && all("= 4", "discarded") == counts.discarded
        }
    }
}
