import JSON
import Synchronization
import Testing

@testable import Relay

struct ReplayerTests {
    private static let routes = """
        {"sources": {"gruveo": {"path": "/g", "keys": [{"env": "KEY"}], "maxAge": "1h"}},
        "destinations": {"crm": {"url": "https://a.example/"}, "log": {"url": "https://b.example/", "ordered": true},
            "made": {"url": "https://c.example/", "body": {"a": "b"}}},
        "routes": [
            {"name": "missed", "match": {"resolution": ["missed"]}, "to": ["crm"]},
            {"name": "again", "match": {"resolution": ["missed"]}, "to": ["crm", "log"], "from": ["gruveo"]}
        ]}
        """
    private let missed = #"{"resolution": "missed"}"#

    private func configuration() throws -> Configuration {
        try #require(try resolved(ReplayerTests.routes, ["KEY": longKey]).configuration)
    }

    private func page(_ request: ReplayRequest, _ store: ShelfStore) async throws -> ReplayPage {
        let replayer = Replayer(store: store, now: { .at(9) }) { store.noteWake($0) }
        return try await replayer.page(request, by: try configuration())
    }

    private func sent(_ page: ReplayPage) -> [String] {
        page.events.map { event in
            "\(event.number) " + (event.destinations.map(\.name) + event.skipped.map(\.reason)).joined(separator: ", ")
        }
    }

    private static let always = ReplayRequest.Selection.received(since: .at(0), until: .at(100))

    @Test func todaysRulesDecide() async throws {
        let store = ShelfStore([
            ShelfStore.shelved(1, missed, [:]), ShelfStore.shelved(2, #"{"resolution": "x"}"#, [:]),
            ShelfStore.shelved(3, #"{"timestamp": -9999999999999}"#, [:], isQuarantined: true),
            ShelfStore.shelved(4, missed, ["crm": .pending, "log": .delivered]),
            ShelfStore.shelved(5, missed, [:], source: "vanished"),
        ])
        let page = try await page(ReplayRequest(Self.always, isDryRun: true), store)
        #expect(
            sent(page) == [
                "1 crm, log", "2 no route wants it",
                "3 quarantined: its timestamp is older than maxAge allows", "4 log, is still on its way", "5 crm",
            ])
        #expect(page.events.map { $0.destinations.filter(\.hadIt).map(\.name) } == [[], [], [], ["log"], []])
        #expect(store.replays.isEmpty && store.wakes.isEmpty, "a dry run writes nothing")
    }

    @Test func routeMatchAndToChoose() async throws {
        let store = ShelfStore([
            ShelfStore.shelved(1, missed, [:]), ShelfStore.shelved(2, #"{"resolution": "x"}"#, [:]),
            ShelfStore.shelved(3, "no JSON", [:], isQuarantined: true),
        ])
        let byRoute = ReplayRequest(Self.always, route: "missed", isDryRun: true)
        #expect(try await sent(page(byRoute, store)) == ["1 crm"])
        let byPattern = ReplayRequest(
            Self.always, destinations: ["log", "log"], match: #"{"resolution": ["x"]}"#, isDryRun: true)
        #expect(try await sent(page(byPattern, store)) == ["2 log"])
        let toAll = ReplayRequest(Self.always, destinations: ["made", "crm"], isDryRun: true)
        let all = try await sent(page(toAll, store))
        #expect(all[..<2] == ["1 made, crm", "2 made, crm"])
        #expect(all[2].hasPrefix("3 crm, its template needs an event that can be read: "))
    }

    @Test func aPageIsOneTransactionAndTheRestIsForTheNext() async throws {
        let store = ShelfStore((1...150).map { ShelfStore.shelved($0, missed, [:]) })
        let first = try await page(ReplayRequest(Self.always), store)
        #expect(first.deliveries == 200 && first.next == 100)
        #expect(store.replays.map(\.entries.count) == [200] && store.wakes == ["crm", "log"])
        #expect(store.replays.first?.entries.prefix(2).map(\.isOrdered) == [false, true])
        #expect(store.replays.first?.entries.first?.routes == ["missed", "again"])
        let ids = (1...150).map { ShelfStore.shelved($0, missed, [:]).event.id }
        var named = ReplayRequest(.ids(ids))
        let half = try await page(named, store)
        #expect(half.next == 100 && half.deliveries == 200)
        named.after = half.next
        let rest = try await page(named, store)
        #expect(rest.next == nil && rest.deliveries == 100)
    }

    @Test func whatTheStoreLeavesAloneIsTold() async throws {
        let store = ShelfStore([ShelfStore.shelved(1, missed, [:])], outcomes: [.stillPending, .gone])
        let page = try await page(ReplayRequest(Self.always), store)
        #expect(page.deliveries == 0)
        #expect(sent(page) == ["1 is still on its way, was pruned meanwhile"])
    }

    @Test func unknownNamesAndEventsSendNothing() async throws {
        let store = ShelfStore([ShelfStore.shelved(1, missed, [:])])
        let known = ShelfStore.shelved(1, missed, [:]).event.id
        var behindUnknown = ReplayRequest(Self.always)
        behindUnknown.afterEvent = EventID(high: 1, low: 2)
        for request in [
            ReplayRequest(Self.always, destinations: ["cmr"]), ReplayRequest(Self.always, route: "mised"),
            ReplayRequest(Self.always, match: "{"), ReplayRequest(.ids([known, EventID(high: 1, low: 2)])),
            behindUnknown,
        ] {
            await #expect(throws: ReplayFault.self) { try await page(request, store) }
        }
        #expect(store.replays.isEmpty)
    }

    @Test func aRequestSurvivesItsJSON() throws {
        var request = ReplayRequest(
            Self.always, route: "r", destinations: ["a", "b"], match: "{}", isDryRun: true)
        request.afterEvent = EventID(high: 1, low: 2)
        request.after = 7
        request.through = 9
        for one in [request, ReplayRequest(.ids([EventID(high: 3, low: 4)]))] {
            let bytes = JSONSerializer.bytes(.object(one.object))
            #expect(JSONSerializer.bytes(.object(try ReplayRequest(bytes).object)) == bytes)
        }
    }

    @Test(arguments: ["[]", "{}", #"{"since": 1}"#, #"{"ids": []}"#, #"{"ids": ["x"]}"#, #"{"since": 1, "until": ""}"#])
    func aRequestThatLacksSomethingIsRefused(_ text: String) {
        #expect(throws: ReplayFault.self) { try ReplayRequest(Array(text.utf8)) }
    }
}

/// A store whose events are given, and which notes what is replayed.
private final class ShelfStore: Store {
    private let shelf: [StoredEvent]
    private let outcomes: [ReplayOutcome]?
    private let noted = Mutex<(replays: [Replay], wakes: [String])>(([], []))

    init(_ shelf: [StoredEvent], outcomes: [ReplayOutcome]? = nil) {
        self.shelf = shelf
        self.outcomes = outcomes
    }

    var replays: [Replay] { noted.withLock(\.replays) }
    var wakes: [String] { noted.withLock(\.wakes) }

    func noteWake(_ name: String) { noted.withLock { $0.wakes.append(name) } }

    static func shelved(
        _ number: Int64, _ body: String, _ deliveries: [String: StoredEvent.Stage], isQuarantined: Bool = false,
        source: String = "gruveo"
    ) -> StoredEvent {
        let event = Event(
            id: EventID(high: 1 << 32, low: UInt64(number)), source: source, receivedAt: .at(number),
            body: Array(body.utf8), routes: [])
        return StoredEvent(number: number, event: event, isQuarantined: isQuarantined, deliveries: deliveries)
    }

    func events(_ query: EventQuery, completion: @escaping @Sendable (Result<EventPage, StoreError>) -> Void) {
        let found =
            switch query {
            case .received(_, _, let after, _): shelf.filter { $0.number > after }
            case .ids(let ids): ids.compactMap { id in shelf.first { $0.event.id == id } }
            }
        completion(.success(EventPage(events: found, next: nil, through: 999, damaged: 0)))
    }

    func replay(_ replay: Replay, completion: @escaping @Sendable (Result<[ReplayOutcome], StoreError>) -> Void) {
        noted.withLock { $0.replays.append(replay) }
        completion(.success(outcomes ?? replay.entries.map { _ in .queued }))
    }

    func accept(_ offer: Offer, completion: @escaping @Sendable (Result<Acceptance, StoreError>) -> Void) {}
    func lease(_ request: LeaseRequest, completion: @escaping @Sendable (Result<Lease, StoreError>) -> Void) {}
    func settle(_ settlement: Settlement, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {}
    func release(_ deliveries: [DeliveryKey]) {}
    func hasten(
        _ destination: String, now: Timestamp, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {}
    func note(
        _ record: LaneRecord, of destination: String,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {}
    func attempts(
        of delivery: DeliveryKey, completion: @escaping @Sendable (Result<[AttemptRecord], StoreError>) -> Void
    ) {}
    func redrive(_ redrive: Redrive, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {}
    func discard(
        _ id: EventID, destination: String, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {}
    func drop(
        _ drop: DropRequest, now: Timestamp, completion: @escaping @Sendable (Result<DropPage, StoreError>) -> Void
    ) {}
    func counts(completion: @escaping @Sendable (Result<StoreCounts, StoreError>) -> Void) {}
}
